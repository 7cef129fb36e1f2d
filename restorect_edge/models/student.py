"""The edge student: a global prior on a thumbnail and a strictly local body.

``restored = body(image, prior(thumbnail(image)))``. The prior makes every global decision once per
image from a thumbnail of fixed size: Retinex decomposition, image and Retinex conditions, one
rectified flow for each, the latents joined in z. The body is made of 3×3 convolutions, ReLU, pixel
(un)shuffle and modulation by z only, so restoring by tiles with the halo `Body.halo` gives the
whole-image result. After RestoRect (arXiv 2509.23480), whose student is instead as large as its
teacher (preset ``paper``).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorect_edge.errors import unknown_name
from restorect_edge.models.blocks import (
    CENTERING,
    Gate,
    RepConv,
    area_thumbnail,
    exposure_curve,
    fuse,
    scaled,
)
from restorect_edge.models.flow import LatentFlow
from restorect_edge.models.paper import PaperConfig, PaperStudent
from restorect_edge.models.retinex import Decomposition

__all__ = ["PRESETS", "Body", "Prior", "SplitNetwork", "Student", "StudentConfig", "build"]

SLOPE = 0.1
"""Negative slope of the prior's leaky ReLU, the teacher's as well."""

HALF_LEVEL = 1 / 510
"""Added before a logarithm: half of an 8-bit level."""

GRID_DROPOUT = 0.3
"""Share of the features' grid that is dropped in training: the layout of few scenes is soon memorized."""

MULTIPLE = 8
"""Image sides must be a multiple of this: three halvings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentConfig:
    """Size of an edge student."""

    widths: tuple[int, int, int] = (24, 32, 48)
    """Body channels at 1/2, 1/4 and 1/8 of the resolution."""
    blocks: tuple[int, int, int, int, int] = (1, 1, 2, 1, 1)
    """Residual blocks at 1/2 and 1/4 on the way down, at 1/8, and at 1/4 and 1/2 on the way up."""
    latent: int = 32
    """Channels of each of the two latents; z has twice as many."""
    thumbnail: int = 64
    """Side of the prior's square input, in pixels."""
    decomposition: int = 32
    """Width of the Retinex decomposition."""
    encoder: int = 64
    """Width of the two condition encoders and of the velocity networks."""
    steps: int = 4
    """Euler steps unless told otherwise."""
    deviation: bool = True
    """Whether the prior also sees the deviation inside each 4×4 block: noise shows how dark the scene was.
    Without it the encoders see means alone, without their layout, as the weights of version 0.1 do."""
    gate: bool = False
    """Whether the body has a gate: z sets the share of its changes that is applied, none if it is closed."""


class ConditionEncoder(nn.Module):
    """(N, cin, S, S) → condition (N, dim, 1, 1): unshuffle by 4, three convolutions, linear maps.

    The maps read the mean of the features, their flattened grid (where things are: a lamp in the middle, sky
    on top), and the mean and deviation of each input channel.

    Args:
        cin: input channels.
        width: channels of the convolutions.
        dim: channels of the condition.
        grid: side of the features, S/16; 0 reads their mean alone.
    """

    def __init__(self, cin: int, width: int, dim: int, grid: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16 * cin, width, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, width, 3, 2, 1),
            nn.LeakyReLU(SLOPE),
        )
        self.out = nn.Conv2d(width, dim, 1)
        self.grid: nn.Conv2d | None = None
        if grid:
            self.grid = nn.Conv2d(width, dim, grid, bias=False)
            self.statistics = nn.Conv2d(2 * cin, dim, 1, bias=False)
            # a fresh encoder goes by the mean: the layout comes in as far as it helps
            nn.init.normal_(self.grid.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, cin, h, w) → a condition (N, dim, 1, 1)."""
        features = self.layers(x)
        condition: Tensor = self.out(features.mean((2, 3), keepdim=True))
        if self.grid is None:
            return condition
        layout = self.grid(F.dropout(features, GRID_DROPOUT, self.training))
        mean = x.mean((2, 3), keepdim=True)
        deviation = torch.sqrt(((x - mean) * (x - mean)).mean((2, 3), keepdim=True) + 1e-6)
        both: Tensor = condition + layout + self.statistics(torch.cat([mean, deviation], 1))
        return both


class Prior(nn.Module):
    """Thumbnail (N, C, S, S) → z (N, 2·latent, 1, 1): everything global, at a fixed cost.

    C is 6, block means and the deviations inside the blocks, or 3 without `StudentConfig.deviation`.
    """

    centering: Tensor

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.steps = config.steps
        self.size = config.thumbnail
        self.deviation = config.deviation
        grid = config.thumbnail // 16 if config.deviation else 0
        # a buffer, so that in exported graphs the convolution bears the prior's name, which stays in float
        self.register_buffer("centering", CENTERING.clone(), persistent=False)
        self.decomposition = Decomposition(config.decomposition)
        self.image_encoder = ConditionEncoder(6, config.encoder, config.latent, grid)
        self.retinex_encoder = ConditionEncoder(4, config.encoder, config.latent, grid)
        self.image_flow = LatentFlow(config.latent, config.encoder)
        self.retinex_flow = LatentFlow(config.latent, config.encoder)

    @property
    def channels(self) -> int:
        """Channels of the thumbnail."""
        return 6 if self.deviation else 3

    def conditions(self, thumbnail: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flows' conditions: Retinex and image, each (N, latent, 1, 1)."""
        # a slice of all channels is traced as an alias, which coremltools does not take
        means = thumbnail[:, :3] if self.deviation else thumbnail
        return self.encoded(thumbnail, *self.decomposition(means))

    def encoded(self, thumbnail: Tensor, reflectance: Tensor, illumination: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same as `conditions` for a thumbnail that is decomposed already.

        Args:
            thumbnail: (N, 3 or 6, S, S).
            reflectance: of its means, (N, 3, S, S).
            illumination: of its means, (N, 1, S, S).
        """
        if self.deviation:
            # levels vary by factors, and so does noise: logarithms, brought to about [-1, 1]
            image = torch.log(thumbnail + HALF_LEVEL) * 0.5 + 2.0
        else:
            image = torch.cat([thumbnail, torch.sqrt(thumbnail + 1e-4)], 1)
        return self.retinex_encoder(torch.cat([reflectance, illumination], 1)), self.image_encoder(image)

    def generated(self, conditions: tuple[Tensor, Tensor]) -> Tensor:
        """Integrate both flows from their conditions and return z."""
        retinex, image = conditions
        return torch.cat([self.retinex_flow(retinex, self.steps), self.image_flow(image, self.steps)], 1)

    def forward(self, thumbnail: Tensor) -> Tensor:
        """Thumbnail (N, 3 or 6, S, S) → z (N, 2·latent, 1, 1)."""
        return self.generated(self.conditions(thumbnail))


class Body(nn.Module):
    """Image (N, 3, H, W) and z → restored image; strictly local, H and W multiples of 8.

    Every ReLU lies on a residual branch: in plain chains of convolution and ReLU most units died.

    z sets a per-channel exposure and a color matrix at the input, and the scale and bias of the
    coarsest level; the U-shaped trunk in between is plain 3×3 convolutions and ReLU, and predicts a
    residual. With `StudentConfig.gate` z also sets the share of exposure, colors and residual that counts.
    """

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        one, two, three = config.widths
        z = 2 * config.latent
        self.exposure = nn.Conv2d(z, 3, 1)
        self.colour = nn.Conv2d(z, 12, 1)
        self.modulation = nn.Conv2d(z, 2 * three, 1)
        self.enter = RepConv(12, one)
        self.encode1 = _blocks(one, config.blocks[0])
        self.down2 = RepConv(one, two, stride=2)
        self.encode2 = _blocks(two, config.blocks[1])
        self.down3 = RepConv(two, three, stride=2)
        self.encode3 = _blocks(three, config.blocks[2])
        self.up2 = nn.Conv2d(three, 4 * two, 1)
        self.decode2 = _blocks(two, config.blocks[3])
        self.up1 = nn.Conv2d(two, 4 * one, 1)
        self.decode1 = _blocks(one, config.blocks[4])
        self.leave = RepConv(one, 12)
        self.gate = Gate(z) if config.gate else None
        # near zero: a fresh body begins at gain 1, with colors as they are and nothing modulated
        for layer in (self.exposure, self.colour, self.modulation):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def exposed(self, image: Tensor, z: Tensor) -> Tensor:
        """Apply the exposure and the colors that z asks for; the gain lies in [1/8, 64].

        The colors are a matrix near the identity and an offset: (N, 3, H, W) → the same.

        Args:
            image: (N, 3, H, W) in [0, 1].
            z: (N, 2·latent, 1, 1).
        """
        return self._exposed(image, z, self.gate(z) if self.gate else None)

    def _exposed(self, image: Tensor, z: Tensor, share: Tensor | None) -> Tensor:
        gain = torch.exp(scaled(self.exposure(z).clamp(-2.08, 4.16), share))
        bright = exposure_curve(image, gain)
        change = scaled(self.colour(z), share)  # the matrix row by row, then the offset
        exposed: Tensor = bright + change[:, 9:]
        for index, channel in enumerate(bright.chunk(3, 1)):
            exposed = exposed + channel * change[:, index:9:3]
        return exposed

    def features(self, exposed: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the trunk makes of an exposed image, coarse to fine.

        Args:
            exposed: (N, 3, H, W).
            z: (N, 2·latent, 1, 1).

        Returns:
            (N, widths[2], H/8, W/8), (N, widths[1], H/4, W/4) and (N, widths[0], H/2, W/2).
        """
        scale, bias = self.modulation(z).chunk(2, 1)
        h1 = self.encode1(self.enter(F.pixel_unshuffle(exposed, 2)))
        h2 = self.encode2(self.down2(h1))
        h3 = self.encode3(self.down3(h2) * (1.0 + scale) + bias)
        h2 = self.decode2(h2 + F.pixel_shuffle(self.up2(h3), 2))
        h1 = self.decode1(h1 + F.pixel_shuffle(self.up1(h2), 2))
        return h3, h2, h1

    def restore(self, image: Tensor, z: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return the restored image, not clamped, and the `features` that it was made from.

        Args:
            image: (N, 3, H, W) in [0, 1].
            z: (N, 2·latent, 1, 1).
        """
        share = self.gate(z) if self.gate else None
        exposed = self._exposed(image, z, share)
        features = self.features(exposed, z)
        # before the shuffle: a runtime can scale within the convolution's own pass
        residual = scaled(self.leave(features[2]), share)
        return exposed + F.pixel_shuffle(residual, 2), features

    def forward(self, image: Tensor, z: Tensor) -> Tensor:
        """Image (N, 3, H, W) in [0, 1] and z → (N, 3, H, W), which is clamped in evaluation mode only.

        Args:
            image: H and W multiples of 8.
            z: (N, 2·latent, 1, 1).
        """
        restored = self.restore(image, z)[0]
        # a value that is clamped has no gradient, so training sees how far out it lies
        return restored if self.training else restored.clamp(0.0, 1.0)


class Residual(nn.Module):
    """``x + second(relu(first(x)))``, two 3×3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = RepConv(width, width, identity=False)
        self.activate = nn.ReLU()
        self.second = RepConv(width, width, identity=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) → the same."""
        change: Tensor = self.second(self.activate(self.first(x)))
        return x + change


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(width) for _ in range(count)))


class SplitNetwork(nn.Module):
    """Prior and body as one network: (N, 3, H, W) in [0, 1] → the same, H and W multiples of 8.

    Attributes:
        prior: thumbnail → z.
        body: image and z → restored image, strictly local.
        config: the student's size.
    """

    config: StudentConfig

    def __init__(self, prior: Prior, body: nn.Module) -> None:
        super().__init__()
        self.prior = prior
        self.body = body

    def thumbnail(self, image: Tensor) -> Tensor:
        """Return what the prior looks at, (N, C, S, S)."""
        prior = self.prior
        return area_thumbnail(image, prior.size, deviation=prior.deviation, centering=prior.centering)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] → the same."""
        restored: Tensor = self.body(image, self.prior(self.thumbnail(image)))
        return restored


class Student(SplitNetwork):
    """A student as it is trained and, after `deploy`, exported in floating point."""

    body: Body

    def __init__(self, config: StudentConfig) -> None:
        super().__init__(Prior(config), Body(config))
        self.config = config

    @property
    def generator(self) -> Prior:
        """What makes the latents: conditions, flows, decomposition."""
        return self.prior

    @property
    def channels(self) -> tuple[int, int, int]:
        """Channels of the features that `restore` returns, coarse to fine."""
        one, two, three = self.config.widths
        return three, two, one

    def restore(
        self, image: Tensor, z_retinex: Tensor, z_image: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Restore `image` with `z_retinex` and `z_image`, (N, latent, 1, 1) each; see `Body.restore`."""
        return self.body.restore(image, torch.cat([z_retinex, z_image], 1))

    def set_steps(self, steps: int) -> None:
        """Choose the number of Euler steps, one of `restorect_edge.models.flow.STEPS_ALLOWED`."""
        self.prior.steps = steps

    def deploy(self) -> "Student":
        """Return a copy for inference: branches fused, evaluation mode."""
        return fuse(self).eval()


NANO = StudentConfig(widths=(16, 24, 32), blocks=(0, 0, 1, 1, 1), decomposition=16)
SMALL = StudentConfig()
BASE = StudentConfig(widths=(48, 64, 88))

PRESETS: dict[str, Callable[[], Student | PaperStudent]] = {
    "nano": lambda: Student(NANO),
    "small": lambda: Student(SMALL),
    "base": lambda: Student(BASE),
    "nano-gated": lambda: Student(replace(NANO, gate=True)),
    "small-gated": lambda: Student(replace(SMALL, gate=True)),
    "base-gated": lambda: Student(replace(BASE, gate=True)),
    "nano-means": lambda: Student(replace(NANO, encoder=32, deviation=False)),
    "small-means": lambda: Student(replace(SMALL, deviation=False)),
    "base-means": lambda: Student(replace(BASE, deviation=False)),
    "paper": lambda: PaperStudent(PaperConfig()),
}
"""What `build` can build: each entry makes a network with fresh weights."""


@overload
def build(preset: Literal["nano", "small", "base"], *, seed: int = 0) -> Student: ...
@overload
def build(preset: Literal["paper"], *, seed: int = 0) -> PaperStudent: ...
@overload
def build(preset: str, *, seed: int = 0) -> Student | PaperStudent: ...
def build(preset: str, *, seed: int = 0) -> Student | PaperStudent:
    """Build a preset with freshly initialized weights, the same for the same seed.

    Args:
        preset: of `PRESETS`.
        seed: of the weights.

    Raises:
        UsageError: there is no such preset.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    # the caller's random numbers go on as if none had been drawn here
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PRESETS[preset]()
