"""Do two consecutive sessions of the same artifact agree on its median, within their intervals?

    python benchmarks/repeatability.py [--trials N] [--weights NAME] [-o FILE]

Each session is a process of its own that measures by the protocol of `restorect_edge.bench`, shortened. Two
agree where their intervals of p50 have a value in common; nothing is corrected by the anchor. Exits with 2
where fewer than 9 in 10 do.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import _sessions
from _results import conditions, result_path, write
from tqdm import tqdm

from restorect_edge.bench.record import Report
from restorect_edge.bench.statistics import Interval, median_interval

LEAST = 0.9


def main() -> int:
    options = _parser().parse_args()
    facts = conditions(
        weights=options.weights,
        height=_sessions.SHAPE[0],
        width=_sessions.SHAPE[1],
        threads=options.threads,
        duration_s=options.duration,
        runs=options.runs,
        warm_up_s=options.warm_up,
        least_share=LEAST,
    )
    with tempfile.TemporaryDirectory() as folder:
        artifact = _sessions.export(options.weights, folder, lambda line: print(line, file=sys.stderr))
        rows = [trial(artifact, number, options) for number in tqdm(range(options.trials), desc="trials")]
    write(options.output, "repeatability", facts, rows)
    agreed = sum(row["agree"] for row in rows)
    print(f"{agreed} of {len(rows)} pairs agree")
    print(options.output)
    return 2 if agreed < LEAST * len(rows) else 0


def trial(artifact: Path, number: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure twice in a row."""
    one, other = (interval(_sessions.take(artifact, options)) for _ in range(2))
    return {
        "trial": number,
        **{f"first_{key}_ms": round(value, 4) for key, value in _bounds(one)},
        **{f"second_{key}_ms": round(value, 4) for key, value in _bounds(other)},
        "change_percent": round(100 * (other.value / one.value - 1), 2),
        "agree": not one.parts_from(other),
    }


def interval(report: Report) -> Interval:
    """Return the median of a session's only row."""
    return median_interval(report.rows[0].total_ms)


def _bounds(found: Interval) -> tuple[tuple[str, float], ...]:
    return ("p50", found.value), ("low", found.low), ("high", found.high)


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="lowlight-nano", help="name or file (default: %(default)s)")
    parser.add_argument("--trials", type=int, default=20, help="pairs of sessions (default: %(default)s)")
    _sessions.add_options(parser)
    parser.add_argument("-o", "--output", type=Path, default=result_path("repeatability"), help="result file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
