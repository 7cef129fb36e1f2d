"""Polarised HVI color map: hue as a point on a circle, so red has no seam and black no color.

The HVI space of CIDNet (arXiv 2502.20272) as RestoRect (arXiv 2509.23480) uses it in a loss. RestoRect's
published code divides a hue in [0, 1] by 3, which leaves 60° of the circle; here it is all of it.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PolarisedHVI", "hvi"]

BLACK = 1e-3
"""ε of the formula, a quarter of an 8-bit level: it bounds the slope of the map at black."""

GREY = 1e-6
"""Channel difference below which hue counts as undefined."""


class PolarisedHVI(nn.Module):
    """RGB → (C_k·S·cos 2πH, C_k·S·sin 2πH, I_max), with C_k = (sin(π·I_max/2) + ε)^(1/k).

    I_max = max(R, G, B), S = (I_max − I_min)/(I_max + ε) and H is the hexagonal hue of HSV. The map is
    continuous everywhere and its gradient finite everywhere: at gray, at black and where channels tie.

    k is learned and k > 1. Without that bound a loss on the map falls as k → 0, where C_k vanishes and
    color with it; at k = 1 color weighs as much as in HSV's cone, above it dark color weighs more.

    Args:
        k: where k begins; 5 in CIDNet.
    """

    def __init__(self, *, k: float = 5.0) -> None:
        super().__init__()
        self.log_excess = nn.Parameter(torch.tensor(math.log(k - 1.0)))

    @property
    def k(self) -> Tensor:
        """The density k > 1, a scalar."""
        return 1.0 + self.log_excess.exp()

    def forward(self, image: Tensor) -> Tensor:
        """Map (N, 3, H, W), clamped to [0, 1] first, to (N, 3, H, W)."""
        rgb = image.clamp(0.0, 1.0).unbind(1)
        red, green, blue = rgb
        highest = _largest(red, green, blue)
        top = _dot(highest, rgb)
        spread = top - _dot(_largest(-red, -green, -blue), rgb)
        angle = (math.pi / 3) * _sixths(rgb, highest, spread)
        # color vanishes towards black, where hue is noise
        collapse = (torch.sin((math.pi / 2) * top) + BLACK) ** (1.0 / self.k)
        colour = collapse * spread / (top + BLACK)
        return torch.stack((colour * torch.cos(angle), colour * torch.sin(angle), top), 1)


def _sixths(rgb: tuple[Tensor, ...], highest: tuple[Tensor, ...], spread: Tensor) -> Tensor:
    """Return hue in sixths of the circle, in [−1, 5]: red 0, green 2, blue 4."""
    red, green, blue = rgb
    difference = _dot(highest, (green - blue, blue - red, red - green))
    # gray has no hue: the clamp bounds the gradient there
    return 2.0 * highest[1] + 4.0 * highest[2] + difference / spread.clamp_min(GREY)


def _largest(first: Tensor, second: Tensor, third: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where each is the largest, 1 there and 0 elsewhere; of equals the first counts."""
    is_first = (first >= second) & (first >= third)
    is_second = ~is_first & (second >= third)
    is_third = ~(is_first | is_second)
    return is_first.to(first.dtype), is_second.to(first.dtype), is_third.to(first.dtype)


def _dot(weights: tuple[Tensor, ...], values: tuple[Tensor, ...]) -> Tensor:
    """Multiply and add three planes: several times faster on a CPU than to choose with ``where``."""
    return weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]


def hvi(output: Tensor, target: Tensor, module: PolarisedHVI) -> Tensor:
    """Mean absolute difference of the HVI maps of two images (N, 3, H, W), weight 0.05 in RestoRect.

    Both maps are made with the same k, and its gradient goes through both.

    Args:
        output: (N, 3, H, W) in [0, 1].
        target: the same shape.
        module: makes the maps, and learns k.
    """
    return F.l1_loss(module(output), module(target))
