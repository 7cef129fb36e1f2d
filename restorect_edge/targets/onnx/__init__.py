"""ONNX, run by ONNX Runtime."""

from restorect_edge.targets.base import Backend, Need, Target

__all__ = ["ONNXTarget"]


class ONNXTarget(Target):
    """ONNX for ONNX Runtime, and the graph that other targets start from."""

    name = "onnx"
    label = "ONNX"
    summary = "ONNX, opset 18, for ONNX Runtime anywhere"
    format = "onnx"
    needs = (
        Need("onnx", "export"),
        Need("onnx_ir", "export"),
        Need("onnxscript", "export"),
        Need("onnxruntime", "onnxruntime"),
    )
    backends = (
        Backend(
            name="onnxruntime",
            label="ONNX Runtime",
            class_name="ONNXRuntime",
            extra="onnxruntime",
            profiler=f"{__name__}.profiler:ProfiledONNXRuntime",
        ),
    )
    levels = True
    starts_from = ("onnx",)
    x86 = True
    triton = "onnxruntime"
    ovms = True
