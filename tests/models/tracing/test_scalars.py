"""Numbers read off parameters are constants of the graph."""

import numpy as np
import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge import ImageSpec
from restorect_edge.models.tracing.graph import trace_whole
from restorect_edge.models.tracing.scalars import _by_octants


class Power(nn.Module):
    """Raises to a power that it reads by ``item``, off a parameter or a buffer."""

    def __init__(self, buffer: bool) -> None:
        super().__init__()
        if buffer:
            self.register_buffer("power", torch.tensor(2.5))
        else:
            self.power = nn.Parameter(torch.tensor(2.5))

    def forward(self, x):
        return (x + 0.5) ** self.power.item() / self.power.item()


@pytest.mark.parametrize("buffer", [False, True])
def test_item_of_a_parameter_is_a_number(buffer):
    (graph,) = trace_whole(Power(buffer), ImageSpec(), [(8, 8)], False)
    targets = {str(node.target) for node in graph.program.graph.nodes}
    assert not any("item" in target or "scalar_dense" in target for target in targets)
    image = torch.rand(1, 3, 8, 8)
    assert torch.allclose(graph.program.module()(image), (image + 0.5) ** 2.5 / 2.5)


class Hue(nn.Module):
    """Assigns to the pixels of masks: numbers, what was taken by an equal mask, and a part of it."""

    def forward(self, x):
        hue = torch.zeros_like(x[:, 0])
        most, least = x.amax(1), x.amin(1)
        span = most - least + 1e-6
        hue[x[:, 0] == most] = (x[:, 1] / span)[x[:, 0] == most] + 0.5
        hue[x[:, 1] == most] = ((x[:, 2] - x[:, 0]) / span)[x[:, 1] == most] % 6
        hue[most == least] = 0.25
        return torch.stack([hue, most, least], 1)


class Ranked(nn.Module):
    """Looks at more than one pixel of a mask."""

    def forward(self, x):
        found = torch.zeros_like(x)
        found[x > 0.5] = torch.cumsum(x[x > 0.5], 0)
        return found


class Angle(nn.Module):
    def forward(self, x):
        return torch.atan2(x[:, :1], x[:, 1:2]).expand(-1, 3, -1, -1) / 6


def test_the_angle_of_nothing_is_zero_in_onnx_too(tmp_path):
    artifact = restorect_edge.export(
        Angle(), target="onnx", shapes=[(16, 24)], name="angle", output_dir=tmp_path
    )
    assert artifact.manifest.verification["psnr"] > 100
    with restorect_edge.load(artifact.path) as restore:
        assert not restore(np.zeros((16, 24, 3), np.float32)).any()


def test_angles_by_octants_are_those_of_torch():
    axis = torch.tensor([-2.0, -1.0, -1e-9, 0.0, 1e-9, 0.3, 1.0])
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    assert torch.allclose(_by_octants(y, x), torch.atan2(y, x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dynamic", [False, True])
def test_assignments_by_masks_become_choices(dynamic):
    (graph,) = trace_whole(Hue(), ImageSpec(), [(8, 12)], dynamic)
    targets = {str(node.target) for node in graph.program.graph.nodes}
    assert not [name for name in targets if "index" in name or "assert_scalar" in name]
    gray = torch.full((1, 3, 8, 12), 0.5)
    for image in (torch.rand(1, 3, 8, 12), gray, torch.zeros(1, 3, 8, 12)):
        assert torch.equal(graph.program.module()(image), Hue()(image))


def test_a_mask_whose_pixels_depend_on_each_other_stays():
    image = torch.rand(1, 3, 8, 12)
    (graph,) = trace_whole(Ranked(), ImageSpec(), [(8, 12)], False)
    assert torch.equal(graph.program.module()(image), Ranked()(image))
    assert "aten.index_put.default" in {str(node.target) for node in graph.program.graph.nodes}
