"""The brightness of a video's restored frames, by definition."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pictures import planes, recipe

__all__ = ["BRIGHTNESS", "brightness"]

BLOCKS, STILL, STREAK, MOVED, LARGEST, DARKEST = 8, 0.016, 3, 0.1, 0.2, 0.1 / 255

LOW, HIGH = [20, 30, 25], [220, 200, 230]
LAMPS = (1.0, 1.05, 0.95, 1.02, 0.98, 1.05, 0.95)


def _frame(of: dict[str, Any], light: float = 1.0, moved: list[float] | None = None) -> dict[str, Any]:
    return {"picture": of, "light": light, "moved": moved}


def _scene(height: int = 40, width: int = 56, seed: int = 1) -> dict[str, Any]:
    return recipe(height, width, LOW, HIGH, seed=seed)


BRIGHTNESS: tuple[dict[str, Any], ...] = (
    {
        "name": "lamps do not flicker",
        "smooth": 0.75,
        "frames": [_frame(_scene(), light) for light in LAMPS],
    },
    {
        "name": "sides that are no multiple of eight",
        "smooth": 0.5,
        "frames": [_frame(_scene(45, 61), light) for light in LAMPS],
    },
    {
        "name": "fewer rows than blocks",
        "smooth": 0.5,
        "frames": [_frame(_scene(5, 23), light) for light in LAMPS],
    },
    {
        "name": "what moves before the camera does not count",
        "smooth": 0.9,
        "frames": [
            _frame(_scene(), light, [0, 20, 0, 14, 1.5] if at > 3 else None) for at, light in enumerate(LAMPS)
        ],
    },
    {
        "name": "a camera that moves is left alone",
        "smooth": 0.9,
        "frames": [_frame(_scene(seed=seed)) for seed in range(1, 7)],
    },
    {
        "name": "a scene that becomes brighter by itself is left alone, and held again afterwards",
        "smooth": 0.8,
        "frames": [_frame(_scene(), light) for light in (0.5, 0.5, 0.5, 0.5, 0.9, 0.9, 0.93, 0.9, 0.87)],
    },
    {
        "name": "black",
        "smooth": 0.5,
        "frames": [_frame(recipe(16, 16, [0] * 3, [0] * 3)) for _ in range(5)],
    },
    {
        "name": "without smoothing the gain is 1",
        "smooth": 0.0,
        "frames": [_frame(_scene(), light) for light in LAMPS],
    },
)


def brightness(case: dict[str, Any]) -> dict[str, Any]:
    """Return the case with the gain of each frame."""
    smooth, frames = case["smooth"], []
    expected: NDArray[np.float64] | None = None
    still = 0
    for frame in case["frames"]:
        levels = np.maximum(_blocks(planes(frame)), DARKEST)
        gain = None if expected is None or smooth == 0 else _gain(expected, levels)
        if expected is None or gain is None:
            expected, still = levels, 0
        else:
            expected, still = smooth * expected + (1 - smooth) * levels, still + 1
        frames.append({**frame, "gain": gain if gain is not None and still >= STREAK else 1.0})
    return {**case, "frames": frames}


def _blocks(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean level of each of 8×8 blocks, or as many as there are rows and columns."""
    rows, columns = (min(BLOCKS, side) for side in picture.shape[1:])
    tall, wide = picture.shape[1] // rows, picture.shape[2] // columns
    levels = np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            down, across = row * tall, column * wide
            levels[row, column] = picture[:, down : down + tall, across : across + wide].mean(dtype=float)
    return levels


def _gain(expected: NDArray[np.float64], levels: NDArray[np.float64]) -> float | None:
    """Return what makes the blocks that stand still as bright as expected; None where the scene does not."""
    ratio = levels / expected
    apart = abs(ratio / np.median(ratio) - 1)
    still = apart <= MOVED
    gain = float(expected[still].sum() / levels[still].sum())
    margins = np.median(apart) / STILL, abs(gain - 1) / LARGEST, *(apart / MOVED).ravel()
    # of a scene that moves, which blocks count does not matter
    for margin in margins[:1] if margins[0] > 1 else margins:
        if abs(margin - 1) < 0.02:
            raise ValueError(f"{margin} of a threshold is too near to it to be a vector")
    return gain if margins[0] <= 1 and margins[1] < 1 else None
