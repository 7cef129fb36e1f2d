"""INT8 of any module: what is in 8 bits, what stays in float, and layers returned to keep the budget."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from restorect_edge import ImageSpec
from restorect_edge.errors import QualityError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.quantization.data.dataset import CalibrationSet
from restorect_edge.quantization.options import Calibration
from restorect_edge.quantization.own.fitting import AGREEMENT, MAX_SHIFT, _within, calibrate_module
from restorect_edge.quantization.own.modules import prepared, quantize_module
from restorect_edge.quantization.plan import QuantPlan

SHAPE = (16, 24)


class Transformer(nn.Module):
    """Convolutions around layer norm, linear layers and attention over pixels; ends in a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.LayerNorm(8)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.last = nn.Conv2d(8, 12, 3, padding=1)

    def forward(self, x):
        features = self.first(x)
        tokens = self.norm(features.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).chunk(3, -1)
        attended = torch.softmax(q @ k.transpose(1, 2) / 3, -1) @ v
        mixed = features + self.out(attended).transpose(1, 2).reshape(features.shape)
        detail = nn.functional.pixel_shuffle(self.last(mixed), 2)
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) + 0.1 * detail


class Local(nn.Module):
    """Three convolutions on the image."""

    def __init__(self, spread: float = 1.0) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 8), (8, 8), (8, 3)))
        self.spread = spread
        with torch.no_grad():
            self.b.weight[:, 0] /= spread

    def forward(self, x):
        features = torch.relu(self.a(x))
        # channels that differ by `spread`, which one scale for the tensor cannot hold
        far = features * torch.tensor([self.spread, *[1.0] * 7])[:, None, None]
        return x + 0.2 * self.c(torch.relu(self.b(far)))


def made(kind, *arguments):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return kind(*arguments).eval()


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((16, 24), (40, 32), (12, 24))]


def calibration(images, **options) -> Calibration:
    photographs = CalibrationSet(
        images=tuple(images),
        names=("a", "b", "c"),
        sha256="0" * 64,
        source="noise",
        requested=3,
        available=3,
        notes=(),
    )
    return Calibration(photographs=photographs, seed=0, **options)


def calibrated(module, spec, images, name):
    asked = calibration(images)
    safe = asked.cpu == "portable"
    quantized = quantize_module(module, spec, images, SHAPE, saturation_safe=safe)
    return calibrate_module(module, quantized, spec, asked, SHAPE, name=name, sha256=None)


def test_layers_are_in_8_bits_and_the_rest_is_listed(images, tmp_path):
    module, spec = made(Transformer), ImageSpec(scale=2)
    found = calibrated(module, spec, images, "t")
    weights = {tensor.name for tensor in found.plan.tensors if tensor.kind == "weight"}
    assert weights == {f"body.{name}.weight" for name in ("first", "qkv", "out", "last")}
    rules = {row["operation"] for row in found.plan.excluded if "by rule" in row["why"]}
    assert {"layer_norm", "softmax", "matmul", "pixel_shuffle"} <= rules
    image = prepared(images[0], spec, SHAPE)
    with torch.inference_mode():
        assert psnr(found.network(image).numpy(), module(image).numpy(), peak=1.0) > AGREEMENT
    found.write(tmp_path)
    assert QuantPlan.read(tmp_path / "quantization.json").tensors == found.plan.tensors


def test_one_graph_for_any_size(images):
    module = made(Local)
    network = quantize_module(module, ImageSpec(), images, None)
    assert set(network.floats) == {"conv2d", "conv2d_1", "conv2d_2"}
    for height, width in ((16, 24), (33, 21)):
        image = torch.rand(1, 3, height, width)
        with torch.inference_mode():
            assert psnr(network(image).numpy(), module(image).numpy(), peak=1.0) > AGREEMENT


def test_every_layer_returned_is_the_float_network(images):
    module = made(Local)
    network = quantize_module(module, ImageSpec(), images, SHAPE)
    image = prepared(images[0], ImageSpec(), SHAPE)
    floating = network.with_float(list(network.floats))
    with torch.inference_mode():
        # with its own biases, which NNCF corrects for what rounding the weights shifts
        assert (floating(image) - module(image)).abs().max() < 1e-6
    assert not [n for n in floating.body.graph.nodes if "quantize" in str(n.target)]
    assert set(floating.excluded.values()) == {"rule", "budget"}


def test_what_costs_too_much_is_returned_to_float(images):
    module = made(Local, 3000.0)
    found = calibrated(module, ImageSpec(), images, "far")
    assert found.recipe.returned[0].block == "conv2d_1"
    assert len(found.recipe.ranking) == 3
    assert found.recipe.returned[-1].psnr_drop <= -AGREEMENT
    image = prepared(images[0], ImageSpec(), SHAPE)
    with torch.inference_mode():
        assert psnr(found.network(image).numpy(), module(image).numpy(), peak=1.0) > AGREEMENT - 3


class Shifting:
    """Stands for a network whose layers shift flat frames by known levels, of which the signs cancel."""

    def __init__(self, shifts):
        self.floats = shifts

    def with_float(self, names):
        return Shifting({name: value for name, value in self.floats.items() if name not in names})


def test_layers_whose_shifts_cancel_are_returned_by_what_each_does_alone():
    def shift(network):
        return abs(sum(network.floats.values()))

    meter = SimpleNamespace(
        allowed=0.0,
        cost=lambda network: 0.0,
        shift=shift,
        allows=lambda network, cost: shift(network) <= MAX_SHIFT,
    )
    meter.flat = SimpleNamespace(worst=lambda network, count: meter)
    network = Shifting({"a": 5.0, "b": -2.0, "c": 4.0, "d": 0.1})
    kept, ranking, returned = _within(network, meter, 0.0, lambda line: None)
    assert [row.block for row in returned] == ["a", "c", "b"]
    assert set(kept.floats) == {"d"}
    assert [row.psnr_drop for row in ranking] == [5.0, 4.0, 2.0, 0.1]


def test_a_module_without_layers_is_refused(images):
    class Bright(nn.Module):
        def forward(self, x):
            return x * 1.1

    with pytest.raises(QualityError, match="'bright' has no convolution or linear layer"):
        calibrated(Bright(), ImageSpec(), images, "bright")


def test_no_photographs_are_refused():
    with pytest.raises(UsageError, match="at least one photograph"):
        quantize_module(made(Local), ImageSpec(), [], SHAPE)


@pytest.mark.parametrize("size", [(16, 24), (40, 50), (5, 7), (16, 7)])
def test_photographs_are_cut_or_continued_to_the_shape(size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert prepared(image, ImageSpec(), SHAPE).shape == (1, 3, *SHAPE)
    assert prepared(image, ImageSpec(), None).shape == (1, 3, *size)
