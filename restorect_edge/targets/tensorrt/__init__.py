"""TensorRT: an ONNX file whose engine is built on the device."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from restorect_edge.artifact import Artifact
from restorect_edge.targets.base import CAMERA, Backend, Need, Target

__all__ = ["TensorRTTarget"]

JETSON_FILE = Path("/etc/nv_tegra_release")
JETPACK = (
    "TensorRT comes with JetPack (apt install tensorrt python3-libnvinfer), not from PyPI: make the virtual "
    "environment again with python3 -m venv --system-site-packages"
)


def advice(install: str) -> str:
    """Return what TensorRT needs here: on a Jetson it is part of the system."""
    return JETPACK if JETSON_FILE.is_file() else f"an NVIDIA GPU, and {install}; on a Jetson, {JETPACK}"


class TensorRTTarget(Target):
    """ONNX as TensorRT 10 and 11 read it, with a script that builds its engine on the device."""

    name = "tensorrt"
    label = "TensorRT"
    summary = "ONNX for TensorRT 10 and 11 with the script that builds its engine on the device"
    format = "onnx"
    needs = (
        Need("onnx", "export"),
        Need("onnxscript", "export"),
        Need("tensorrt_rtx_bindings", "tensorrt", "tensorrt-rtx-cu12-bindings"),
        Need("onnxruntime", "tensorrt"),
    )
    backends = (
        Backend(
            class_name="TensorRTRuntime",
            libraries=("tensorrt", "tensorrt_rtx_bindings"),
            profiler=f"{__name__}.profiler:ProfiledTensorRTRuntime",
            advice=advice,
        ),
    )
    verified_by = "onnxruntime"
    starts_from = ("onnx",)
    leaves_open = "not run on device"
    precision = "fp16"
    form = "whole"
    sides = CAMERA

    def next_commands(self, artifact: Artifact) -> Iterator[str]:
        """Yield the commands that copy the artifact to the device and build its engine there."""
        path = artifact.path
        yield f"scp -r {shlex.quote(str(path))} user@jetson:{shlex.quote(path.name)}"
        yield f"ssh user@jetson python3 {shlex.quote(path.name)}/build_engine.py"
