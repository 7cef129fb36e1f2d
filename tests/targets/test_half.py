"""Float16 where a last digit decides: what jumps is computed in float32, whatever else is not."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import restorect_edge

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Sectors(nn.Module):
    """Parts a circle into sixths, as colors of a hue do: angles just below a turn are in the last."""

    def forward(self, x):
        turn = torch.atan2(1e-4 * (x[:, :1] - 0.5), x[:, 1:2] + 0.1) / (2 * torch.pi) % 1
        sector = torch.floor(turn * 6)
        return torch.cat([torch.where(sector == k, 0.1 + 0.15 * k, 0.0) for k in (0, 2, 5)], 1) + 0.1 * x


class Largest(nn.Module):
    """Tells values apart that are the same in float16."""

    def forward(self, x):
        near = 0.7 + 1e-4 * x
        return torch.where(near[:, :1] >= near.amax(1, keepdim=True), 0.8, 0.2) + 0.1 * x


class Moved(nn.Module):
    """Takes pixels from a checkerboard, half a pixel beside its own."""

    def forward(self, x):
        rows, columns = (torch.linspace(-1, 1, side) for side in x.shape[2:])
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], -1)[None]
        board = (torch.arange(x.shape[3]) % 2 + torch.arange(x.shape[2])[:, None] % 2) % 2
        where = places + 1 / 2048 + 1e-3 * x[:, :2].permute(0, 2, 3, 1)
        return F.grid_sample(0.5 * x + 0.4 * board, where, align_corners=True, padding_mode="border")


@pytest.mark.parametrize("target", ["onnx", "coreml"])
@pytest.mark.parametrize("network", [Sectors, Largest, Moved])
def test_decisions_are_those_of_float32(tmp_path, network, target):
    shape = (16, 1024) if network is Moved else (32, 48)
    made = restorect_edge.export(
        network(), target=target, precision="fp16", shapes=[shape], output_dir=tmp_path
    )
    assert made.manifest.verification["psnr"] >= 50
