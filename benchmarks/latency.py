"""How long does each network take on this machine, in FP32 and INT8, by ONNX Runtime and OpenVINO?

    python benchmarks/latency.py --prepare              # exports alone, which a busy machine does not spoil
    python benchmarks/latency.py [--models NAME ...] [-o DIR]

By the protocol of `restorect_edge.bench`: the four artifacts of a network take turns at each size. Each
network has a folder of its own with report.json, report.md and report.html; one whose report is there is not
measured again, so that the script can run in parts. Then a page of all of them is made. Exits with 5 where a
row failed.
"""

import argparse
import sys
from pathlib import Path

from _results import result_path
from _sessions import protocol
from render import render

from restorect_edge.bench.measure.protocol import PROTOCOL
from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.report.write import FILES, write
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import candidates
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.export.shapes import parse_shapes
from restorect_edge.weights import names

NETWORKS = ("lowlight-nano", "lowlight-small", "lowlight-base")
PRECISIONS = ("fp32", "int8")
TARGETS = ("onnx", "openvino")
JSON = FILES[0]


def main() -> int:
    options = _parser().parse_args()
    models = options.models or [name for name in NETWORKS if name in names()]
    artifacts = {model: exported(model, options) for model in models}
    if options.prepare:
        return 0
    for model, paths in artifacts.items():
        folder = options.output / model
        if (folder / JSON).is_file() and not options.overwrite:
            _say(f"'{folder / JSON}' is there already; --overwrite measures again")
        else:
            write(measure(paths, options), folder)
    rows = [row for report in combine(options.output) for row in report.rows]
    for row in rows:
        if row.status != "measured":
            _say(f"{row.subject.name} {row.subject.precision}: {row.status}: {row.reason}")
    print(options.output)
    return 5 if any(row.status == "failed" for row in rows) else 0


def exported(model: str, options: argparse.Namespace) -> list[str]:
    """Export a network, where that has not been done, and return the folders of its four artifacts."""
    found: list[str] = []
    for precision in PRECISIONS:
        request = ExportRequest(
            precision=precision, shapes=parse_shapes(options.shapes), output_dir=options.work
        )
        plan = prepare(model, TARGETS, request)
        if not all(path.is_dir() for path in plan.paths):
            plan.run(overwrite=True, progress=_say)
        found += map(str, plan.paths)
    return found


def measure(artifacts: list[str], options: argparse.Namespace) -> Report:
    """Measure artifacts in turns."""
    return Session(candidates(artifacts), Setup(protocol=protocol(options), profile=True)).run()


def combine(folder: Path) -> list[Report]:
    """Make a page of all networks that have been measured, and return their reports."""
    found = [folder / name / JSON for name in NETWORKS]
    reports = [Report.open(path) for path in found if path.is_file()]
    render(folder, folder)
    return reports


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--models", nargs="+", choices=NETWORKS, metavar="NAME", help="default: all whose weights are there")
    add("--shapes", default="400x600,720x1280,1080x1920", help="HxW, comma-separated (%(default)s)")
    add("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    add("--duration", type=float, default=PROTOCOL.duration_s, help="of a row, least (%(default)s s)")
    add("--runs", type=int, default=PROTOCOL.least_runs, help="of a row, least (default: %(default)s)")
    add("--warm-up", type=float, default=PROTOCOL.least_warm_up_s, help="least (default: %(default)s s)")
    add("--work", type=Path, default=Path("out/latency"), help="where artifacts are kept (%(default)s)")
    add("--prepare", action="store_true", help="export, and measure nothing")
    add("--overwrite", action="store_true", help="measure again what has a report")
    add("-o", "--output", type=Path, default=result_path("").parent / "latency", help="folder of results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
