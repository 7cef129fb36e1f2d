"""One window of an image: what the network is given, and what is kept of its result."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.inference.call import Call
from restorect_edge.inference.tiling import Window, cut, kept_part
from restorect_edge.inference.video.stream import Light
from restorect_edge.media.images import from_planes, planes_of, to_planes

__all__ = ["given", "keep"]


def given(call: Call, pixels: NDArray[Any], part: Window, *, levels: bool) -> NDArray[Any]:
    """Return what the network is given of an image.

    Args:
        call: whose buffer is used.
        pixels: (H, W, 3), uint8 or float32 in [0, 1].
        part: the window.
        levels: whether the network takes 8-bit levels.

    Returns:
        Planes (1, 3, h, w) in [0, 1], or levels (1, h, w, 3).
    """
    window = cut(pixels, part.rows, part.columns)
    if levels:
        return np.ascontiguousarray(window[None])
    planes = call.planes.of(part.size)
    to_planes(window, planes)
    return planes


def keep(
    call: Call, part: Window, restored: NDArray[Any], light: Light, result: NDArray[Any], *, levels: bool
) -> None:
    """Write the part of a window's output that counts into the result.

    Args:
        call: whose values are clipped, or are not.
        part: the window; it may reach beyond the image.
        restored: planes (1, 3, scale·h, scale·w), or levels (1, scale·h, scale·w, 3).
        light: whose gain counts where the image was restored in one piece.
        result: (scale·H, scale·W, 3), of the image.
        levels: which of the two `restored` is.
    """
    side = 1 if levels else 2
    scale = restored.shape[side] // part.size[0]
    rows, from_rows = kept_part(part.rows, result.shape[0] // scale, scale)
    columns, from_columns = kept_part(part.columns, result.shape[1] // scale, scale)
    # a window of a fixed graph may lie in the padding alone
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    kept = result[rows, columns]
    gain = light.gain if kept.shape == result.shape else None
    if levels and gain is None:
        kept[:] = restored[0, from_rows, from_columns]
        return
    planes = (
        planes_of(restored[0, from_rows, from_columns]) if levels else restored[0, :, from_rows, from_columns]
    )
    from_planes(planes, kept, 1.0 if gain is None else gain(planes), clip=call.clip)
