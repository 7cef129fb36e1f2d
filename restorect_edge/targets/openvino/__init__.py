"""OpenVINO."""

from restorect_edge.targets.base import Backend, Need, Target

__all__ = ["OpenVINOTarget"]


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
