"""Whether INT8 means the same on every target: outputs compared pair by pair, executed as they are written,
and how large each artifact is.

    python benchmarks/agreement.py [--weights NAME] [-o FILE]

One calibration, five artifacts at 600x400, run on the shipped photographs of the task: ONNX and TensorRT's
ONNX by ONNX Runtime without optimization, Core ML by the MIL interpreter with float16 as declared, OpenVINO
and LiteRT on their CPU. Core ML gives 8-bit images, the others float. Sizes are those of the native files, in
bytes and as a share of float32's. Exits with 2 where a pair falls below its limit, or a size is over its own.
"""

import sys
import tempfile
from itertools import combinations
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, write
from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.artifact import Artifact
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.media.photos import of_task, photos
from restorect_edge.targets.registry import backend_class

SHAPE = (400, 600)
RUNTIMES = {
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "tensorrt": "onnxruntime",
    "coreml": "mil",
    "litert": "litert",
}
"""What runs each target's artifact."""
LIMIT = 48.0
"""Least PSNR in dB of the worst photograph of a pair."""
LARGEST = 0.35
"""Greatest size, as a share of float32's."""
LARGER = {"litert": 0.40}
"""The same where the graph itself, which says every transposition, weighs more."""

Outputs = dict[str, NDArray[np.float32]]


def main() -> int:
    options = parser(__doc__, "agreement", weights="lowlight-small").parse_args()
    facts = conditions(
        weights=options.weights, height=SHAPE[0], width=SHAPE[1], limit=LIMIT, largest_share=LARGEST
    )
    with tempfile.TemporaryDirectory() as folder:
        artifacts, floating = (exported(options.weights, p, folder) for p in ("int8", "fp32"))
        outputs = {a.manifest.target: restored(a) for a in tqdm(artifacts, desc="running", disable=None)}
        facts["agreement_with_torch"] = {
            a.manifest.target: a.manifest.verification["agreement"] for a in artifacts
        }
        facts["from_float32"] = {a.manifest.target: a.manifest.verification["psnr"] for a in artifacts}
        facts["sizes"] = sizes(artifacts, floating)
    rows = [compare(outputs, one, other) for one, other in combinations(outputs, 2)]
    write(options.output, "agreement", facts, rows)
    for row in rows:
        print(
            f"{row['one']:9} {row['other']:9} worst {row['worst_db']:6.2f} dB, mean {row['mean_db']:6.2f} dB"
        )
    for target, size in facts["sizes"].items():
        print(f"{target:9} {size['int8_bytes'] / 1e6:.3f} MB, {size['share']:.1%} of float32")
    print(options.output)
    large = any(size["share"] > LARGER.get(target, LARGEST) for target, size in facts["sizes"].items())
    return 2 if large or any(row["worst_db"] < LIMIT for row in rows) else 0


def exported(weights: str, precision: str, folder: str) -> list[Artifact]:
    """Make an artifact per target."""
    request = ExportRequest(precision=precision, shapes=[SHAPE], output_dir=folder)
    return prepare(weights, list(RUNTIMES), request).run(progress=lambda line: print(line, file=sys.stderr))


def sizes(artifacts: list[Artifact], floating: list[Artifact]) -> dict[str, dict[str, Any]]:
    """Return bytes of native files by target, and INT8's share of float32's."""
    return {
        small.manifest.target: {
            "int8_bytes": small.bytes,
            "fp32_bytes": large.bytes,
            "share": round(small.bytes / large.bytes, 4),
        }
        for small, large in zip(artifacts, floating, strict=True)
    }


def restored(artifact: Artifact) -> Outputs:
    """Run an artifact on every photograph: (H, W, 3) in [0, 1] by name."""
    backend = backend_class(RUNTIMES[artifact.manifest.target]).literal()
    pictures = photos(SHAPE, of_task(artifact.manifest.task))
    with backend(artifact.manifest, artifact.path) as runtime:
        return {name: runtime(photo.astype(np.float32) / np.float32(255)) for name, photo in pictures.items()}


def compare(outputs: dict[str, Outputs], one: str, other: str) -> dict[str, Any]:
    """Return how far two targets are from each other; 200 dB stands for equality."""
    found = {
        name: round(min(psnr(image, outputs[other][name], peak=1.0), 200.0), 2)
        for name, image in outputs[one].items()
    }
    worst = min(found, key=lambda name: found[name])
    return {
        "one": one,
        "other": other,
        "worst_db": found[worst],
        "worst_image": worst,
        "mean_db": round(float(np.mean(list(found.values()))), 2),
        "images": len(found),
    }


if __name__ == "__main__":
    sys.exit(main())
