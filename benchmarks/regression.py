"""Does `bench compare` flag an artifact that was made 10 % slower, and leave an identical one alone?

    python benchmarks/regression.py [--trials N] [--weights NAME] [-o FILE]

A trial is three sessions, each a process of its own: the artifact, the same again, and the same with real
work added to every call, for 10 % of the time that the call took. Exits with 2 where one that is slower is
not flagged, or one that is identical is.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _sessions
from _options import parser
from _results import write
from tqdm import tqdm

from restorect_edge.bench.compare import THRESHOLD, compare

KINDS = {"identical": 0.0, "slower": 0.10}


def main() -> int:
    options = _parser().parse_args()
    facts = _sessions.facts(
        options,
        slower_percent=100 * KINDS["slower"],
        threshold_percent=100 * THRESHOLD,
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        artifact = _sessions.export(options.weights, folder, lambda line: print(line, file=sys.stderr))
        for number in tqdm(range(options.trials), desc="trials"):
            rows += trial(artifact, number, options)
    write(options.output, "regression", facts, rows)
    flagged = {kind: sum(r["flagged"] for r in rows if r["kind"] == kind) for kind in KINDS}
    for kind, count in flagged.items():
        print(f"{count} of {options.trials} that are {kind} are flagged")
    print(options.output)
    return 2 if flagged != {"identical": 0, "slower": options.trials} else 0


def trial(artifact: Path, number: int, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure once before, and once after each kind of change."""
    before = _sessions.take(artifact, options)
    for kind, slower in KINDS.items():
        (change,) = compare(before, _sessions.take(artifact, options, slower=slower)).changes
        yield {
            "trial": number,
            "kind": kind,
            "before_ms": round(change.before_ms.value, 4),
            "after_ms": round(change.after_ms.value, 4),
            "change_percent": round(100 * (change.ratio - 1), 2),
            "machine_percent": None if change.machine is None else round(100 * (change.machine - 1), 2),
            "corrected": change.corrected,
            "verdict": change.verdict,
            "flagged": change.verdict == "slower",
        }


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "regression", weights="lowlight-nano", trials=20)
    _sessions.add_options(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
