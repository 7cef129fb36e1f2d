"""ExecuTorch, PyTorch's engine for phones and microcontrollers."""

from collections.abc import Iterator
from pathlib import Path

from restorect_edge.targets.base import Backend, Need, Target

__all__ = ["ExecuTorchTarget"]


class ExecuTorchTarget(Target):
    """ExecuTorch programs whose operators run in XNNPACK."""

    name = "executorch"
    label = "ExecuTorch"
    summary = "ExecuTorch .pte for Android and iOS, fixed sides"
    format = "pte"
    needs = (Need("executorch", "executorch"),)
    backends = (
        Backend(
            name="executorch",
            label="ExecuTorch",
            module=f"{__name__}.runtime",
            class_name="ExecuTorchRuntime",
            extra="executorch",
            reads=("pte",),
            libraries=("executorch.version",),
        ),
    )
    verified_by = "executorch"
    leaves_open = "not run on device"
    sides = ((512, 512),)  # tiles
    free_sides = False  # memory is planned for the shape that was traced
    # its quantizer and ours part: a graph whose scales are at the inputs of layers cannot be partitioned
    precisions = ("fp32",)

    def next_commands(self, path: Path) -> Iterator[str]:
        """Yield how to look at its result here, and where the files go."""
        yield from super().next_commands(path)
        yield f"copy '{path}' to the assets of your app; runtimes/android says how to call it"
