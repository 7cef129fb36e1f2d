"""Random training samples, deterministic per seed and step, so that a resumed run sees the same."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from restorect_edge.models.blocks import POOL, area_thumbnail
from restorect_edge.spec import ImageU8
from restorect_edge.training.data.sources import Source

__all__ = ["Batch", "Sampling", "Tensors", "batches", "draw"]

T = TypeVar("T", bound="Tensors")


@dataclass(frozen=True, slots=True)
class Tensors:
    """Fields that are all tensors, of one step."""

    def to(self: T, device: torch.device) -> T:
        """Return the same on a device."""
        return type(self)(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Batch(Tensors):
    """Tensors of one step, RGB in [0, 1]."""

    degraded: Tensor
    """(N, 3, P, P)."""
    clean: Tensor
    """(N, 3, P, P)."""
    thumbnail: Tensor
    """(N, C, S, S), of the whole degraded image or a large part of it; C is 6 with deviations, else 3."""
    clean_thumbnail: Tensor
    """(N, 3, S, S), of the same part of the clean image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How batches are drawn."""

    seed: int
    batch: int
    patch: int
    """Side of the patches in pixels."""
    thumbnail: int
    """Side of the thumbnails in pixels."""
    mixup: float = 0.0
    """Share of the samples that are blended with another of the batch."""
    jitter: float = 0.4
    """Most that the exposure of an input varies, as a natural logarithm."""
    window: float = 0.7
    """Least side of the part of an image that the prior looks at, as a share; 1 gives it whole frames."""
    deviation: bool = False
    """Whether thumbnails have the deviations inside blocks beside the means."""
    rank: int = 0
    """Of the process: each draws its own."""


def draw(source: Source, step: int, how: Sampling) -> Batch:
    """Draw the batch of a step.

    Args:
        source: what samples are cut from.
        step: of the run.
        how: seed, sizes and shares.
    """
    # by step, not by a running state: a resumed run draws the same
    rng = np.random.default_rng([how.seed, step, how.rank])
    samples = [_sample(source, rng, how) for _ in range(how.batch)]
    columns = (torch.stack(column) for column in zip(*samples, strict=True))
    weights = [float(rng.beta(1.2, 1.2)) if rng.random() < how.mixup else 1.0 for _ in samples]
    return Batch(*(_blend(column, weights) for column in columns))


def _blend(images: Tensor, weights: list[float]) -> Tensor:
    """Blend each image with the one before it (mixup, arXiv 1710.09412, with MIRNet-v2's Beta(1.2, 1.2))."""
    w = torch.tensor(weights).view(-1, 1, 1, 1)
    return w * images + (1 - w) * images.roll(1, 0)


def batches(source: Source, first: int, last: int, how: Sampling, *, workers: int) -> Iterator[Batch]:
    """Yield the batches of steps `first` to `last`, the next ones prepared by `workers` threads.

    Args:
        source: what samples are cut from.
        first: step of the first batch.
        last: step after the last.
        how: seed, sizes and shares.
        workers: threads that prepare the next ones; 0 draws them when they are asked for.
    """
    if workers == 0:
        yield from (draw(source, step, how) for step in range(first, last))
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Batch]] = deque()
        for step in range(first, last):
            waiting.append(pool.submit(draw, source, step, how))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


def _sample(source: Source, rng: np.random.Generator, how: Sampling) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    patch = how.patch
    pair = source.draw(int(rng.integers(len(source))), rng)
    # one orientation for both: a pair must stay a pair
    degraded, clean = (_tensor(_orient(image, code)) for code in [int(rng.integers(8))] for image in pair)
    degraded, clean = _window(degraded, clean, rng, how)
    degraded = _vary_exposure(degraded, clean, rng, how.jitter)
    # of the whole window, before patches are cut: the prior sees frames, not details
    seen = area_thumbnail(degraded[None], how.thumbnail, deviation=how.deviation)[0]
    thumbs = [seen, area_thumbnail(clean[None], how.thumbnail)[0]]
    top = int(rng.integers(degraded.shape[1] - patch + 1))
    left = int(rng.integers(degraded.shape[2] - patch + 1))
    patches = [image[:, top : top + patch, left : left + patch] for image in (degraded, clean)]
    return patches[0], patches[1], thumbs[0], thumbs[1]


def _orient(image: ImageU8, code: int) -> ImageU8:
    if code & 1:
        image = image[::-1]
    if code & 2:
        image = image[:, ::-1]
    return image.transpose(1, 0, 2) if code & 4 else image


def _tensor(image: ImageU8) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255.0


def _window(
    degraded: Tensor, clean: Tensor, rng: np.random.Generator, how: Sampling
) -> tuple[Tensor, Tensor]:
    """Cut the same random part from both: the prior sees many framings."""
    shares = rng.uniform(how.window, 1.0, 2)
    sides = [
        # multiples of the pooling, so that no block of the thumbnail is cut
        max(how.patch, int(side * share) // POOL * POOL)
        for side, share in zip(degraded.shape[1:], shares, strict=True)
    ]
    top, left = (
        int(rng.integers(full - part + 1)) for full, part in zip(degraded.shape[1:], sides, strict=True)
    )
    part = (slice(None), slice(top, top + sides[0]), slice(left, left + sides[1]))
    return degraded[part], clean[part]


def _vary_exposure(degraded: Tensor, clean: Tensor, rng: np.random.Generator, jitter: float) -> Tensor:
    """Mostly vary the exposure of the real input; sometimes give the clean image, dimmed or as it is."""
    kind = rng.random()
    # some inputs need nothing: else the network brightens whatever it is given
    if kind < 0.06:
        return clean
    if kind < 0.12:
        return clean * float(rng.uniform(0.3, 1.0))
    if kind < 0.6:
        return (degraded * float(np.exp(rng.uniform(-jitter, jitter)))).clamp(max=1.0)
    return degraded
