"""A denoiser of three convolutions, saved as `torch.export` has it. Replace it by your own."""

import torch
from torch import nn


class Denoiser(nn.Module):
    """(N, 3, H, W) in [0, 1] → the same."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 3, 3, padding=1),
        )  # fmt: skip

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the image and a small correction."""
        return image + 0.01 * self.layers(image)


torch.manual_seed(0)
program = torch.export.export(Denoiser().eval(), (torch.zeros(1, 3, 64, 96),))
torch.export.save(program, "denoiser.pt2")
