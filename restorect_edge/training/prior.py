"""A stage of its own for the prior: exposure and colors of whole photographs, learnt on cached thumbnails.

What the prior looks at is 64 pixels wide, so thousands of framings fit in memory and a step takes a large
batch of whole photographs. Patches of the image network would show it a tenth of a frame, eight at a time.
The decomposition stays as it is, and so does the body but for the two layers that turn z into exposure and
color; the body is trained afterwards with `StudentTraining.prior_rate` 0.
"""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import Tensor, nn
from tqdm import tqdm

from restorect_edge.errors import IncompatibleError
from restorect_edge.evaluation.metrics import GREY
from restorect_edge.models import Student, build
from restorect_edge.models.blocks import area_thumbnail
from restorect_edge.models.flow import STEPS_KEY
from restorect_edge.models.retinex import Decomposition
from restorect_edge.spec import ImageU8
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.sampling import Sampling, Tensors
from restorect_edge.training.data.sources import Source
from restorect_edge.training.engine.stage import Restore, Stage
from restorect_edge.training.losses.objective import Parts

__all__ = [
    "PriorStage",
    "ThumbnailBatch",
    "ThumbnailCache",
    "log_brightness",
    "softened",
    "thumbnail_of",
    "view_of",
    "with_decomposition",
]

DARKEST = 1 / 255
"""Mean gray below which brightness counts as this: black has no logarithm."""
LEAST_ERROR = 1e-3
"""Added to the mean squared error before its logarithm, so that easy samples do not outweigh the others."""
LEAST_WINDOW = 0.8
"""Smallest side of a framing, as a share of the photograph's."""


@dataclass(frozen=True, slots=True)
class ThumbnailBatch(Tensors):
    """Tensors of one step of the prior."""

    view: Tensor
    """(N, 10, S, S): means and deviations of the degraded image, its reflectance and illumination."""
    clean: Tensor
    """(N, 3, S, S): means of the clean image."""


def log_brightness(image: Tensor) -> Tensor:
    """Return the logarithm of the mean gray of each image, (N, 3, H, W) → (N,)."""
    weights = torch.tensor(GREY, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return torch.log((image.clamp(0.0, 1.0) * weights).sum(1).mean((1, 2)).clamp(min=DARKEST))


def softened(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Remove the noise as phones and messengers do: filtered, reduced by two, or blurred and compressed.

    Args:
        image: (H, W, 3).
        rng: chooses how.
    """
    picture = Image.fromarray(image)
    how = int(rng.integers(4))
    if how == 0:
        picture = picture.filter(ImageFilter.BoxBlur(1))
    elif how == 1:
        picture = picture.filter(ImageFilter.MedianFilter(3))
    elif how == 2:
        size = (picture.width // 2, picture.height // 2)
        picture = picture.resize(size, Image.Resampling.BOX)
    else:
        stream = io.BytesIO()
        blurred = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 2.0))))
        blurred.save(stream, "JPEG", quality=int(rng.integers(30, 80)))
        picture = Image.open(stream).convert("RGB")
    return np.asarray(picture)


class ThumbnailCache:
    """Thumbnails of many framings of a source, made once.

    Args:
        source: where pairs come from.
        student: gives the thumbnails' size and the decomposition.
        config: how many framings of each pair, and which share of them is softened.
    """

    def __init__(self, source: Source, student: Student, config: PriorTraining) -> None:
        size = student.prior.size
        degraded, clean = [], []
        # a stream of its own: batches draw from seed, step and rank
        rng = np.random.default_rng([config.seed, 1])
        count = len(source) * config.views
        for index in tqdm(
            range(count), unit="view", desc="thumbnails", file=sys.stderr, disable=None, leave=False
        ):
            pair = view_of(source, index, rng)
            if rng.random() < config.softened:
                pair = softened(pair[0], rng), pair[1]
            degraded.append(thumbnail_of(pair[0], size))
            clean.append(thumbnail_of(pair[1], size))
        self.decomposition = student.prior.decomposition
        self.degraded = with_decomposition(torch.stack(degraded), self.decomposition)
        self.clean = with_decomposition(torch.stack(clean), self.decomposition)

    def draw(self, step: int, how: Sampling, config: PriorTraining) -> ThumbnailBatch:
        """Draw the batch of a step, the same for the same seed and step.

        Args:
            step: of the run.
            how: seed and size of the batch.
            config: the shares of samples whose exposure is changed (by a factor of up to 1.65), whose input
                is the clean image, and of those that are dimmed.
        """
        identity, varied = config.identity, config.varied
        rng = np.random.default_rng([how.seed, step, how.rank])
        index = torch.from_numpy(rng.integers(len(self.clean), size=how.batch))
        kind = torch.from_numpy(rng.random(how.batch)).float()
        same = (kind < identity)[:, None, None, None]
        view = torch.where(same, self.clean[index], self.degraded[index])
        gain = torch.ones(how.batch)
        # one draw for both: dimmed samples are among the clean ones, jittered ones at the other end of it
        dark, jittered = kind < identity * config.dimmed, kind > 1.0 - varied
        gain = torch.where(dark, torch.from_numpy(rng.uniform(0.3, 1.0, how.batch)).float(), gain)
        factors = np.exp(rng.uniform(-0.5, 0.5, how.batch))
        gain = torch.where(jittered, torch.from_numpy(factors).float(), gain)
        # light scales means and deviations alike
        view[:, :6] = (view[:, :6] * gain[:, None, None, None]).clamp(max=1.0)
        # the decomposition is a network: only what changed goes through it again
        changed = gain != 1.0
        view[changed] = with_decomposition(view[changed, :6], self.decomposition)
        mirrored = torch.from_numpy(rng.random(how.batch) < 0.5)[:, None, None, None]
        clean = self.clean[index][:, :3]
        return ThumbnailBatch(
            torch.where(mirrored, view.flip(3), view), torch.where(mirrored, clean.flip(3), clean)
        )


def view_of(source: Source, index: int, rng: np.random.Generator) -> tuple[ImageU8, ImageU8]:
    """Return one of the views of a source's photographs, degraded and clean: (H, W, 3) each.

    Args:
        source: where pairs come from.
        index: below the number of pairs a whole photograph, beyond it a framing, round after round.
        rng: draws the pair and its framing.
    """
    pair = source.draw(index % len(source), rng)
    return pair if index < len(source) else _framed(pair, rng)


def _framed(pair: tuple[ImageU8, ImageU8], rng: np.random.Generator) -> tuple[ImageU8, ImageU8]:
    """Return the same random part of both images of a pair; its sides are multiples of 8."""
    height, width = pair[0].shape[:2]
    sides = [int(side * rng.uniform(LEAST_WINDOW, 1.0)) // 8 * 8 for side in (height, width)]
    top, left = (
        int(rng.integers(full - part + 1)) for full, part in zip((height, width), sides, strict=True)
    )
    part = (slice(top, top + sides[0]), slice(left, left + sides[1]))
    return pair[0][part], pair[1][part]


def thumbnail_of(image: ImageU8, size: int) -> Tensor:
    """Return the means and deviations of an image's thumbnail, (6, size, size).

    Args:
        image: (H, W, 3).
        size: of the thumbnail, in pixels.
    """
    height, width = (side // 8 * 8 for side in image.shape[:2])
    planes = torch.from_numpy(np.ascontiguousarray(image[:height, :width].transpose(2, 0, 1)))
    return area_thumbnail(planes[None].float() / 255.0, size, deviation=True)[0]


@torch.no_grad()
def with_decomposition(thumbnails: Tensor, decomposition: Decomposition) -> Tensor:
    """Append reflectance and illumination; no gradient.

    Args:
        thumbnails: (N, C, S, S), means first.
        decomposition: the prior's.

    Returns:
        (N, C + 4, S, S).
    """
    parts = [torch.cat([part, *decomposition(part[:, :3])], 1) for part in torch.split(thumbnails, 64)]
    return torch.cat(parts) if parts else thumbnails


class PriorStage(Stage):
    """Train the prior's encoders and flows, and what the body makes of z before its trunk.

    Args:
        config: the run's options.

    Raises:
        IncompatibleError: the preset has no prior that looks at deviations.
    """

    network: Student
    config: PriorTraining
    kind = "prior"

    def __init__(self, config: PriorTraining) -> None:
        super().__init__()
        self.config = config
        network = build(config.preset, seed=config.seed)
        if not isinstance(network, Student) or not network.prior.deviation:
            raise IncompatibleError(
                f"'{config.preset}' has no prior to train on thumbnails; use nano, small or base"
            )
        self.network = network
        self.multiple = 8
        self.network.requires_grad_(False)
        for part in self._trained():
            part.requires_grad_(True)
        self._cache: dict[int, ThumbnailCache] = {}

    def _trained(self) -> tuple[nn.Module, ...]:
        prior, body = self.network.prior, self.network.body
        encoders = prior.image_encoder, prior.retinex_encoder
        return (*encoders, prior.image_flow, prior.retinex_flow, body.exposure, body.colour)

    @property
    def thumbnail(self) -> int:
        """Side of the thumbnails."""
        return self.network.prior.size

    def batches(self, source: Source, first: int, last: int, how: Sampling, workers: int) -> Iterator[Any]:
        """Yield the batches of steps `first` to `last` from a cache that is made at the first."""
        cache = ThumbnailCache(source, self.network, self.config)
        for step in range(first, last):
            yield cache.draw(step, how, self.config)

    def facts(self) -> dict[str, Any]:
        """Name the Euler steps that the flows learn with."""
        return {STEPS_KEY: [self.network.prior.steps]}

    def losses(self, batch: Any, step: int) -> Parts:
        """Return the error of the exposed thumbnails in dB, and of their log brightness."""
        self.network.train()
        prior = self.network.prior
        view, clean = batch.view, batch.clean
        z = prior.generated(prior.encoded(view[:, :6], view[:, 6:9], view[:, 9:]))
        return self.compared(self.network.body.exposed(view[:, :3], z), clean)

    def compared(self, exposed: Tensor, clean: Tensor) -> Parts:
        """Return the losses of exposed thumbnails.

        Args:
            exposed: (N, 3, S, S).
            clean: the same shape.
        """
        error = F.mse_loss(exposed, clean, reduction="none").mean((1, 2, 3))
        brightness = (log_brightness(exposed) - log_brightness(clean)).abs().mean()
        return {
            "psnr": self.config.psnr * 10.0 * torch.log10(error + LEAST_ERROR).mean(),
            "brightness": self.config.brightness * brightness,
        }

    def restorer(self, average: nn.Module) -> Restore:
        """Return what the prior decides: exposure and colors, without the body's trunk."""
        assert isinstance(average, Student)
        network = average.deploy()

        def restore(degraded: Tensor, clean: Tensor) -> Tensor:
            return network.body.exposed(degraded, network.prior(network.thumbnail(degraded)))

        return restore
