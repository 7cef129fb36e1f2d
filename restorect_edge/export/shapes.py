"""Image sizes as they are typed."""

from collections.abc import Iterable

from restorect_edge.errors import UsageError

__all__ = ["parse_shapes", "written_shapes"]


def parse_shapes(text: str) -> list[tuple[int, int]]:
    """Parse ``HxW[,HxW]``, such as ``400x600,720x1280``, into (height, width) pairs.

    Raises:
        UsageError: something else.
    """
    shapes = []
    for part in text.split(","):
        height, separator, width = part.strip().lower().partition("x")
        if not (separator and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            raise UsageError(f"'{part}' is not a shape; write height x width, such as 400x600,720x1280")
        shapes.append((int(height), int(width)))
    return shapes


def written_shapes(shapes: Iterable[tuple[int, int]]) -> str:
    """Return (height, width) pairs as they are typed."""
    return ",".join(f"{height}x{width}" for height, width in shapes)
