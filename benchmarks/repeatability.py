"""Do two consecutive sessions of the same artifact agree on its median, within their intervals?

    python benchmarks/repeatability.py [--trials N] [--weights NAME] [-o FILE]

Each session is a process of its own that measures by the protocol of `restorect_edge.bench`. Two agree where
their intervals of p50 have a value in common: in ms, and as a multiple of the anchor's time. Exits with 2
where fewer than 9 in 10 do in either.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import _sessions
from _options import parser
from _results import write
from tqdm import tqdm

from restorect_edge.bench.compare import relative
from restorect_edge.bench.measure.protocol import PROTOCOL
from restorect_edge.bench.measure.statistics import Interval, median_interval

LEAST = 0.9


def main() -> int:
    options = _parser().parse_args()
    facts = _sessions.facts(
        options,
        least_share=LEAST,
    )
    with tempfile.TemporaryDirectory() as folder:
        artifact = _sessions.export(options.weights, folder, lambda line: print(line, file=sys.stderr))
        rows = [trial(artifact, number, options) for number in tqdm(range(options.trials), desc="trials")]
    write(options.output, "repeatability", facts, rows)
    agreed = {how: sum(row[how] for row in rows) for how in ("agree", "agree_by_anchor")}
    print(f"{agreed['agree']} of {len(rows)} pairs agree in ms, {agreed['agree_by_anchor']} by the anchor")
    print(options.output)
    return 2 if min(agreed.values()) < LEAST * len(rows) else 0


def trial(artifact: Path, number: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure twice in a row."""
    rows = [_sessions.take(artifact, options).rows[0] for _ in range(2)]
    one, other = (median_interval(row.total_ms) for row in rows)
    relative_one, relative_other = map(relative, rows)
    return {
        "trial": number,
        **{f"first_{key}_ms": round(value, 4) for key, value in _bounds(one)},
        **{f"second_{key}_ms": round(value, 4) for key, value in _bounds(other)},
        "change_percent": round(100 * (other.value / one.value - 1), 2),
        "by_anchor_percent": round(100 * (relative_other.value / relative_one.value - 1), 2),
        "agree": not one.parts_from(other),
        "agree_by_anchor": not relative_one.parts_from(relative_other),
    }


def _bounds(found: Interval) -> tuple[tuple[str, float], ...]:
    return ("p50", found.value), ("low", found.low), ("high", found.high)


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "repeatability", weights="lowlight-nano", trials=20)
    _sessions.add_options(found)
    found.set_defaults(duration=PROTOCOL.duration_s, runs=PROTOCOL.least_runs, warm_up=1.0)
    return found


if __name__ == "__main__":
    sys.exit(main())
