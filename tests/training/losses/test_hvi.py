"""Polarised HVI: known colors, no seam at red, gradients where HSV has none."""

import colorsys
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from restorect_edge.training.losses.hvi import BLACK, PolarisedHVI, hvi

levels = st.floats(0, 1, width=32)


def colours(*rgb):
    """One-row image (1, 3, 1, len(rgb)) in double precision."""
    return torch.tensor(rgb, dtype=torch.float64).T[None, :, None]


@torch.no_grad()
def mapped(*rgb, k=5.0):
    """The map of each color, rows (N, 3)."""
    return PolarisedHVI(k=k).double()(colours(*rgb))[0, :, 0].T.numpy()


def by_colorsys(rgb, k):
    hue, saturation, value = colorsys.rgb_to_hsv(*rgb)
    saturation *= value / (value + BLACK)
    radius = saturation * (math.sin(math.pi * value / 2) + BLACK) ** (1 / k)
    return radius * math.cos(2 * math.pi * hue), radius * math.sin(2 * math.pi * hue), value


@pytest.mark.parametrize("k", [1.5, 5.0])
def test_equals_the_formula_on_the_hue_of_colorsys(k):
    rgb = np.random.default_rng(0).random((200, 3)).tolist()
    np.testing.assert_allclose(mapped(*rgb, k=k), [by_colorsys(c, k) for c in rgb], atol=1e-6)


def test_primaries_are_a_third_of_the_circle_apart():
    red, green, blue, cyan = mapped((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1))
    root = math.sqrt(0.75)
    np.testing.assert_allclose(red, (1, 0, 1), atol=2e-3)
    np.testing.assert_allclose(green, (-0.5, root, 1), atol=2e-3)
    np.testing.assert_allclose(blue, (-0.5, -root, 1), atol=2e-3)
    np.testing.assert_allclose(cyan[:2], -red[:2], atol=1e-9)


def test_grey_has_no_colour():
    grey = mapped((0, 0, 0), (0.3, 0.3, 0.3), (1, 1, 1))
    np.testing.assert_allclose(grey, [(0, 0, 0), (0, 0, 0.3), (0, 0, 1)], atol=1e-12)


@pytest.mark.parametrize("step", [1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("saturation", [0.1, 1.0])
def test_continuous_across_red(step, saturation):
    below, above = (colorsys.hsv_to_rgb(hue, saturation, 0.8) for hue in (1 - step, step))
    a, b = mapped(below, above)
    assert 0 < np.abs(a - b).max() <= 4 * math.pi * step


@given(base=st.tuples(levels, levels, levels), seed=st.integers(0, 1000))
def test_small_changes_of_a_colour_are_small_in_the_map(base, seed):
    step = 1e-5
    other = np.clip(np.array(base) + np.random.default_rng(seed).uniform(-step, step, 3), 0, 1)
    a, b = mapped(base, tuple(other))
    assert np.abs(a - b).max() <= 8 * step / max(*base, BLACK)


@given(colour=st.tuples(levels, levels, levels))
def test_continuous_at_black(colour):
    step = 1e-6
    a, b = mapped((0, 0, 0), tuple(step * c for c in colour))
    assert np.abs(a - b).max() <= 1e-3


def test_gradient_by_differences():
    rgb = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    module = PolarisedHVI().double()

    def apply(image, log_excess):
        return torch.func.functional_call(module, {"log_excess": log_excess}, (image,))

    assert torch.autograd.gradcheck(apply, (rgb, module.log_excess))


@pytest.mark.parametrize("k", [1.01, 5.0, 1000.0])
def test_gradients_are_finite_where_channels_tie_and_beyond_the_range(k):
    corners = list(itertools.product((-0.5, 0.0, 1e-9, 1e-4, 0.5, 1.0, 2.5), repeat=3))
    image = colours(*corners).float().requires_grad_()
    module = PolarisedHVI(k=k)
    module(image).sum().backward()
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().max() < 4000
    assert torch.isfinite(module.log_excess.grad)


def test_loss_is_the_mean_difference_of_the_maps():
    red, cyan = colours((1, 0, 0)), colours((0, 1, 1))
    module = PolarisedHVI().double()
    expected = np.abs(mapped((1, 0, 0)) - mapped((0, 1, 1))).mean()
    assert float(hvi(red, cyan, module).detach()) == pytest.approx(expected)
    assert expected == pytest.approx(2 / 3, abs=2e-3)
    assert float(hvi(red, red, module).detach()) == 0.0


def test_loss_trains_the_output_and_k():
    output, target = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    output.requires_grad_()
    module = PolarisedHVI()
    hvi(output, target, module).backward()
    assert (output.grad.abs().sum(1) > 0).all()
    assert module.log_excess.grad.abs() > 0


def test_k_stays_above_one_however_far_it_is_pushed():
    dark = colours((0.1, 0.02, 0.02), (0.02, 0.1, 0.02)).float()
    module = PolarisedHVI()
    optimiser = torch.optim.SGD(module.parameters(), lr=100.0)
    for _ in range(20):
        optimiser.zero_grad()
        hvi(dark, dark.flip(3), module).backward()
        optimiser.step()
    assert 1.0 <= float(module.k.detach()) < 1.5
    assert float(hvi(dark, dark.flip(3), module).detach()) > 0.05
