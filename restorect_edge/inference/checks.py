"""What is checked of native files and their outputs, so that an artifact that lies is refused by name."""

from collections.abc import Sequence
from typing import Any

from restorect_edge.artifact import GraphFile
from restorect_edge.errors import IncompatibleError
from restorect_edge.inference.tiling import Size

__all__ = ["check_output", "check_sides"]


def check_sides(graph: GraphFile, shape: Sequence[Any], *, levels: bool = False) -> None:
    """Refuse a file that takes other sides than its manifest says, which it would be run at.

    Args:
        graph: what the manifest says.
        shape: (N, C, H, W) of the image as the file has it, (N, H, W, C) of levels; empty where that is not
            known.
        levels: whether the manifest says that images are 8-bit levels.

    Raises:
        IncompatibleError: they differ, or a prior is said to take an image.
    """
    if graph.role == "prior":
        if graph.shape:
            raise IncompatibleError(
                f"'{graph.file}' is a prior, which takes a thumbnail, but the manifest says images of "
                f"{graph.shape[0]}x{graph.shape[1]}; export or copy the artifact again"
            )
        return
    sides = shape[1:3] if levels else shape[2:]
    found = tuple(side if isinstance(side, int) and side > 0 else None for side in sides)
    wrong = found != graph.shape if graph.shape else all(found)
    if len(shape) == 4 and wrong:
        takes, said = (
            f"{pair[0]}x{pair[1]}" if all(pair) else "any size" for pair in (found, graph.shape or (0, 0))
        )
        raise IncompatibleError(
            f"'{graph.file}' takes {takes}, but the manifest says {said}; export or copy the artifact again"
        )


def check_output(shape: tuple[int, ...], window: Size, scale: int, *, levels: bool = False) -> None:
    """Raise `IncompatibleError` where a network's output has not the size that its spec promises.

    Args:
        shape: of the output.
        window: (height, width) of the input.
        scale: of the spec.
        levels: whether channels come last.
    """
    sides = window[0] * scale, window[1] * scale
    expected = (1, *sides, 3) if levels else (1, 3, *sides)
    if tuple(shape) != expected:
        raise IncompatibleError(
            f"the network gave {tuple(shape)} for an input of {window[0]}x{window[1]}, expected {expected}: "
            f"its ImageSpec says scale {scale}"
        )
