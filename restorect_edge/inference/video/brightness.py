"""Video whose brightness does not flicker while the camera stands still."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["STREAK", "BrightnessTrack"]

Array = NDArray[np.float32]

BLOCKS = 8
"""Blocks along each side of a picture, whose brightness is compared from frame to frame."""
STILL = 0.016
"""How far, as a share, half of the blocks may change apart from each other in a scene that stands still."""
STREAK = 3
"""Frames that a scene must have stood still for: one may resemble the one before by chance."""
MOVED = 0.1
"""Change apart from the others from which a block shows something that moves, as a share."""
LARGEST = 0.2
"""Change of brightness from which it is the scene's own, as a share."""
DARKEST = 0.1 / 255
"""Level that a block counts with at least, so that ratios of black ones say little."""


class BrightnessTrack:
    """The gain that holds the brightness of a scene that stands still.

    A sensor's noise and lamps on the mains make whole frames brighter and darker. What is expected of each
    of 8×8 blocks follows what is seen, ``e ← smooth·e + (1 − smooth)·seen``, and the gain is the sum of
    what is expected over the sum of what is seen; blocks in which something moves are left out of it. Where
    the blocks change apart from each other, the camera moves: the gain is 1 and the expectation begins anew.

    Args:
        smooth: share of the expectation kept from the frame before, from 0 (the gain is 1) to below 1.
    """

    def __init__(self, smooth: float) -> None:
        self.smooth = smooth
        self._expected: NDArray[Any] | None = None
        self._still = 0

    def step(self, planes: Array) -> float:
        """Return the gain of the next restored frame, (3, H, W) in [0, 1]."""
        if not self.smooth:
            return 1.0
        seen, expected = np.maximum(_blocks(planes), DARKEST), self._expected
        gain = None if expected is None else _gain(expected, seen)
        if expected is None or gain is None:
            self._expected, self._still = seen, 0
            return 1.0
        self._expected = self.smooth * expected + (1 - self.smooth) * seen
        self._still += 1
        return gain if self._still >= STREAK else 1.0

    def reset(self) -> None:
        """Forget the scene."""
        self._expected, self._still = None, 0


def _gain(expected: Array, seen: Array) -> float | None:
    """Return what makes blocks as bright as expected; None where the scene does not stand still."""
    ratio = seen / expected
    # the median is the change of the light: what moves covers fewer than half of the blocks
    apart = np.abs(ratio / np.median(ratio) - 1)
    if np.median(apart) > STILL:
        return None
    still = apart <= MOVED
    gain = float(expected[still].sum() / seen[still].sum())
    # a lamp that is switched on is meant to show
    return gain if abs(gain - 1) < LARGEST else None


def _blocks(planes: Array) -> Array:
    """Return the mean levels, (8, 8) or fewer, of blocks of a picture (3, H, W); what is over is left out."""
    rows, columns = (min(BLOCKS, side) for side in planes.shape[1:])
    height, width = planes.shape[1] // rows, planes.shape[2] // columns
    kept = planes[:, : rows * height, : columns * width]
    means: Array = kept.reshape(3, rows, height, columns, width).mean((0, 2, 4))
    return means
