"""Why a network cannot be traced, in the words of whoever wrote it, and the way out."""

import re
from pathlib import Path

from restorect_edge.utils.foreign import reason

__all__ = ["why_untraceable"]

_CHANNELS = re.compile(r"to have (\d+) channels?, but got 3")
_ARGUMENT = re.compile(r"missing (?:a|\d+) required (?:positional )?arguments?: '(\w+)'")
_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_AT = re.compile(r"Caused by: \(([^():]+):(\d+) in forward\)")
CONTRACT = "what is exported is an RGB image → RGB image network: wrap it in a module"
DATA_DEPENDENT = ("data-dependent", "DataDependent", "Dynamic control flow", "bool value of Tensor")
SIDES = ("Constraints violated", "marked as dynamic", "specialized it to be a constant", "L['")


def why_untraceable(error: Exception, *, dynamic: bool) -> str:
    """Explain why `torch.export`, or a first run of the network, failed.

    Args:
        error: what was raised.
        dynamic: whether height and width were to stay free.
    """
    text = f"{type(error).__name__}: {error}"
    if found := _CHANNELS.search(text):
        count = f"{found[1]} channel" + ("" if found[1] == "1" else "s")
        return f"it takes images of {count}, and {CONTRACT} with 3 channels as input and output"
    if found := _ARGUMENT.search(text):
        return f"it takes another input '{found[1]}', and {CONTRACT} whose forward takes the image alone"
    if any(sign in text for sign in DATA_DEPENDENT):
        return (
            f"its forward branches on the values of the picture{_place(text)}, which a graph cannot: "
            "use torch.where, or decide outside of the network"
        )
    if dynamic and any(sign in text for sign in SIDES):
        return "its height and width cannot stay free: use --shapes HxW[,HxW] for fixed sizes"
    return reason(error)


def _place(text: str) -> str:
    """Name the line of the user's own code, where the message has it."""
    found = _LINE.search(text) or _AT.search(text)
    return f" ({Path(found[1]).name}, line {found[2]})" if found else ""
