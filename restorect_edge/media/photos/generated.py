"""Pictures that a photograph does not stand in for: flat, noisy, saturated and graded ones.

They are computed, so that every machine gets the same: what overflows, saturates or was never calibrated
shows on these first, and rarely on a dark photograph.
"""

import numpy as np
from numpy.typing import NDArray

from restorect_edge.spec import ImageU8

__all__ = ["FLAT_LEVELS", "PURE", "brightened", "flat", "flat_name", "gradient", "noise", "pure", "saturated"]

Size = tuple[int, int]

FLAT_LEVELS = (0, 4, 16, 48, 128, 200, 255)
"""ImageU8 of flat frames: a lens cap, the steps of a fade, a gray wall, a white one, an overexposed sky."""
NAMED = {0: "black", 128: "mid-gray", 255: "white"}
PURE = ("red", "green", "blue", "yellow", "magenta", "cyan")
"""Colors at the corners of the RGB cube, as a stage light or a test card shows them."""
PATCHES = (4, 6)
"""Rows and columns of patches of pure colors."""
BRIGHTENING = 0.4
"""Exponent that turns an ordinary photograph into a bright one."""


def flat_name(level: int) -> str:
    """Return what a verdict calls the flat frame of a level, such as ``black`` or ``flat-48``."""
    return NAMED.get(level, f"flat-{level}")


def flat(size: Size, level: int) -> ImageU8:
    """Return (H, W, 3) pixels of one level, 0 to 255.

    Args:
        size: (height, width) in pixels.
        level: of every value.
    """
    return np.full((*size, 3), level, np.uint8)


def pure(size: Size, name: str) -> ImageU8:
    """Return (H, W, 3) pixels of `size` (height, width) in one of the `PURE` colors, by `name`."""
    first = PURE.index(name)
    lit = (first,) if first < 3 else ((0, 1), (0, 2), (1, 2))[first - 3]
    frame = flat(size, 0)
    frame[..., lit] = 255
    return frame


def noise(size: Size) -> ImageU8:
    """Return (H, W, 3) levels drawn evenly from 0 to 255, the same at every call."""
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def gradient(size: Size) -> ImageU8:
    """Return (H, W, 3) ramps over all levels: red to the right, green downwards, blue to the left."""
    rows, columns = (np.linspace(0, 255, side).round().astype(np.uint8) for side in size)
    down, across = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([across, down, across[:, ::-1]], axis=-1)


def saturated(size: Size) -> ImageU8:
    """Return (H, W, 3) patches of black, white and the six pure colors, side by side."""
    rows, columns = (np.arange(side) * count // side for side, count in zip(size, PATCHES, strict=True))
    corner = (rows[:, None] * 3 + columns[None, :]) % 8  # a corner of the RGB cube, one bit per channel
    return np.stack([(corner >> bit & 1) * 255 for bit in range(3)], axis=-1).astype(np.uint8)


def brightened(photo: ImageU8) -> ImageU8:
    """Return (H, W, 3) levels of a photograph as an overexposed one shows it."""
    lit: NDArray[np.float64] = 255 * (photo / 255) ** BRIGHTENING
    return np.rint(lit).astype(np.uint8)
