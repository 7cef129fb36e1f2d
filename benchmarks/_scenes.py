"""Dark video of photographs whose clean pictures are known, with the noise model that training has."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restorect_edge.training.data.degradations import Camera, LowLight

__all__ = ["FRAMES_PER_SECOND", "SCENES", "SIZE", "Frame", "filmed"]

Levels = NDArray[np.uint8]

SIZE = (240, 320)
FRAMES_PER_SECOND = 30
EXPOSURE = 0.03
SHAKE = 8
"""Pixels that a hand moves the camera at most, each way together."""
MAINS_HZ, MAINS = 100, 0.05
"""How often lamps on 50 Hz mains brighten a second, and by how much."""
SCENES = ("static", "shake", "mains")
"""A camera on a stand; one in a hand; one on a stand, in the light of lamps that flicker themselves."""
CAMERA = Camera(
    shot=(2.2e-4, 2.2e-4),
    read=(5.6e-4, 5.6e-4),
    row=(0.06, 0.06),
    grain=(0.3, 0.3),
    shared=(0.22, 0.22),
    red_gain=(1.8, 1.8),
    blue_gain=(1.5, 1.5),
    bits=(10, 10),
    jpeg=0.0,
)
"""The middle of each range that training draws from, so that frames differ by their noise alone."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A dark frame, (H, W, 3), and where in it lies what every frame of its scene shows."""

    pixels: Levels
    rows: slice
    columns: slice

    def shared(self, picture: Levels) -> Levels:
        """Return the part of a picture of this frame that all frames of the scene show."""
        return picture[self.rows, self.columns]


def filmed(clean: Levels, scene: str, count: int, seed: int = 0) -> Iterator[Frame]:
    """Yield `count` frames of `SIZE`, cut from a larger picture.

    Args:
        clean: (H, W, 3), at least `SHAKE` pixels larger each way.
        scene: one of `SCENES`.
        count: how many.
        seed: of the hand and of the noise.
    """
    hand = np.random.default_rng(seed)
    for index in range(count):
        shift = hand.integers(0, SHAKE + 1, 2) if scene == "shake" else (SHAKE // 2, SHAKE // 2)
        light = 1 + MAINS * np.sin(2 * np.pi * MAINS_HZ * index / FRAMES_PER_SECOND)
        exposure = EXPOSURE * (light if scene == "mains" else 1.0)
        top, left = (int(side) for side in shift)
        window = clean[top : top + SIZE[0], left : left + SIZE[1]].astype(np.float32) / np.float32(255)
        # by scene alike: frames of the same number have the same noise
        dark = _camera(exposure)(window, np.random.default_rng([seed, index]))
        # all frames have what lies from SHAKE on in the picture, each at another place
        rows, columns = (
            slice(SHAKE - at, SHAKE - at + side - SHAKE) for at, side in zip((top, left), SIZE, strict=True)
        )
        yield Frame(np.rint(255 * dark).astype(np.uint8), rows, columns)


def _camera(exposure: float) -> LowLight:
    return LowLight(
        exposure=(exposure, exposure), red=(1.0, 1.0), blue=(1.0, 1.0), tone=(1.15, 1.15), camera=CAMERA
    )
