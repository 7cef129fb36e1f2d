"""MNN, Alibaba's inference engine for phones."""

from collections.abc import Iterator
from pathlib import Path

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
    starts_from = ("onnx",)
    leaves_open = "not run on device"
    precisions = ("fp32", "fp16")

    def next_commands(self, path: Path) -> Iterator[str]:
        """Yield how to look at its result here, and where the files go."""
        yield from super().next_commands(path)
        yield f"copy '{path}' to the assets of your app; runtimes/android says how to call it"
