"""NIQE and BRISQUE against a slow direct computation, and against published behavior."""

import math

import numpy as np
import pytest

from restorect_edge.evaluation import naturalness
from restorect_edge.evaluation.naturalness import brisque, niqe
from restorect_edge.media.photos import clean


@pytest.fixture(scope="module")
def picture():
    return clean((192, 288))["kodak04-dark"]


def window():
    offsets = np.arange(7) - 3
    values = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (7 / 6) ** 2))
    return values / values.sum()


def filtered(image, mode):
    views = np.lib.stride_tricks.sliding_window_view(np.pad(image, 3, mode=mode), (7, 7))
    return np.einsum("hwij,ij->hw", views, window())


@pytest.mark.parametrize("mode", ["edge", "constant"])
def test_normalised_luma_agrees_with_a_direct_sum(picture, mode):
    luma = picture[:40, :56, 1].astype(np.float64)
    mean, square = filtered(luma, mode), filtered(luma * luma, mode)
    expected = (luma - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
    np.testing.assert_allclose(naturalness._normalized(luma, mode), expected, atol=1e-9)


def test_halving_keeps_constants_and_ramps():
    assert np.allclose(naturalness._halve(np.full((8, 10), 7.0)), 7)
    ramp = np.tile(np.arange(32.0), (16, 1))
    halved = naturalness._halve(ramp)
    assert halved.shape == (8, 16)
    np.testing.assert_allclose(halved[:, 2:-2], np.tile(np.arange(16) * 2 + 0.5, (8, 1))[:, 2:-2])
    assert naturalness._halve(np.zeros((7, 9))).shape == (4, 5)


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0])
def test_a_fit_finds_the_shape_it_was_drawn_from(shape):
    generator = np.random.default_rng(0)
    magnitude = generator.gamma(1 / shape, 1, 400_000) ** (1 / shape)
    values = magnitude * generator.choice([-1, 1], magnitude.size)
    found, left, right = naturalness._fit(values)
    assert found == pytest.approx(shape, rel=0.02)
    deviation = math.sqrt(math.gamma(3 / shape) / math.gamma(1 / shape))
    assert (left, right) == (pytest.approx(deviation, rel=0.02), pytest.approx(deviation, rel=0.02))
    assert naturalness._fit_symmetric(values) == (found, pytest.approx(deviation**2, rel=0.02))


def test_a_fit_tells_left_from_right():
    values = np.random.default_rng(0).normal(size=100_000)
    values[values > 0] *= 3
    _, left, right = naturalness._fit(values)
    assert right / left == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize("metric", [niqe, brisque])
def test_noise_and_blur_are_worse_than_a_photograph(picture, metric):
    generator = np.random.default_rng(0)
    noisy = np.clip(picture + generator.normal(0, 25, picture.shape), 0, 255).astype(np.uint8)
    rows = np.cumsum(np.pad(picture.astype(np.float64), ((9, 0), (0, 0), (0, 0)), mode="edge"), axis=0)
    blurred = ((rows[9:] - rows[:-9]) / 9).astype(np.uint8)
    good = metric(picture)
    assert metric(noisy) > good + 1
    assert metric(blurred) > good + 1


def test_a_photograph_scores_as_photographs_do(picture):
    """Values of the authors' releases for clean photographs are about 2 to 5 and −10 to 40."""
    assert 2 < niqe(picture) < 6
    assert -15 < brisque(picture) < 40


def test_the_models_have_the_published_sizes():
    model = naturalness._model("brisque")
    assert (model["vectors"].shape, float(model["rho"]), float(model["gamma"])) == ((774, 36), -153.591, 0.05)
    model = naturalness._model("niqe")
    assert (model["mean"].shape, model["covariance"].shape) == ((36,), (36, 36))
    assert np.linalg.eigvalsh(model["covariance"]).min() > 0


def test_a_flat_image_has_no_niqe():
    assert math.isnan(niqe(np.full((192, 192, 3), 7, np.uint8)))
