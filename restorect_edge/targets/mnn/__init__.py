"""MNN, Alibaba's inference engine for phones."""

from restorect_edge.targets.base import Backend, Need, PhoneTarget

__all__ = ["MNNTarget"]


class MNNTarget(PhoneTarget):
    """MNN files, converted from the ONNX graph."""

    name = "mnn"
    label = "MNN"
    summary = "MNN .mnn for Android, iOS and Linux on ARM"
    format = "mnn"
    needs = (Need("onnx", "export"), Need("onnxscript", "export"), Need("MNN", "mnn"))
    backends = (Backend(class_name="MNNRuntime", libraries=("MNN",)),)
    starts_from = ("onnx",)
    precisions = ("fp32", "fp16")
