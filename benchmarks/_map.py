"""A coarse map of log gain that a prior might give beside its one exposure, and what it is tried on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from restorect_edge.models import Student
from restorect_edge.models.blocks import exposure_curve
from restorect_edge.models.student import HALF_LEVEL
from restorect_edge.training.data.degradations.backlit import Backlit
from restorect_edge.training.data.degradations.optics import smooth_field

__all__ = [
    "LIGHTS",
    "Map",
    "Sample",
    "exposed",
    "fit",
    "fitted_to_target",
    "restored",
    "sample",
]

Pixels = NDArray[np.uint8]
LARGEST = 2.0
"""Most that a map brightens or darkens, as a natural logarithm: 7.4 times."""
LEAST_ERROR = 1e-3
SIDE = 96
"""Points per side of the grid on which mixed light is laid out."""


class Map(nn.Module):
    """(N, 10, 64, 64) and z → log gain (N, 1, grid, grid), zero to begin with.

    Args:
        z: channels of the student's latent.
        grid: side of the map; 1 is one gain for the whole picture, a control of the same capacity.
        width: channels inside.
    """

    def __init__(self, z: int, grid: int = 16, width: int = 32) -> None:
        super().__init__()
        self.grid = grid
        self.near = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(160, width, 3, padding=1), nn.ReLU())
        self.whole = nn.Conv2d(z + width, width, 1)
        self.both = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, view: Tensor, z: Tensor) -> Tensor:
        near = self.near(view)
        whole = self.whole(torch.cat([z, near.mean((2, 3), keepdim=True)], 1))
        gain = F.adaptive_avg_pool2d(self.out(self.both(near + whole)), self.grid)
        # a clamp would leave no gradient beyond its ends
        return LARGEST * torch.tanh(gain / LARGEST)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a map is fitted to, (N, …) each."""

    view: Tensor
    """(N, 10, 64, 64): logarithms of means and deviations, reflectance and illumination."""
    means: Tensor
    """(N, 3, 64, 64), of the degraded picture."""
    clean: Tensor
    """(N, 3, 64, 64), of the clean one."""
    z: Tensor
    """(N, 2·latent, 1, 1)."""


@torch.no_grad()
def sample(student: Student, degraded: Tensor, clean: Tensor) -> Sample:
    """Return what a map sees of a picture, (1, 3, H, W) in [0, 1], and of the clean one."""
    prior = student.prior
    thumbnail, wanted = student.thumbnail(degraded), student.thumbnail(clean)[:, :3]
    parts = prior.decomposition(thumbnail[:, :3])
    z = prior.generated(prior.encoded(thumbnail, *parts))
    # in the logarithm, as the prior's own encoder sees thumbnails
    view = torch.cat([torch.log(thumbnail + HALF_LEVEL) * 0.5 + 2.0, *parts], 1)
    return Sample(view, thumbnail[:, :3], wanted, z)


def exposed(student: Student, image: Tensor, z: Tensor, gain: Tensor | None) -> Tensor:
    """Return `Body.exposed` with the gain times the exponential of a map, sampled at pixel centers."""
    body = student.body
    # as in `Body.exposed`: an eighth to 64 times
    log_gain = body.exposure(z).clamp(-2.08, 4.16)
    if gain is not None:
        log_gain = log_gain + F.interpolate(gain, image.shape[2:], mode="bilinear", align_corners=False)
    bright = exposure_curve(image, torch.exp(log_gain))
    change = body.colour(z)
    result: Tensor = bright + change[:, 9:]
    for index, channel in enumerate(bright.chunk(3, 1)):
        result = result + channel * change[:, index:9:3]
    return result


@torch.no_grad()
def restored(student: Student, image: Tensor, z: Tensor, gain: Tensor | None) -> Tensor:
    """Return the whole student's picture with a map: the trunk sees what the map exposed."""
    bright = exposed(student, image, z, gain)
    features = student.body.features(bright, z)
    return (bright + F.pixel_shuffle(student.body.leave(features[2]), 2)).clamp(0.0, 1.0)


def _error(student: Student, samples: Sample, gain: Tensor) -> Tensor:
    """Return the negative PSNR of exposed thumbnails in dB, as the prior's own stage has it."""
    result = exposed(student, samples.means, samples.z, gain)
    error = F.mse_loss(result, samples.clean, reduction="none").mean((1, 2, 3))
    return 10 * torch.log10(error + LEAST_ERROR).mean()


def fit(
    student: Student, kinds: Sequence[tuple[float, Sample]], grid: int, steps: int, batch: int, seed: int = 0
) -> Map:
    """Fit a map to samples of several kinds, the student as it is.

    Args:
        student: deployed, without gradients.
        kinds: share of the batch and samples of each kind.
        grid: side of the map.
        steps: of AdamW.
        batch: samples of a step.
        seed: of first weights and draws.
    """
    torch.manual_seed(seed)
    network = Map(kinds[0][1].z.shape[1], grid)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        parts = [_drawn(kind, max(1, round(share * batch))) for share, kind in kinds]
        drawn = Sample(*(torch.cat(column) for column in zip(*parts, strict=True)))
        gain = network(drawn.view, drawn.z)
        optimiser.zero_grad()
        torch.autograd.backward(_error(student, drawn, gain))
        optimiser.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def _drawn(kind: Sample, count: int) -> tuple[Tensor, ...]:
    index = torch.randint(len(kind.z), (count,))
    columns = (kind.view[index], kind.means[index], kind.clean[index])
    if torch.rand(()) < 0.5:
        columns = tuple(column.flip(3) for column in columns)  # type: ignore[assignment]
    return (*columns, kind.z[index])


def fitted_to_target(student: Student, one: Sample, grid: int, steps: int = 80) -> Tensor:
    """Return the map that fits the clean thumbnail best: what no map of that size can exceed."""
    gain = torch.zeros(1, 1, grid, grid, requires_grad=True)
    optimiser = torch.optim.Adam([gain], 0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.autograd.backward(_error(student, one, gain))
        optimiser.step()
    return gain.detach()


def _mixed(low: Pixels, high: Pixels, rng: np.random.Generator) -> Pixels:
    """Light a part of a dark photograph: a smooth mixture of both, so that noise is the camera's own."""
    field = smooth_field(rng, SIDE, SIDE, int(rng.integers(3, 6)))
    border = np.quantile(field, rng.uniform(0.3, 0.7))
    lit = 1 / (1 + np.exp((border - field) / rng.uniform(0.04, 0.2)))
    planes = torch.from_numpy(lit.astype(np.float32))[None, None]
    mask = F.interpolate(planes, low.shape[:2], mode="bilinear", align_corners=False)[0, 0].numpy()[..., None]
    return np.rint(low * (1 - mask) + high * mask).astype(np.uint8)


def _backlit(low: Pixels, high: Pixels, rng: np.random.Generator) -> Pixels:
    picture = Backlit()(high.astype(np.float32) / 255, rng)
    return np.rint(picture * 255).astype(np.uint8)


LIGHTS: dict[str, Callable[[Pixels, Pixels, np.random.Generator], Pixels]] = {
    "pairs": lambda low, high, rng: low,
    "mixed": _mixed,
    "backlit": _backlit,
    "bright": lambda low, high, rng: high,
}
"""Input made of a dark and a bright photograph of one scene; the bright one is the target of all."""
