"""What networks are shown: the shipped photographs of a task, cut and scaled to each size."""

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from restorect_edge.bench.measure.record import Images
from restorect_edge.media.photos import TASKS, clean, of_task, photos
from restorect_edge.spec import ImageU8, Shape

__all__ = ["Pictures", "describe", "enlarged", "pictures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Photographs of one size, each (H, W, 3) uint8 RGB."""

    task: str
    degraded: tuple[ImageU8, ...]
    clean: tuple[ImageU8, ...]
    """What `degraded` was made from, in the same order; empty for a task without such."""


def pictures(task: str, shape: Shape) -> Pictures:
    """Decode the photographs of a task; for one that has none, the dark ones.

    Args:
        task: such as ``lowlight``.
        shape: (height, width) to cut and scale them to.
    """
    shown = photos(shape, of_task(task))
    targets = clean(shape, task) if task in TASKS else {}
    return Pictures(
        task=task,
        degraded=tuple(np.ascontiguousarray(image) for image in shown.values()),
        clean=tuple(targets[name] for name in shown) if targets else (),
    )


def enlarged(task: str, shape: Shape, scale: int) -> Pictures:
    """Return what a network that enlarges is scored on: photographs, and the same scaled down by bicubic.

    Args:
        task: whose clean photographs are taken, those of ``lowlight`` for one that has none.
        shape: (height, width) of what goes in.
        scale: of the network.
    """
    height, width = shape
    known = task if task in TASKS else "lowlight"
    large = tuple(clean((scale * height, scale * width), known).values())
    small = (Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC) for image in large)
    return Pictures(task=known, degraded=tuple(np.array(image) for image in small), clean=large)


def describe(task: str) -> Images:
    """Return the record of the photographs as they are shipped, before they are cut to a size."""
    shown = photos(folder=of_task(task))
    digest = hashlib.sha256()
    for image in shown.values():
        digest.update(np.ascontiguousarray(image).tobytes())
    return Images(count=len(shown), sha256=digest.hexdigest())
