"""Learnable anisotropic diffusion: an image smoothed within its regions and not across its edges."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["AnisotropicDiffusion"]

RATE = 0.25
"""Step size: the largest for which a pixel stays within the range of itself and its four neighbors."""


class AnisotropicDiffusion(nn.Module):
    """A: explicit steps of u ← u + RATE·Σ c(∂)·∂ over the four neighbors, c(∂) = exp(−(∂/s)²).

    Perona and Malik (IEEE TPAMI 1990), each channel on its own, with a learned edge scale s as in
    RestoRect (arXiv 2509.23480). Differences well below s are spread, those well above stay. No flux
    crosses the border, so the mean of each channel is kept.

    Args:
        steps: explicit steps; each spreads by one pixel.
        scale: s to begin with, in units of the image.
    """

    def __init__(self, *, steps: int = 3, scale: float = 0.1) -> None:
        super().__init__()
        self.steps = steps
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    @property
    def scale(self) -> Tensor:
        """The edge scale s > 0, a scalar."""
        return self.log_scale.exp()

    def forward(self, image: Tensor) -> Tensor:
        """Diffuse (N, C, H, W)."""
        scaled = image / self.scale
        for _ in range(self.steps):
            scaled = scaled + RATE * (_inflow(scaled, 2) + _inflow(scaled, 3))
        return scaled * self.scale


def _inflow(scaled: Tensor, axis: int) -> Tensor:
    """Return what each pixel gains from its two neighbors along `axis`, in units of s."""
    gradient = torch.diff(scaled, dim=axis)
    flux = torch.exp(-gradient * gradient) * gradient
    return torch.diff(F.pad(flux, (1, 1) if axis == 3 else (0, 0, 1, 1)), dim=axis)
