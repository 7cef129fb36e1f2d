"""Whole sessions of `restorect_edge.bench`, each in a fresh process, and one that is slower on purpose.

python benchmarks/_sessions.py ARTIFACT REPORT.json --slower 0.1
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from _results import conditions

import restorect_edge
from restorect_edge.bench.measure.protocol import PROTOCOL
from restorect_edge.bench.measure.record import Protocol, Report
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import ArtifactCandidate, candidates

__all__ = ["SHAPE", "add_options", "export", "facts", "protocol", "take"]

SHAPE = (400, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowed(ArtifactCandidate):
    """An artifact that does more work per image."""

    slower: float
    """As a share of the time that the image took."""

    def open(self, threads: int | None) -> Any:
        return _Busy(ArtifactCandidate.open(self, threads), self.slower)


class _Busy:
    """Restores an image, and then computes for a share of the time that this took."""

    def __init__(self, restore: Any, slower: float) -> None:
        self._restore, self._slower = restore, slower

    def __getattr__(self, name: str) -> Any:
        return getattr(self._restore, name)

    def __call__(self, image: Any) -> Any:
        started = time.perf_counter()
        restored = self._restore(image)
        until = time.perf_counter() + self._slower * (time.perf_counter() - started)
        while time.perf_counter() < until:
            sum(range(50))
        return restored

    def __enter__(self) -> "_Busy":
        self._restore.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._restore.__exit__(*error)


def take(artifact: Path, options: argparse.Namespace, *, slower: float = 0.0) -> Report:
    """Measure an artifact in a fresh process and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, __file__, str(artifact), str(report), "--slower", str(slower)]
        for name in ("threads", "duration", "runs", "warm_up"):
            command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
        subprocess.run(command, check=True)
        return Report.open(report)


def export(weights: str, folder: str, progress: Callable[[str], None]) -> Path:
    """Export weights to ONNX in float32."""
    progress("exporting")
    made = restorect_edge.export(weights, target="onnx", shapes=[SHAPE], output_dir=folder)
    return made.path


def protocol(options: argparse.Namespace) -> Protocol:
    """Return the protocol of the options of `add_options`."""
    return replace(
        PROTOCOL,
        threads=options.threads,
        duration_s=options.duration,
        least_runs=options.runs,
        least_warm_up_s=options.warm_up,
        warm_up_cap_s=10 * options.warm_up,
    )


def facts(options: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Return the conditions of sessions of one artifact."""
    return conditions(
        weights=options.weights,
        height=SHAPE[0],
        width=SHAPE[1],
        threads=options.threads,
        duration_s=options.duration,
        runs=options.runs,
        warm_up_s=options.warm_up,
        **more,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what a session's protocol is made of."""
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--duration", type=float, default=2.0, help="of a session, least (%(default)s s)")
    parser.add_argument("--runs", type=int, default=100, help="of a session, least (default: %(default)s)")
    parser.add_argument("--warm-up", type=float, default=0.5, help="least (default: %(default)s s)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifact")
    parser.add_argument("report", type=Path)
    parser.add_argument("--slower", type=float, default=0.0)
    add_options(parser)
    options = parser.parse_args()
    (found,) = candidates([options.artifact])
    if options.slower:
        known = {f.name: getattr(found, f.name) for f in fields(found)}
        found = Slowed(**known, slower=options.slower)
    report = Session([found], Setup(protocol=protocol(options), extras=False)).run()
    options.report.write_text(report.to_json(), encoding="utf-8")
    return 0 if report.rows[0].status == "measured" else 5


if __name__ == "__main__":
    sys.exit(main())
