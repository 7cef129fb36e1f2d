"""The teacher's parts: the transformer U-Net G(x, z_rex, z_img) and the two encoders of its latents.

After RestoRect (arXiv 2509.23480), whose lineage is Restormer (arXiv 2111.09881), DiffIR (arXiv
2303.09472) and Reti-Diff (arXiv 2311.11638). The teacher encodes z from degraded and clean images
together; the paper's student (`restorect_edge.models.paper`) has the same U-Net, and encoders that see
the degraded image alone.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorect_edge.errors import UsageError
from restorect_edge.models.attention import RetinexAttention, SelfAttention, TransformerBlock, standardize
from restorect_edge.models.retinex import Decomposition

__all__ = [
    "MULTIPLE",
    "TEACHERS",
    "ImageEncoder",
    "RetinexEncoder",
    "Teacher",
    "TeacherConfig",
    "TransformerConfig",
    "TransformerUNet",
]

MULTIPLE = 8
"""Image sides must be a multiple of this: three halvings (the encoders ask for 4)."""

UNSHUFFLE = 4
"""Block side that the encoders fold into channels."""

SLOPE = 0.1
"""Negative slope of the encoders' leaky ReLU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """Size of the transformer U-Net and of its latents; the defaults are the paper's."""

    dim: int = 64
    """Channels at full resolution, doubled at each of the three halvings; a multiple of 4."""
    blocks: tuple[int, int, int, int] = (3, 3, 3, 3)
    """Transformer blocks per level, on the way down and (but for the last) again on the way up."""
    refinement: int = 3
    """Blocks at full resolution after the last level."""
    heads: tuple[int, int, int, int] = (1, 2, 4, 8)
    """Attention heads per level."""
    expansion: float = 2.66
    """Hidden width of the feed-forward over its input's."""
    latent: int = 256
    """Channels of z_rex and of z_img; a multiple of 4."""
    encoder_blocks: int = 5
    """Residual blocks of a latent encoder."""
    fold: int = 1
    """Side of the pixel blocks that are folded into channels before the U-Net, so that its full resolution
    is that much coarser; 1 is the paper's, 2 costs a quarter."""

    def __post_init__(self) -> None:
        for name, value in (("dim", self.dim), ("latent", self.latent)):
            if value < 4 or value % 4:
                raise UsageError(
                    f"{name} must be a positive multiple of 4, got {value} (Retinex parts are 3:1)"
                )
        for level, heads in enumerate(self.heads):
            if heads < 1 or (self.dim << level) % heads:
                raise UsageError(
                    f"heads[{level}] must divide the level's {self.dim << level} channels, got {heads}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherConfig(TransformerConfig):
    """Size of a teacher; the defaults are the paper's."""

    decomposition: int = 32
    """Width of the Retinex decomposition."""
    thumbnail: int | None = None
    """Side of the pair's thumbnails that the latents are encoded from, in pixels; None for the images
    themselves. A student learns the latents of a teacher that sees what its own prior sees."""


class TransformerUNet(nn.Module):
    """G(x, z_rex, z_img): a four-level U-Net of transposed attention that predicts a residual.

    3×3 overlapped patch embedding; Retinex attention modulated by z_rex at every level; pixel
    (un)shuffle between levels; skips joined by concatenation, reduced by a 1×1 convolution but for full
    resolution, which keeps both halves; refinement blocks of self-attention modulated by z_img.

    The normalizations and the attention maps use the whole image, so the result of a tile differs from
    the same place in the whole image.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d = config.dim
        self.fold = config.fold
        self.embed = nn.Conv2d(3 * config.fold**2, d, 3, padding=1, bias=False)
        self.encode1 = Stage(config, 0, d)
        self.down2 = _down(d)
        self.encode2 = Stage(config, 1, 2 * d)
        self.down3 = _down(2 * d)
        self.encode3 = Stage(config, 2, 4 * d)
        self.down4 = _down(4 * d)
        self.bottom = Stage(config, 3, 8 * d)
        self.up3 = _up(8 * d)
        self.reduce3 = nn.Conv2d(8 * d, 4 * d, 1, bias=False)
        self.decode3 = Stage(config, 2, 4 * d)
        self.up2 = _up(4 * d)
        self.reduce2 = nn.Conv2d(4 * d, 2 * d, 1, bias=False)
        self.decode2 = Stage(config, 1, 2 * d)
        self.up1 = _up(2 * d)
        self.decode1 = Stage(config, 0, 2 * d)
        self.refine = Stage(config, None, 2 * d)
        self.leave = nn.Conv2d(2 * d, 3 * config.fold**2, 3, padding=1, bias=False)

    def features(self, x: Tensor, z_rex: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the decoder makes, coarse to fine: what a smaller student learns to match.

        Args:
            x: image (N, 3, H, W) in [0, 1], H and W multiples of `MULTIPLE`·fold.
            z_rex: Retinex latent (N, latent, 1, 1).

        Returns:
            (N, 4·dim, H/4, W/4), (N, 2·dim, H/2, W/2) and (N, 2·dim, H, W), all further divided by fold.
        """
        h1 = self.encode1(self.embed(F.pixel_unshuffle(x, self.fold)), z_rex)
        h2 = self.encode2(self.down2(h1), z_rex)
        h3 = self.encode3(self.down3(h2), z_rex)
        h4 = self.bottom(self.down4(h3), z_rex)
        h3 = self.decode3(self.reduce3(torch.cat([self.up3(h4), h3], 1)), z_rex)
        h2 = self.decode2(self.reduce2(torch.cat([self.up2(h3), h2], 1)), z_rex)
        h1 = self.decode1(torch.cat([self.up1(h2), h1], 1), z_rex)
        return h3, h2, h1

    def forward(self, x: Tensor, z_rex: Tensor, z_img: Tensor) -> Tensor:
        """Restore x (N, 3, H, W) with `z_rex` and `z_img`, (N, latent, 1, 1); the result is not clamped."""
        return self.restore(x, z_rex, z_img)[0]

    def restore(
        self, x: Tensor, z_rex: Tensor, z_img: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return the restored image, not clamped, and the `features` that it was made from.

        Args:
            x: (N, 3, H, W) in [0, 1].
            z_rex: (N, latent, 1, 1).
            z_img: (N, latent, 1, 1).
        """
        features = self.features(x, z_rex)
        change = F.pixel_shuffle(self.leave(self.refine(features[2], z_img)), self.fold)
        return x + change, features


class Teacher(nn.Module):
    """The network of stage 1: latents from degraded and clean image together, and the U-Net that uses them.

    Args:
        config: sizes.

    Attributes:
        config: sizes.
    """

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        self.config = config
        self.decomposition = Decomposition(config.decomposition)
        self.retinex_encoder = RetinexEncoder(config, images=2)
        self.image_encoder = ImageEncoder(config, images=2)
        self.unet = TransformerUNet(config)

    @property
    def channels(self) -> tuple[int, int, int]:
        """Channels of `TransformerUNet.features`, coarse to fine."""
        d = self.config.dim
        return 4 * d, 2 * d, 2 * d

    def latents(self, degraded: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_rex and z_img, each (N, latent, 1, 1), of pairs.

        Args:
            degraded: (N, 3, H, W), sides multiples of 4.
            clean: the same shape.
        """
        parts = zip(self.decomposition(degraded), self.decomposition(clean), strict=True)
        reflectance, illumination = (torch.cat(pair, 1) for pair in parts)
        z_img: Tensor = self.image_encoder(torch.cat([degraded, clean], 1))
        return self.retinex_encoder(reflectance, illumination), z_img

    def forward(self, image: Tensor, degraded: Tensor, clean: Tensor) -> Tensor:
        """Restore `image` with the latents of the pair `degraded`, `clean`; the result is not clamped."""
        restored: Tensor = self.unet(image, *self.latents(degraded, clean))
        return restored


class Stage(nn.Module):
    """The transformer blocks of one level: Retinex attention, or self-attention where `level` is None."""

    def __init__(self, config: TransformerConfig, level: int | None, channels: int) -> None:
        super().__init__()
        depth = config.refinement if level is None else config.blocks[level]
        heads = config.heads[level or 0]
        kind = SelfAttention if level is None else RetinexAttention
        self.blocks = nn.ModuleList(
            TransformerBlock(kind(channels, heads, config.latent), channels, config.expansion, config.latent)
            for _ in range(depth)
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features x (N, C, H, W) and z (N, latent, 1, 1) → features."""
        for block in self.blocks:
            x = block(x, z)
        return x


def _down(channels: int) -> nn.Sequential:
    """(N, C, H, W) → (N, 2C, H/2, W/2)."""
    # unshuffling makes four times as many channels
    return nn.Sequential(nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False), nn.PixelUnshuffle(2))


def _up(channels: int) -> nn.Sequential:
    """(N, C, H, W) → (N, C/2, 2H, 2W)."""
    return nn.Sequential(nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False), nn.PixelShuffle(2))


class ImageEncoder(nn.Module):
    """E_img: images → one latent (N, latent, 1, 1).

    Args:
        config: gives the latent's and the encoder's size.
        images: how many RGB images are stacked in the channels: 1 (x) or 2 (x and y).
        normalize: standardize the latent over its channels, as the student's conditions are.
    """

    def __init__(self, config: TransformerConfig, *, images: int = 1, normalize: bool = True) -> None:
        super().__init__()
        width = config.latent // 4
        self.normalize = normalize
        self.trunk = _trunk(width, config.encoder_blocks)
        self.image = _Branch(3 * images, width, 4 * width)

    def forward(self, image: Tensor) -> Tensor:
        """Encode (N, 3·images, H, W), sides a multiple of 4."""
        z: Tensor = self.image(image, self.trunk)
        return standardize(z, (1,)) if self.normalize else z


class RetinexEncoder(nn.Module):
    """E_rex: reflectance and illumination → one latent, three quarters of it from the reflectance.

    The two branches share their residual blocks. Arguments as for `ImageEncoder`.
    """

    def __init__(self, config: TransformerConfig, *, images: int = 1, normalize: bool = True) -> None:
        super().__init__()
        width = config.latent // 4
        self.normalize = normalize
        self.trunk = _trunk(width, config.encoder_blocks)
        # three quarters and one, which Retinex attention splits z into again
        self.reflectance = _Branch(3 * images, width, 3 * width)
        self.illumination = _Branch(images, width, width)

    def forward(self, reflectance: Tensor, illumination: Tensor) -> Tensor:
        """Return the latent, (N, latent, 1, 1).

        Args:
            reflectance: (N, 3·images, H, W), sides multiples of 4.
            illumination: (N, images, H, W).
        """
        parts = self.reflectance(reflectance, self.trunk), self.illumination(illumination, self.trunk)
        z = torch.cat(parts, 1)
        return standardize(z, (1,)) if self.normalize else z


class _Branch(nn.Module):
    """Unshuffle, 3×3 convolutions around a (shared) trunk, mean over the pixels, two 1×1 layers."""

    def __init__(self, cin: int, width: int, cout: int) -> None:
        super().__init__()
        self.enter = _leaky(nn.Conv2d(UNSHUFFLE**2 * cin, width, 3, padding=1))
        self.leave = _leaky(
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.Conv2d(2 * width, cout, 3, padding=1),
        )
        self.mlp = _leaky(nn.Conv2d(cout, cout, 1), nn.Conv2d(cout, cout, 1))

    def forward(self, x: Tensor, trunk: nn.Module) -> Tensor:
        h = self.leave(trunk(self.enter(F.pixel_unshuffle(x, UNSHUFFLE))))
        z: Tensor = self.mlp(h.mean((2, 3), keepdim=True))
        return z


class _Residual(nn.Module):
    """``x + conv(relu(conv(x)))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.second(torch.relu(self.first(x)))
        return x + change


def _trunk(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(_Residual(width) for _ in range(depth)))


def _leaky(*layers: nn.Module) -> nn.Sequential:
    """Each layer followed by a leaky ReLU."""
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.LeakyReLU(SLOPE))))


TEACHERS: dict[str, TeacherConfig] = {
    "small": TeacherConfig(
        dim=16,
        blocks=(1, 1, 1, 1),
        refinement=1,
        expansion=2.0,
        latent=32,
        encoder_blocks=1,
        fold=2,
        decomposition=16,
        thumbnail=64,
    ),
    "base": TeacherConfig(
        dim=32, blocks=(1, 2, 2, 2), refinement=1, latent=32, encoder_blocks=2, fold=2, thumbnail=64
    ),
    "paper": TeacherConfig(),
}
"""Sizes by preset name: `small` and `base` teach the edge students, `paper` the paper's."""
