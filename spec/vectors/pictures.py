"""Pictures that every language makes by itself, to the byte."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["picture", "planes", "recipe"]


def recipe(
    height: int, width: int, low: list[int], high: list[int], *, seed: int = 1, ramp: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """Return the description of a picture.

    Args:
        height: rows.
        width: columns.
        low: smallest level of red, green and blue.
        high: largest one.
        seed: of the noise between them.
        ramp: levels added from the first to the last row, and from the first to the last column.
    """
    return {"height": height, "width": width, "low": low, "high": high, "seed": seed, "ramp": list(ramp)}


def picture(of: dict[str, Any]) -> NDArray[np.uint8]:
    """Make the picture (height, width, 3) of a `recipe`."""
    height, width, (down, across) = of["height"], of["width"], of["ramp"]
    state, values = of["seed"], []
    for row in range(height):
        for column in range(width):
            for low, high in zip(of["low"], of["high"], strict=True):
                state = (state * 1664525 + 1013904223) % 2**32
                level = low + ((state >> 24) * (high - low + 1) >> 8)
                values.append(min(255, level + down * row // height + across * column // width))
    return np.array(values, np.uint8).reshape(height, width, 3)


def planes(frame: dict[str, Any]) -> NDArray[np.float32]:
    """Make restored planes (3, height, width): levels / 255 times the light, a part times its own factor."""
    made = picture(frame["picture"]).astype(np.float64).transpose(2, 0, 1) / 255 * frame["light"]
    if frame["moved"] is not None:
        top, bottom, left, right, factor = frame["moved"]
        made[:, top:bottom, left:right] *= factor
    return made.astype(np.float32)
