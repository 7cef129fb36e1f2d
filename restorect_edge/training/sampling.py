"""Random training samples, deterministic per seed and step, so that a resumed run sees the same."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorect_edge.models.blocks import POOL, area_thumbnail

__all__ = ["Batch", "draw"]

Images = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step, RGB in [0, 1]."""

    degraded: Tensor
    """(N, 3, P, P)."""
    clean: Tensor
    """(N, 3, P, P)."""
    thumbnail: Tensor
    """(N, 3, S, S), of the whole degraded image or a large part of it."""
    clean_thumbnail: Tensor
    """(N, 3, S, S), of the same part of the clean image."""


def draw(images: Images, *, step: int, seed: int, batch: int, patch: int, thumbnail: int) -> Batch:
    """Draw the batch of a step from decoded pairs."""
    rng = np.random.default_rng([seed, step])
    samples = [_sample(images[rng.integers(len(images))], rng, patch, thumbnail) for _ in range(batch)]
    return Batch(*(torch.stack(column) for column in zip(*samples, strict=True)))


def _sample(
    pair: tuple[NDArray[np.uint8], NDArray[np.uint8]], rng: np.random.Generator, patch: int, thumbnail: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    degraded, clean = (_tensor(_orient(image, code)) for code in [int(rng.integers(8))] for image in pair)
    degraded, clean = _window(degraded, clean, rng, patch)
    degraded = _vary_exposure(degraded, clean, rng)
    thumbs = [area_thumbnail(image[None], thumbnail)[0] for image in (degraded, clean)]
    top = int(rng.integers(degraded.shape[1] - patch + 1))
    left = int(rng.integers(degraded.shape[2] - patch + 1))
    patches = [image[:, top : top + patch, left : left + patch] for image in (degraded, clean)]
    return patches[0], patches[1], thumbs[0], thumbs[1]


def _orient(image: NDArray[np.uint8], code: int) -> NDArray[np.uint8]:
    if code & 1:
        image = image[::-1]
    if code & 2:
        image = image[:, ::-1]
    return image.transpose(1, 0, 2) if code & 4 else image


def _tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255.0


def _window(degraded: Tensor, clean: Tensor, rng: np.random.Generator, patch: int) -> tuple[Tensor, Tensor]:
    """Cut the same random part, at least 0.7 of each side, from both: the prior sees many framings."""
    sides = [max(patch, int(side * rng.uniform(0.7, 1.0)) // POOL * POOL) for side in degraded.shape[1:]]
    top, left = (
        int(rng.integers(full - part + 1)) for full, part in zip(degraded.shape[1:], sides, strict=True)
    )
    part = (slice(None), slice(top, top + sides[0]), slice(left, left + sides[1]))
    return degraded[part], clean[part]


def _vary_exposure(degraded: Tensor, clean: Tensor, rng: np.random.Generator) -> Tensor:
    """Mostly vary the exposure of the real input; sometimes give the clean image, dimmed or as it is."""
    kind = rng.random()
    if kind < 0.06:
        return clean
    if kind < 0.12:
        return clean * float(rng.uniform(0.3, 1.0))
    if kind < 0.6:
        return (degraded * float(np.exp(rng.uniform(-0.4, 0.4)))).clamp(max=1.0)
    return degraded
