"""MNN conversion: what its own conversion computes badly is written otherwise."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import restorect_edge

pytest.importorskip("MNN", exc_type=ImportError)


class Normalized(nn.Module):
    """Features over their norm along all pixels, as attention over channels has them."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 3, 1)

    def forward(self, x):
        features = self.first(x)
        unit = F.normalize(features.flatten(2), dim=-1).reshape(features.shape)
        return 0.5 * x + 0.25 + 0.05 * torch.tanh(self.last(70 * unit))


def test_norms_along_many_pixels_keep_their_digits(tmp_path):
    artifact = restorect_edge.export(Normalized(), target="mnn", shapes=[(64, 96)], output_dir=tmp_path)
    assert artifact.manifest.verification["psnr"] > 100
