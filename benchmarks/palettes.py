"""What weights in 8 bits or in palettes save and cost in Core ML, beside the float16 package.

    python benchmarks/palettes.py [--weights NAME] [--size HxW] [-o FILE]

`w8` is what ``--precision w8`` exports; `paletteN` is the float16 package with its weights in palettes of 2^N
values (k-means, coremltools). The MIL interpreter runs all on the shipped photographs of the task: PSNR from
the float32 network, loss against the clean photographs, bytes. Speed needs a device and is not measured.
Exits with 2 where `w8` loses more than the limit or is not smaller than float16.
"""

import os
import shutil
import sys
import tempfile
import warnings
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, report

from restorect_edge.artifact import Artifact
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.media.photos import clean, of_task, photos
from restorect_edge.mil.library import library, quiet
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import backend_class

BITS = (8, 6, 4)
LIMIT = 0.10
"""Greatest mean loss of PSNR in dB."""
LINE = "{variant:9} {bytes:9,} bytes, {worst_db:.1f} dB from float32, loss {loss_db:+.3f} dB"


def main() -> int:
    options = parser(__doc__, "palettes", weights="lowlight-small", size="192x288").parse_args()
    height, _, width = options.size.partition("x")
    facts = conditions(weights=options.weights, size=options.size, limit_db=LIMIT, speed="not measured")
    with tempfile.TemporaryDirectory() as folder:
        made = {p: _export(options.weights, p, (int(height), int(width)), folder) for p in ("fp16", "w8")}
        made |= {f"palette{bits}": palettised(made["fp16"], bits) for bits in BITS}
        rows = [measure(name, artifact, options.weights) for name, artifact in made.items()]
    report(options.output, "palettes", facts, rows, LINE)
    float16, weights8 = rows[:2]
    return 2 if weights8["loss_db"] > LIMIT or weights8["bytes"] >= float16["bytes"] else 0


def palettised(artifact: Artifact, bits: int) -> Artifact:
    """Copy a float16 artifact and put the weights of its package into palettes."""
    path = artifact.path.with_name(f"palette{bits}")
    shutil.copytree(artifact.path, path)
    package = path / artifact.manifest.graphs[0].file
    ct = library("palettes")
    with quiet(), warnings.catch_warnings(), Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        model = ct.models.MLModel(str(package), skip_model_load=True)
        wanted = ct.optimize.coreml.OpPalettizerConfig(mode="kmeans", nbits=bits)
        config = ct.optimize.coreml.OptimizationConfig(global_config=wanted)
        small = ct.optimize.coreml.palettize_weights(model, config)
        shutil.rmtree(package)
        small.save(str(package))
    return Artifact(path, artifact.manifest)


def measure(name: str, artifact: Artifact, weights: str) -> dict[str, Any]:
    """Run a variant on every photograph and compare."""
    shape, task = artifact.manifest.graphs[0].shape, artifact.manifest.task
    targets, distances, losses = clean(shape, task), [], []
    with load(weights) as network, backend_class("mil")(artifact.manifest, artifact.path) as runtime:
        for photograph, image in photos(shape, of_task(task)).items():
            expected, got = network(image), runtime(image)
            distances.append(min(psnr(got, expected), 200.0))
            losses.append(psnr(expected, targets[photograph]) - psnr(got, targets[photograph]))
    return {
        "variant": name,
        "bytes": artifact.bytes,
        "worst_db": round(min(distances), 2),
        "loss_db": round(float(np.mean(losses)), 4),
        "worst_loss_db": round(max(losses), 4),
    }


def _export(weights: str, precision: str, shape: tuple[int, int], folder: str) -> Artifact:
    request = ExportRequest(precision=precision, shapes=[shape], output_dir=folder)
    return prepare(weights, ["coreml"], request).run(progress=lambda line: print(line, file=sys.stderr))[0]


if __name__ == "__main__":
    sys.exit(main())
