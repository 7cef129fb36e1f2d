"""Degradations made on the fly from clean photographs: physical models, a task each (no `torch` needed).

Every one is a frozen dataclass of the ranges that it draws from, called with a clean image and a generator,
so that ``DEGRADATIONS["lowlight"](clean, np.random.default_rng([seed, index]))`` is the same in every run.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import unknown_name
from restorect_edge.training.data.degradations.backlit import Backlit
from restorect_edge.training.data.degradations.camera import NOISELESS, Camera
from restorect_edge.training.data.degradations.fundus import Fundus
from restorect_edge.training.data.degradations.lowlight import LowLight
from restorect_edge.training.data.degradations.underwater import JERLOV, Underwater

__all__ = [
    "DEGRADATIONS",
    "JERLOV",
    "NOISELESS",
    "Backlit",
    "Camera",
    "Degradation",
    "Fundus",
    "LowLight",
    "Underwater",
    "degradation",
]


class Degradation(Protocol):
    """What makes a degraded image of a clean one."""

    def __call__(self, clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return what a camera would have stored.

        Args:
            clean: (H, W, 3) float32, sRGB in [0, 1]; is not changed.
            rng: of all draws.

        Returns:
            (H, W, 3) float32, sRGB in multiples of 1/255.
        """


DEGRADATIONS: Mapping[str, Degradation] = MappingProxyType(
    {"backlit": Backlit(), "fundus": Fundus(), "lowlight": LowLight(), "underwater": Underwater()}
)
"""The default degradation of each task."""


def degradation(task: str) -> Degradation:
    """Return the default degradation of a task; raise `UsageError` for a task that has none."""
    if task not in DEGRADATIONS:
        raise unknown_name("task with a degradation", task, DEGRADATIONS)
    return DEGRADATIONS[task]
