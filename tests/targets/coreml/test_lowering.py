"""What coremltools has not or gets wrong is written in other operations, with equal results."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from restorect_edge.export.options import ExportOptions
from restorect_edge.mil.interpreter import MilProgram
from restorect_edge.models.tracing.graph import trace_whole
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.coreml.converter import convert
from restorect_edge.targets.coreml.lowering import lowered, resized

SHAPE = (16, 24)
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


class Resized(nn.Module):
    def __init__(self, **how) -> None:
        super().__init__()
        self.how = how

    def forward(self, x):
        return F.interpolate(x, mode="bicubic", **self.how)


class Awkward(nn.Module):
    """Bicubic, a remainder of 1, angles to the left, and assignments to the last rows and to none."""

    def forward(self, x):
        large = F.interpolate(x - 0.5, scale_factor=2, mode="bicubic")
        turn = torch.atan2(large[:, :1], large[:, 1:2]) / (2 * torch.pi) % 1
        marked = torch.zeros_like(large)
        marked[:, :, -4:, :-8] = 1
        marked[:, :, -8:0] = 2  # nothing
        return torch.cat([turn, large[:, 1:2] + 0.5, marked[:, :1]], 1)


@pytest.mark.parametrize(
    ("how", "operation"),
    [
        ({"scale_factor": 2}, "conv2d"),
        ({"scale_factor": 3}, "conv2d"),
        ({"scale_factor": 4, "align_corners": False}, "conv2d"),
        ({"size": (32, 48)}, "conv2d"),
        ({"scale_factor": 2, "align_corners": True}, "matmul"),
        ({"size": (20, 50)}, "matmul"),
        ({"scale_factor": (2, 4)}, "matmul"),
        ({"scale_factor": 0.5}, "matmul"),
        ({"scale_factor": 0.5, "antialias": True}, "matmul"),
        ({"size": (32, 48), "antialias": True}, "matmul"),
    ],
)
def test_bicubic_is_a_convolution_or_products(how, operation):
    (graph,) = trace_whole(Resized(**how), ImageSpec(), [SHAPE], False)
    module = resized(graph.program.module(check_guards=False))
    targets = " ".join(str(node.target) for node in module.graph.nodes if node.op == "call_function")
    assert operation in targets and "bicubic" not in targets
    image = torch.rand(1, 3, *SHAPE)
    assert torch.allclose(module(image), Resized(**how)(image), atol=2e-6)


def test_bicubic_of_any_size_by_whole_factors():
    (graph,) = trace_whole(Resized(scale_factor=2), ImageSpec(scale=2), [SHAPE], True)
    module = resized(graph.program.module(check_guards=False))
    for sides in ((5, 7), (16, 40)):
        image = torch.rand(1, 3, *sides)
        assert torch.allclose(module(image), Resized(scale_factor=2)(image), atol=2e-6)


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: x % 1,
        lambda x: x % -0.3,
        lambda x: x % (x.abs() + 0.1),
        lambda x: x // 1,
        lambda x: torch.div(x, 0.7, rounding_mode="floor"),
        lambda x: torch.div(x, 0.7, rounding_mode="trunc"),
    ],
)
def test_floored_divisions_are_what_they_were(formula):
    class Formula(nn.Module):
        def forward(self, x):
            return formula(5 * x - 2.5)

    (graph,) = trace_whole(Formula(), ImageSpec(), [SHAPE], False)
    program = lowered(graph.program)
    targets = {str(node.target) for node in program.graph.nodes}
    assert not any("remainder" in name or "floor_divide" in name for name in targets)
    image = torch.rand(1, 3, *SHAPE)
    assert torch.allclose(program.module()(image), Formula()(image), atol=1e-6)


def test_the_package_computes_what_the_network_does(tmp_path):
    (graph,) = trace_whole(Awkward(), ImageSpec(scale=2), [SHAPE], False)
    package = MilProgram(convert(graph, tmp_path, ExportOptions(precision="fp32")))
    levels = np.random.default_rng(0).integers(0, 256, (1, 3, *SHAPE)).astype(np.float32)
    levels[:, :, :8, :12] = [[[[0.0]], [[255.0]], [[128.0]]]]
    wanted = Awkward()(torch.from_numpy(levels) / 255).clamp(0, 1).numpy() * 255
    (given,) = package({"image": levels}).values()
    assert np.abs(given - wanted).max() <= 0.51


class Warped(nn.Module):
    """Takes pixels from places near their own."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        rows, columns = (torch.linspace(-1, 1, side) for side in x.shape[2:])
        own = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], -1)
        moved = own[None] + 0.02 * torch.tanh(self.flow(x)).permute(0, 2, 3, 1)
        return F.grid_sample(x, moved, align_corners=True, padding_mode="border")


def test_places_are_computed_in_float32_whatever_else_is_not(tmp_path):
    (graph,) = trace_whole(Warped(), ImageSpec(), [SHAPE], False)
    package = MilProgram(convert(graph, tmp_path, ExportOptions(precision="fp16")))
    types = {step.label.split()[0]: step.outputs[0][1] for step in package._steps}
    assert types["conv"] == torch.float16
    assert types["resample"] == types["add"] == torch.float32
