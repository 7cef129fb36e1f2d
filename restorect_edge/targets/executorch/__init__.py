"""ExecuTorch, PyTorch's engine for phones and microcontrollers."""

from restorect_edge.targets.base import TILES, Backend, Need, PhoneTarget

__all__ = ["ExecuTorchTarget"]


class ExecuTorchTarget(PhoneTarget):
    """ExecuTorch programs whose operators run in XNNPACK."""

    name = "executorch"
    label = "ExecuTorch"
    summary = "ExecuTorch .pte for Android and iOS, fixed sides"
    format = "pte"
    needs = (Need("executorch", "executorch"),)
    backends = (Backend(class_name="ExecuTorchRuntime", libraries=("executorch.version",)),)
    sides = TILES
    free_sides = False  # memory is planned for the shape that was traced
    # its quantizer and ours part: a graph whose scales are at the inputs of layers cannot be partitioned
    precisions = ("fp32",)
