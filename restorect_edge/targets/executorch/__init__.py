"""ExecuTorch, PyTorch's engine for phones and microcontrollers."""

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
    free_sides = False  # memory is planned for the shape that was traced
    # its quantizer and ours part: a graph whose scales are at the inputs of layers cannot be partitioned
    precisions = ("fp32",)
