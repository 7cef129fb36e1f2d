"""MNN, Alibaba's inference engine for phones."""

from restorect_edge.targets.base import Backend, Need, Target

__all__ = ["MNNTarget"]


class MNNTarget(Target):
    """MNN files, converted from the ONNX graph."""

    name = "mnn"
    label = "MNN"
    summary = "MNN .mnn for Android, iOS and Linux on ARM"
    format = "mnn"
    needs = (Need("onnx", "export"), Need("onnxscript", "export"), Need("MNN", "mnn"))
    backends = (
        Backend(
            name="mnn",
            label="MNN",
            module=f"{__name__}.runtime",
            class_name="MNNRuntime",
            extra="mnn",
            reads=("mnn",),
            libraries=("MNN",),
        ),
    )
    verified_by = "mnn"
    leaves_open = "not run on device"
    precisions = ("fp32", "fp16")
