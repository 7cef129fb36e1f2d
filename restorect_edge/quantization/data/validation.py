"""Pairs of degraded and clean photographs that the loss of INT8 is measured on (no `torch` needed)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from restorect_edge.errors import UsageError
from restorect_edge.media.photos import TASKS, clean, of_task, photos
from restorect_edge.quantization.data.dataset import GREATEST_SIDE
from restorect_edge.spec import ImageU8
from restorect_edge.training.data.folders import find_pairs

__all__ = ["Validation", "validation_pairs"]

MULTIPLE = 8
"""Sides are cut to this, so that nothing is padded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Pairs to measure on, each (H, W, 3) uint8 RGB with sides that are multiples of 8."""

    degraded: tuple[ImageU8, ...]
    clean: tuple[ImageU8, ...]
    source: str
    """What they are, in words."""
    sha256: str
    """Of their pixels, in order."""

    @classmethod
    def of(cls, pairs: Iterable[tuple[ImageU8, ImageU8]], source: str) -> "Validation":
        """Take pairs of equal size, of each its middle, at most 768 pixels a side.

        Args:
            pairs: (degraded, clean), (H, W, 3) uint8 RGB each.
            source: what they are, in words.
        """
        cut = [(_middle(degraded), _middle(clean)) for degraded, clean in pairs]
        degraded, clean = zip(*cut, strict=True)
        return cls(degraded=degraded, clean=clean, source=source, sha256=_hash([*degraded, *clean]))

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.degraded)


def validation_pairs(folder: Path | None, task: str) -> Validation | None:
    """Decode the pairs to measure on, or None for a task that no clean photographs are shipped for.

    Args:
        folder: of pairs, see `restorect_edge.training.data.folders.find_pairs`; None for the shipped
            photographs.
        task: of the network.

    Raises:
        UsageError: no pairs in the folder, or images that cannot be used.
    """
    if folder is not None:
        pairs = [pair.read() for pair in find_pairs(folder)]
        return Validation.of(pairs, f"pairs '{folder.name}'")
    if task not in TASKS:
        return None
    degraded, targets = photos(folder=of_task(task)), clean(task=task)
    return Validation.of(
        ((image, targets[name]) for name, image in degraded.items()), f"shipped photographs for '{task}'"
    )


def _middle(image: ImageU8) -> ImageU8:
    height, width = (min(side, GREATEST_SIDE) // MULTIPLE * MULTIPLE for side in image.shape[:2])
    if not height or not width:
        raise UsageError(
            f"a validation image is {image.shape[1]}×{image.shape[0]}; sides are at least {MULTIPLE} pixels"
        )
    # the middle, where the subject mostly is
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _hash(images: Sequence[ImageU8]) -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.shape}\n".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()
