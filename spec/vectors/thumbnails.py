"""What the prior looks at, by definition."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pictures import recipe

__all__ = ["THUMBNAILS", "thumbnail"]

DARK, FULL, WHITE = ([2, 4, 1], [30, 41, 25]), ([0] * 3, [255] * 3), ([255] * 3, [255] * 3)


def _case(
    name: str, of: dict[str, Any], *, padded: tuple[int, int], side: int, pool: int = 4
) -> dict[str, Any]:
    return {"name": name, "picture": of, "padded": list(padded), "pool": pool, "side": side}


THUMBNAILS = (
    _case("dark noise", recipe(64, 96, *DARK, ramp=(20, 30)), padded=(64, 96), side=16),
    _case("odd sides, bright", recipe(45, 61, [190] * 3, [240] * 3, ramp=(9, 6)), padded=(48, 64), side=16),
    _case("one pixel", recipe(1, 1, *FULL, seed=5), padded=(8, 8), side=4),
    _case("smaller than a block", recipe(3, 7, *FULL, seed=6), padded=(8, 8), side=4),
    _case("one row", recipe(1, 37, *FULL, seed=7), padded=(8, 40), side=5),
    _case("flat white has no deviation", recipe(16, 24, *WHITE), padded=(16, 24), side=8),
    _case("one level on white", recipe(40, 56, [254] * 3, [255] * 3), padded=(40, 56), side=8),
    _case("black and white", recipe(32, 32, *FULL, ramp=(255, 0)), padded=(32, 32), side=8),
    _case("a photograph's size", recipe(400, 600, *FULL, seed=8, ramp=(0, 60)), padded=(400, 600), side=64),
    _case("long and narrow", recipe(203, 5, *FULL, seed=9), padded=(208, 8), side=24),
    _case("blocks of one pixel", recipe(20, 28, *FULL, seed=10), padded=(24, 32), side=8, pool=1),
    _case("blocks of two", recipe(21, 30, *FULL, seed=11), padded=(24, 32), side=8, pool=2),
    _case("blocks of three", recipe(20, 28, *FULL, seed=12), padded=(24, 30), side=8, pool=3),
    _case("blocks of eight", recipe(45, 61, *FULL, seed=13), padded=(48, 64), side=4, pool=8),
    _case("blocks of sixteen", recipe(33, 50, [253] * 3, [255] * 3), padded=(48, 64), side=3, pool=16),
    _case("blocks of thirty-two", recipe(60, 90, *FULL, seed=14), padded=(64, 96), side=2, pool=32),
)


def thumbnail(pixels: NDArray[np.uint8], padded: Sequence[int], pool: int, side: int) -> NDArray[np.float64]:
    """Return the means of blocks and their standard deviations, (6, side, side), in [0, 1]."""
    rows, columns = ([_reflected(at, pixels.shape[axis]) for at in range(padded[axis])] for axis in (0, 1))
    levels = pixels[rows][:, columns].astype(np.float64) / 255
    blocks = levels.reshape(padded[0] // pool, pool, padded[1] // pool, pool, 3)
    mean = blocks.mean((1, 3), keepdims=True)
    deviation = np.sqrt(((blocks - mean) ** 2).mean((1, 3)))
    cells = np.concatenate([mean[:, 0, :, 0], deviation], axis=2)
    down, across = (_shares(n, side) for n in cells.shape[:2])
    planes: NDArray[np.float64] = np.einsum("yr,rck,xc->kyx", down, cells, across)
    return planes


def _reflected(index: int, length: int) -> int:
    """Walk to and fro between the ends, which are not repeated."""
    at, step = 0, 1
    for _ in range(index if length > 1 else 0):
        step = 1 if at == 0 else -1 if at == length - 1 else step
        at += step
    return at


def _shares(cells: int, side: int) -> NDArray[np.float64]:
    """Share of each input cell in each output cell, (side, cells)."""
    shares = np.zeros((side, cells))
    for row in range(side):
        start, stop = row * cells / side, (row + 1) * cells / side
        for cell in range(cells):
            shares[row, cell] = max(0.0, min(cell + 1, stop) - max(cell, start)) / (stop - start)
    return shares
