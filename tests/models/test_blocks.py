import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from restorect_edge.models.blocks import POOL, RepConv, area_thumbnail, block_deviation, exposure_curve, fuse

channels = st.integers(1, 9)
sides = st.integers(2, 13)
gains = st.floats(0.125, 64.0)


@settings(deadline=None, max_examples=40)
@given(channels, channels, st.sampled_from([1, 2]), st.integers(1, 3), sides, sides, st.integers(0, 99))
def test_every_form_of_the_convolution_gives_the_same(
    cin: int, cout: int, stride: int, expand: int, height: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    conv = RepConv(cin, cout, stride=stride, expand=expand)
    x = torch.rand(2, cin, height, width)
    branches = conv.conv3(x) + conv.conv1(x) + conv.squeeze(conv.middle(conv.expand(x)))
    branches = branches + x if conv.has_identity else branches
    assert branches.shape == (2, cout, -(-height // stride), -(-width // stride))
    torch.testing.assert_close(conv(x), branches, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(conv.fused()(x), branches, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("cout", "stride", "identity"), [(4, 1, True), (4, 2, False), (5, 1, False)])
def test_the_identity_branch_is_there_where_shapes_allow(cout: int, stride: int, identity: bool) -> None:
    conv = RepConv(4, cout, stride=stride)
    with torch.no_grad():
        for weight in conv.parameters():
            weight.zero_()
    x = torch.rand(1, 4, 6, 6)
    assert conv.has_identity == identity
    if identity:
        torch.testing.assert_close(conv(x), x, atol=0, rtol=0)
    else:
        assert not conv(x).any()


def test_the_gradient_reaches_every_branch() -> None:
    conv = RepConv(3, 3)
    conv(torch.rand(1, 3, 5, 5)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in conv.parameters())


def test_fuse_leaves_plain_convolutions_and_the_original_alone() -> None:
    net = nn.Sequential(RepConv(3, 4), nn.ReLU(), nn.Sequential(RepConv(4, 4)))
    fused = fuse(net)
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(fused(x), net(x), atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, RepConv) for module in fused.modules())
    assert sum(isinstance(module, RepConv) for module in net.modules()) == 2


@settings(deadline=None)
@given(gains)
def test_exposure_keeps_black_and_white(gain: float) -> None:
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    result = exposure_curve(ends, torch.tensor(gain, dtype=torch.float64))
    torch.testing.assert_close(result, ends, atol=1e-12, rtol=0)


@settings(deadline=None)
@given(gains)
def test_exposure_has_slope_gain_at_black(gain: float) -> None:
    x = torch.zeros((), dtype=torch.float64, requires_grad=True)
    result = exposure_curve(x, torch.tensor(gain, dtype=torch.float64))
    (slope,) = torch.autograd.grad(result, x)
    assert slope.item() == pytest.approx(gain, rel=1e-12)


@settings(deadline=None)
@given(gains)
def test_exposure_is_monotone_and_in_range(gain: float) -> None:
    x = torch.linspace(0, 1, 257, dtype=torch.float64)
    result = exposure_curve(x, torch.tensor(gain, dtype=torch.float64))
    assert (result.diff() > 0).all()
    assert result.min() >= 0
    assert result.max() <= 1 + 1e-12


def test_exposure_of_gain_one_is_the_identity() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(exposure_curve(x, torch.ones(2, 3, 1, 1)), x)


def averaged(image: np.ndarray, size: int) -> np.ndarray:
    """Average of the piecewise constant block means over each output cell, by integrals."""
    c, h, w = image.shape
    cells: np.ndarray = image.reshape(c, h // POOL, POOL, w // POOL, POOL).mean((2, 4))
    for axis in (1, 2):
        moved = np.moveaxis(cells, axis, -1)
        integral = np.concatenate([np.zeros((*moved.shape[:-1], 1)), moved.cumsum(-1)], -1)
        edges = np.linspace(0, moved.shape[-1], size + 1)
        rows = integral.reshape(-1, integral.shape[-1])
        at = np.stack([np.interp(edges, np.arange(row.size), row) for row in rows])
        mean = np.diff(at, axis=-1) / (moved.shape[-1] / size)
        cells = np.moveaxis(mean.reshape(*moved.shape[:-1], size), -1, axis)
    return cells


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 41), st.integers(1, 41), st.integers(1, 17), st.integers(0, 99))
def test_thumbnail_is_the_area_average(rows: int, columns: int, size: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((3, POOL * rows, POOL * columns))
    result = area_thumbnail(torch.from_numpy(image).float()[None], size)
    assert result.shape == (1, 3, size, size)
    np.testing.assert_allclose(result[0].numpy(), averaged(image, size), atol=2e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 41), st.integers(1, 41), st.integers(1, 17), st.floats(0, 1, width=32))
def test_thumbnail_of_a_constant_is_the_constant(rows: int, columns: int, size: int, level: float) -> None:
    result = area_thumbnail(torch.full((1, 3, POOL * rows, POOL * columns), level), size)
    torch.testing.assert_close(result, torch.full_like(result, level), atol=2e-6, rtol=2e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 41), st.integers(1, 41), st.integers(1, 17), st.integers(0, 99))
def test_thumbnail_keeps_the_mean(rows: int, columns: int, size: int, seed: int) -> None:
    torch.manual_seed(seed)
    image = torch.rand(2, 3, POOL * rows, POOL * columns)
    result = area_thumbnail(image, size)
    torch.testing.assert_close(result.mean((2, 3)), image.mean((2, 3)), atol=2e-6, rtol=2e-6)


def test_thumbnail_of_its_own_grid_is_the_block_mean() -> None:
    image = torch.rand(1, 3, 64, 64)
    blocks = image.reshape(1, 3, 16, POOL, 16, POOL).mean((3, 5))
    torch.testing.assert_close(area_thumbnail(image, 16), blocks)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_the_deviation_of_a_block_is_that_of_its_pixels(rows: int, columns: int, seed: int) -> None:
    image = torch.rand(2, 3, 4 * rows, 4 * columns, generator=torch.Generator().manual_seed(seed))
    blocks = image.unfold(2, 4, 4).unfold(3, 4, 4)
    expected = blocks.flatten(4).std(-1, correction=0)
    torch.testing.assert_close(block_deviation(image), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_flat_picture_deviates_nowhere_in_half_precision_either(level: float) -> None:
    image = torch.full((1, 3, 16, 16), level)
    assert block_deviation(image).max() < 1e-6
    assert block_deviation(image.half().float()).max() < 1e-6


def test_a_thumbnail_with_deviations_begins_as_one_without() -> None:
    image = torch.rand(1, 3, 40, 56)
    both = area_thumbnail(image, 16, deviation=True)
    assert both.shape == (1, 6, 16, 16)
    assert torch.equal(both[:, :3], area_thumbnail(image, 16))
