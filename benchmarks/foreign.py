"""Does a network take the same time and memory as somebody's ``.onnx`` file as it does as an artifact?

    python benchmarks/foreign.py --prepare               # exports alone
    python benchmarks/foreign.py [--weights NAME] [--work DIR] [-o FILE]

An artifact, and the ONNX file inside it given as ``--onnx``, take turns in one session of `bench`, by ONNX
Runtime and by OpenVINO at 600x400. Exits with 2 where the intervals of the medians part, or where the peak
memory differs by more than 10 %.
"""

import sys
from pathlib import Path
from typing import Any

from _options import parser
from _results import conditions, write

import restorect_edge
from restorect_edge.artifact import Artifact
from restorect_edge.bench.measure.protocol import PROTOCOL
from restorect_edge.bench.measure.record import Row
from restorect_edge.bench.measure.statistics import median_interval
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import candidates

SIDES = (400, 600)
RUNTIMES = ("onnxruntime", "openvino")
LIMIT_PERCENT = 10.0


def main() -> int:
    """Measure both ways on both runtimes and write the rows."""
    command = parser(__doc__, "foreign", weights="lowlight-small")
    command.add_argument(
        "--work", type=Path, default=Path("out/foreign"), help="folder of models (%(default)s)"
    )
    command.add_argument("--prepare", action="store_true", help="export, and measure nothing")
    options = command.parse_args()
    artifact = _prepared(options.work, options.weights)
    if options.prepare:
        return 0
    facts = conditions(
        weights=options.weights,
        image=f"{SIDES[1]}x{SIDES[0]}",
        order="in turns, in one session of bench",
        duration_s=PROTOCOL.duration_s,
        limit_percent=LIMIT_PERCENT,
    )
    rows = [_row(artifact, runtime) for runtime in RUNTIMES]
    write(options.output, "foreign", facts, rows)
    for row in rows:
        print(row)
    return 0 if all(row["agree"] and abs(row["memory_percent"]) <= LIMIT_PERCENT for row in rows) else 2


def _prepared(folder: Path, weights: str) -> Artifact:
    """Return the artifact, which is exported where it is not there yet."""
    found = next(folder.glob(f"{weights}-onnx-*/manifest.json"), None)
    if found is not None:
        return Artifact.open(found.parent)
    return restorect_edge.export(
        weights, target="onnx", precision="fp32", form="whole", shapes=[SIDES], output_dir=folder
    )


def _row(artifact: Artifact, runtime: str) -> dict[str, Any]:
    """Time the artifact and its file by one runtime."""
    file = artifact.path / artifact.manifest.graphs[0].file
    ours = candidates([str(artifact.path)], [file], runtime=runtime)
    own, theirs = Session(ours, Setup(shapes=(SIDES,))).run().rows
    peaks = [row.memory_peak_bytes or 0 for row in (own, theirs)]
    return {
        "runtime": runtime,
        **_numbers("artifact", own),
        **_numbers("file", theirs),
        "agree": not median_interval(own.total_ms).parts_from(median_interval(theirs.total_ms)),
        "memory_percent": round(100 * (peaks[1] / max(peaks[0], 1) - 1), 1),
    }


def _numbers(name: str, row: Row) -> dict[str, Any]:
    interval = median_interval(row.total_ms)
    return {
        f"{name}_ms": round(interval.value, 3),
        f"{name}_interval": [round(interval.low, 3), round(interval.high, 3)],
        f"{name}_peak_mb": round((row.memory_peak_bytes or 0) / 1e6, 1),
        f"{name}_psnr": row.quality.get("psnr"),
    }


if __name__ == "__main__":
    sys.exit(main())
