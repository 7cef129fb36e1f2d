"""What INT8 loses where an x86 CPU has no VNNI and sums products in 16 bits, for both variants of `--cpu`.

    python benchmarks/saturation.py [--weights NAME] [--size HxW] [-o FILE]      (Linux on x86, qemu-user)

Each artifact restores the shipped photographs of its task three times, in processes of their own: as it is
written, fused on this CPU, and fused without VNNI: ONNX Runtime on a Haswell that QEMU emulates one
instruction after another, OpenVINO with oneDNN limited to AVX2, which gave the same bits as QEMU's Haswell
and is fast. The loss is PSNR against the clean photographs, as written less fused. Exits with 2 where the
`portable` variant loses more than 0.10 dB or falls below 45 dB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, report
from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.artifact import Artifact
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.export.options import CPUS
from restorect_edge.media.photos import clean, of_task, photos
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import backend_class, runtime_for
from restorect_edge.utils.cpu import has_vnni

TARGETS = ("onnx", "openvino")
LIMIT_DB = 0.10
LEAST_DB = 45.0
"""Least PSNR of fused against literal execution: saturation moves single photographs both ways."""
HASWELL = ("qemu-x86_64", "-cpu", "Haswell")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a process is run."""

    name: str
    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    """The target that it means anything for; empty for all."""


HERE = Way(name="here")
WAYS = (
    HERE,
    Way(name="emulated Haswell", only="onnx", prefix=HASWELL),
    Way(name="oneDNN limited to AVX2", only="openvino", environment={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
)

Outputs = dict[str, NDArray[np.uint8]]
LINE = "{target:9} {cpu:8} {ran:22} worst {worst_db:6.2f} dB, loss {loss_db:+.3f} dB"


def main() -> int:
    options = _parser().parse_args()
    if options.child:
        artifact, output, how = options.child
        images: dict[str, Any] = restored(Artifact.open(artifact), literal=how == "as written")
        np.savez(output, **images)
        return 0
    if shutil.which(HASWELL[0]) is None:
        print(f"error: {HASWELL[0]} is missing: apt-get install qemu-user", file=sys.stderr)
        return 1
    facts = conditions(
        weights=options.weights, size=options.size, limit_db=LIMIT_DB, vnni=has_vnni(), qemu=_qemu_version()
    )
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, tqdm(total=12, desc="saturation", disable=None) as bar:
        for cpu in CPUS:
            for artifact in _exports(cpu, options, folder):
                rows += measure(artifact, bar)
    report(options.output, "saturation", facts, rows, LINE)
    safe = [row for row in rows if row["cpu"] == "portable"]
    return 2 if any(row["loss_db"] > LIMIT_DB or row["worst_db"] < LEAST_DB for row in safe) else 0


def measure(artifact: Artifact, bar: Any) -> Iterator[dict[str, Any]]:
    """Yield a row per way of running an artifact fused."""
    shape = artifact.manifest.graphs[0].shape
    targets = clean(shape, artifact.manifest.task)
    written = _in_process(artifact, "as written", bar, HERE)
    for way in WAYS:
        if way.only not in ("", artifact.manifest.target):
            continue
        fused = _in_process(artifact, "fused", bar, way)
        losses = [psnr(written[name], targets[name]) - psnr(fused[name], targets[name]) for name in fused]
        # equal pictures are infinitely close, which is no number in JSON
        distances = [min(psnr(fused[name], written[name]), 200.0) for name in fused]
        yield {
            "target": artifact.manifest.target,
            "cpu": artifact.manifest.options["cpu"],
            "ran": way.name,
            "worst_db": round(min(distances), 2),
            "mean_db": round(float(np.mean(distances)), 2),
            "loss_db": round(float(np.mean(losses)), 4),
            "loss_by_photograph_db": [round(loss, 4) for loss in losses],
            "float32_drop_db": artifact.manifest.verification["psnr_drop"],
        }


def restored(artifact: Artifact, *, literal: bool) -> Outputs:
    """Restore every shipped photograph at the artifact's size, 8 bits in and out."""
    if literal:
        backend = backend_class(runtime_for(artifact.manifest.target)).literal()
        runtime = backend(artifact.manifest, artifact.path, threads=1)
    else:
        runtime = load(artifact.path, threads=1)
    with runtime:
        found = photos(artifact.manifest.graphs[0].shape, of_task(artifact.manifest.task))
        return {name: runtime(photo) for name, photo in found.items()}


def _in_process(artifact: Artifact, how: str, bar: Any, way: Way) -> Outputs:
    output = artifact.path.with_name(f"{artifact.path.name}.npz")
    child = [sys.executable, __file__, "--child", str(artifact.path), str(output), how]
    silent = subprocess.DEVNULL if way.prefix else None  # QEMU names what it does not emulate
    # before the process starts: oneDNN looks once, as it is loaded
    environment = {**os.environ, **way.environment}
    subprocess.run([*way.prefix, *child], env=environment, stderr=silent, check=True)
    bar.update()
    with np.load(output) as found:
        return {name: found[name] for name in found.files}


def _exports(cpu: str, options: argparse.Namespace, folder: str) -> list[Artifact]:
    """Make an artifact per target from one calibration."""
    height, _, width = options.size.partition("x")
    request = ExportRequest(precision="int8", cpu=cpu, shapes=[(int(height), int(width))], output_dir=folder)
    plan = prepare(options.weights, TARGETS, request)
    return plan.run(progress=lambda line: print(line, file=sys.stderr))


def _qemu_version() -> str:
    done = subprocess.run([HASWELL[0], "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[0]


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "saturation", weights="lowlight-small", size="192x288")
    found.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return found


if __name__ == "__main__":
    sys.exit(main())
