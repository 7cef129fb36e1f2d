"""Retinex decomposition D: an image as reflectance times illumination."""

import torch
from torch import Tensor, nn

__all__ = ["Decomposition"]


class Decomposition(nn.Module):
    """D(x) = (R, L) with x ≈ R ⊙ L: four 3×3 convolutions, 3 → width → width → width → 4.

    Source: Retinex-Net (BMVC 2018) as used by Reti-Diff and RestoRect (arXiv 2509.23480).

    Args:
        width: channels of the inner layers.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, 4, 3, padding=1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Decompose (N, 3, H, W) in [0, 1] into R (N, 3, H, W) and L (N, 1, H, W), both in (0, 1)."""
        both = torch.sigmoid(self.layers(x))
        return both[:, :3], both[:, 3:]
