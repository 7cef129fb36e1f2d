"""Blocks of the restoration transformer: normalization, channel modulation, attention, feed-forward.

Everything is NCHW and four-dimensional, written with operators that every export target has. Sources:
transposed attention and the gated feed-forward of Restormer (arXiv 2111.09881), modulation by a latent
of DiffIR (arXiv 2303.09472), Retinex attention of Reti-Diff (arXiv 2311.11638), Spatial Channel Layer
Normalization and QK layer norm of RestoRect (arXiv 2509.23480).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "FeedForward",
    "Modulation",
    "QKNorm",
    "RetinexAttention",
    "SelfAttention",
    "SpatialChannelNorm",
    "TransformerBlock",
    "TransposedAttention",
    "standardize",
]

EPSILON = 1e-5
"""Added to every variance."""

LIMIT = 10.0
"""Spatial Channel Layer Normalization clamps to ± this many standard deviations."""


def standardize(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Shift and scale `x` to mean 0 and (biased) variance 1 over `dims`."""
    # centered before it is squared: E[x²] − E[x]² would cancel in float16
    centered = x - x.mean(dims, keepdim=True)
    variance = (centered * centered).mean(dims, keepdim=True)
    return centered * torch.rsqrt(variance + EPSILON)


class SpatialChannelNorm(nn.Module):
    """Spatial Channel Layer Normalization: one mean and one variance per image, a scale per channel.

    The statistics run over C, H and W together, which keeps the ratios between channels and between
    places; the result is clamped to ± `LIMIT` and scaled, without a bias.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (N, C, H, W)."""
        return standardize(x, (1, 2, 3)).clamp(-LIMIT, LIMIT) * self.scale


class QKNorm(nn.Module):
    """Layer norm of queries or keys over the channels of a head, at each pixel; with scale and bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (N, heads, channels, pixels)."""
        return standardize(x, (2,)) * self.weight + self.bias


class Modulation(nn.Module):
    """Channel modulation by a latent: ``x·(1 + k(z))`` with a linear k."""

    def __init__(self, latent: int, channels: int) -> None:
        super().__init__()
        self.key = nn.Conv2d(latent, channels, 1, bias=False)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Modulate x (N, C, H, W) by z (N, latent, 1, 1)."""
        key: Tensor = self.key(z)
        return x * (1.0 + key)


class TransposedAttention(nn.Module):
    """Attention between channels: ``softmax(τ·q̂·k̂ᵀ)·v`` per head, then a 1×1 convolution.

    q̂ and k̂ are layer-normalized over the head's channels and then of unit length over the pixels, so
    the map is (channels × channels) and the cost is linear in the pixels.

    Args:
        channels: of queries, keys, values and result; a multiple of `heads`.
        heads: number of heads, each with its own temperature τ.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.q_norm = QKNorm(channels // heads)
        self.k_norm = QKNorm(channels // heads)
        self.out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend with queries `q`, keys `k` and values `v`; all and the result are (N, C, H, W)."""
        q, k, rows = self._split(q), self._split(k), self._split(v)
        q, k = _unit(self.q_norm(q)), _unit(self.k_norm(k))
        scores = torch.matmul(q, k.transpose(2, 3)) * self.temperature
        mixed = torch.matmul(torch.softmax(scores, 3), rows)
        result: Tensor = self.out(mixed.reshape(v.shape))
        return result

    def _split(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.reshape(n, self.heads, c // self.heads, h * w)


def _unit(x: Tensor) -> Tensor:
    # The pixels' squares add up to about H·W, past float16 at 256×256: a sixteenth keeps them in range
    # up to 16 megapixels, and the scale cancels. The floor is there for a black image (q = 0).
    x = x * 0.0625
    return x * torch.rsqrt((x * x).sum(3, keepdim=True).clamp(min=1e-4))


class SelfAttention(nn.Module):
    """Transposed attention whose queries, keys and values all come from the modulated features."""

    def __init__(self, channels: int, heads: int, latent: int) -> None:
        super().__init__()
        self.modulation = Modulation(latent, channels)
        self.qkv = _mixed(channels, 3 * channels)
        self.attention = TransposedAttention(channels, heads)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features x (N, C, H, W) and z (N, latent, 1, 1) → features."""
        q, k, v = self.qkv(self.modulation(x, z)).chunk(3, 1)
        result: Tensor = self.attention(q, k, v)
        return result


class RetinexAttention(nn.Module):
    """Transposed attention from reflectance to illumination.

    The first three quarters of the features stand for reflectance and make the queries, the last
    quarter stands for illumination and makes keys and values; each part is modulated by the
    corresponding part of z.

    Args:
        channels: of the features; a multiple of 4 and of `heads`.
        heads: number of heads.
        latent: channels of z, a multiple of 4.
    """

    def __init__(self, channels: int, heads: int, latent: int) -> None:
        super().__init__()
        self.split, self.split_z = 3 * channels // 4, 3 * latent // 4
        self.reflectance = Modulation(self.split_z, self.split)
        self.illumination = Modulation(latent - self.split_z, channels - self.split)
        self.q = _mixed(self.split, channels)
        self.kv = _mixed(channels - self.split, 2 * channels)
        self.attention = TransposedAttention(channels, heads)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features x (N, C, H, W) and z (N, latent, 1, 1) → features."""
        reflectance = self.reflectance(x[:, : self.split], z[:, : self.split_z])
        illumination = self.illumination(x[:, self.split :], z[:, self.split_z :])
        k, v = self.kv(illumination).chunk(2, 1)
        result: Tensor = self.attention(self.q(reflectance), k, v)
        return result


class FeedForward(nn.Module):
    """Gated feed-forward: 1×1 to twice the hidden width, depthwise 3×3, ``gelu(a)·b``, 1×1 back.

    Args:
        channels: in and out.
        expansion: hidden width as a multiple of `channels`.
        latent: channels of z.
    """

    def __init__(self, channels: int, expansion: float, latent: int) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.modulation = Modulation(latent, channels)
        self.enter = _mixed(channels, 2 * hidden)
        self.out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features x (N, C, H, W) and z (N, latent, 1, 1) → features."""
        gate, value = self.enter(self.modulation(x, z)).chunk(2, 1)
        result: Tensor = self.out(F.gelu(gate) * value)
        return result


class TransformerBlock(nn.Module):
    """Attention, then feed-forward, each normalized before and added to its input.

    Args:
        attention: `SelfAttention` or `RetinexAttention` of `channels`.
        channels: of the features.
        expansion: of the feed-forward.
        latent: channels of z.
    """

    def __init__(
        self, attention: SelfAttention | RetinexAttention, channels: int, expansion: float, latent: int
    ) -> None:
        super().__init__()
        self.attention_norm = SpatialChannelNorm(channels)
        self.attention = attention
        self.feed_forward_norm = SpatialChannelNorm(channels)
        self.feed_forward = FeedForward(channels, expansion, latent)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Features x (N, C, H, W) and z (N, latent, 1, 1) → features."""
        x = x + self.attention(self.attention_norm(x), z)
        change: Tensor = self.feed_forward(self.feed_forward_norm(x), z)
        return x + change


def _mixed(cin: int, cout: int) -> nn.Sequential:
    """A 1×1 convolution and a depthwise 3×3: mixes channels, then neighbors."""
    return nn.Sequential(
        nn.Conv2d(cin, cout, 1, bias=False),
        nn.Conv2d(cout, cout, 3, padding=1, groups=cout, bias=False),
    )
