"""What INT8 costs on pairs of degraded and clean images, every target as written and fused.

    python benchmarks/drop.py --data DIR [--weights NAME] [-o FILE]

One calibration, five artifacts of the size of the first pair, scored by protocol `standard`. *Literal* runs
the graph as it is written (Core ML by the MIL interpreter, float16 as declared); *fused* is what ONNX Runtime
and OpenVINO really do on this CPU. Exits with 2 where the mean drop is over the limit.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, report
from agreement import RUNTIMES
from tqdm import tqdm

from restorect_edge import Runtime, load
from restorect_edge.artifact import Artifact
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.targets.registry import backend_class
from restorect_edge.training.data.folders import Pair, find_pairs

FUSED = ("onnx", "openvino")
"""Targets that run on this CPU as they would be used."""
LIMIT = 0.10
"""Greatest mean drop in dB."""
LINE = (
    "{target:9} {execution:8} {fp32_db:6.3f} → {int8_db:6.3f} dB, "
    "drop {drop_db:+.3f}, worst {worst_drop_db:+.3f}"
)


def main() -> int:
    options = _parser().parse_args()
    pairs = find_pairs(options.data)
    shape = pairs[0].size()[::-1]
    facts = conditions(
        weights=options.weights, pairs=len(pairs), height=shape[0], width=shape[1], limit=LIMIT
    )
    with load(options.weights) as network:
        expected = scores(network, pairs, "float32")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        request = ExportRequest(precision="int8", shapes=[shape], output_dir=folder)
        plan = prepare(options.weights, list(RUNTIMES), request)
        for artifact in plan.run(progress=lambda line: print(line, file=sys.stderr)):
            rows += measured(artifact, pairs, expected)
    return report(options.output, "drop", facts, rows, LINE, lambda row: row["drop_db"] > LIMIT)


def measured(artifact: Artifact, pairs: Sequence[Pair], expected: list[float]) -> list[dict[str, Any]]:
    """Return a row for literal execution and, where the CPU runs the target, one for fused."""
    target = artifact.manifest.target
    backend = backend_class(RUNTIMES[target])
    ways = {"literal": backend.literal()} | ({"fused": backend} if target in FUSED else {})
    rows = []
    for execution, kind in ways.items():
        with kind(artifact.manifest, artifact.path) as runtime:
            got = scores(runtime, pairs, f"{target} {execution}")
            drops = np.subtract(expected, got)
            rows.append(
                {
                    "target": target,
                    "execution": execution,
                    "provider": runtime.provider,
                    "fp32_db": round(float(np.mean(expected)), 3),
                    "int8_db": round(float(np.mean(got)), 3),
                    "drop_db": round(float(np.mean(drops)), 3),
                    "worst_drop_db": round(float(np.max(drops)), 3),
                }
            )
    return rows


def scores(runtime: Runtime, pairs: Sequence[Pair], label: str) -> list[float]:
    """Return the PSNR of each pair in dB, 8-bit images."""
    found = []
    for pair in tqdm(pairs, desc=label, disable=None):
        degraded, clean = pair.read()
        found.append(psnr(runtime(degraded), clean))
    return found


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "drop", weights="lowlight-small")
    found.add_argument("--data", type=Path, required=True, help="folder of pairs, all of one size")
    return found


if __name__ == "__main__":
    sys.exit(main())
