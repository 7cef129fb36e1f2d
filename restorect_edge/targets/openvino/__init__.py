"""OpenVINO."""

import sys

from restorect_edge.targets.base import Backend, Need, Target

__all__ = ["OpenVINOTarget"]

# OpenVINO reports each import and conversion to its makers, from a process forked off this one, unless the
# library that does so is missing: a camera does not report, and other libraries' threads break in forks.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


class OpenVINOTarget(Target):
    """OpenVINO's intermediate representation."""

    name = "openvino"
    label = "OpenVINO"
    summary = "OpenVINO IR for Intel CPU, GPU and NPU"
    format = "ir"
    needs = (Need("onnx", "export"), Need("onnxscript", "export"), Need("openvino", "openvino"))
    backends = (
        Backend(
            class_name="OpenVINORuntime",
            reads=("ir", "onnx"),
            profiler=f"{__name__}.profiler:ProfiledOpenVINORuntime",
        ),
    )
    levels = True
    starts_from = ("onnx",)
    x86 = True
    triton = "openvino"
    triton_kind = "KIND_CPU"  # the only one that this backend has
    ovms = True
