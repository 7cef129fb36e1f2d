"""The protocols: what each does to an image, switch by switch."""

import dataclasses

import numpy as np
import pytest

from restorect_edge.errors import UsageError
from restorect_edge.evaluation.metrics import gt_mean, psnr
from restorect_edge.evaluation.protocols import PROTOCOLS, Protocol, corrected, protocol, resized


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    target = generator.integers(0, 256, (41, 33, 3), np.uint8)
    return np.clip(target * 0.6 + generator.normal(0, 9, target.shape), 0, 255).astype(np.uint8), target


def test_the_switches_are_these():
    off = {"resize": None, "gt_mean": False, "correction": 0.0, "channel": "rgb", "border": 0}
    assert {name: p.switches for name, p in PROTOCOLS.items()} == {
        "standard": off,
        "gt-mean": off | {"gt_mean": True},
        "restorect": {"resize": 256, "gt_mean": False, "correction": 0.1, "channel": "y-bgr", "border": 5},
        "sr": off | {"channel": "y"},  # the border is the scale
    }


def test_standard_changes_nothing(pair):
    output, target = PROTOCOLS["standard"].prepare(*pair)
    assert output is pair[0]
    assert target is pair[1]
    assert PROTOCOLS["standard"].view(output).shape == output.shape


def test_gt_mean_scales_the_output(pair):
    output, target = PROTOCOLS["gt-mean"].prepare(*pair)
    np.testing.assert_array_equal(output, gt_mean(*pair))
    assert psnr(output, target) > psnr(*pair)


def test_resizing_interpolates_between_pixel_centres():
    image = np.repeat(np.array([[0, 100], [200, 40]], np.uint8)[..., None], 3, axis=-1)
    out = resized(image, 4)[..., 0].astype(int)
    weights = np.array([0, 0.25, 0.75, 1])
    rows = np.outer(1 - weights, [0, 100]) + np.outer(weights, [200, 40])
    expected = rows[:, :1] * (1 - weights) + rows[:, 1:] * weights
    assert np.abs(out - np.floor(expected)).max() <= 1, "truncated"
    assert (out <= expected + 1e-3).all()


def test_resizing_to_the_same_size_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    np.testing.assert_array_equal(resized(image, 64), image)


def test_resizing_does_not_smooth_what_it_shrinks():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, 3::4] = 255
    assert set(np.unique(resized(stripes, 128))) <= {0, 127}, (
        "centres fall between the second and third pixel"
    )


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.3, 1.0])
def test_correction_moves_mean_and_deviation_by_its_strength(strength):
    generator = np.random.default_rng(0)
    output = generator.integers(60, 120, (64, 64, 3), np.uint8)
    target = generator.integers(90, 190, (64, 64, 3), np.uint8)
    got = corrected(output, target, strength)
    for statistic in (np.mean, np.std):
        before, wanted = statistic(output, axis=(0, 1)), statistic(target, axis=(0, 1))
        expected = before + strength * (wanted - before)
        np.testing.assert_allclose(statistic(got, axis=(0, 1)), expected, atol=0.6)


def test_correction_leaves_flat_channels():
    flat = np.full((8, 8, 3), 50, np.uint8)
    np.testing.assert_array_equal(corrected(flat, flat + 9, 1.0), flat)


def test_the_border_and_the_luma():
    image = np.zeros((30, 40, 3), np.uint8)
    image[..., 0] = 255
    view = PROTOCOLS["restorect"].view(image)
    assert view.shape == (20, 30, 1)
    assert view[0, 0, 0] == pytest.approx(24.966 + 16), "red takes blue's weight"
    assert Protocol(name="y", channel="y").view(image)[0, 0, 0] == pytest.approx(65.481 + 16)


def test_the_correction_is_a_switch_of_one_protocol():
    assert protocol("restorect", correction=0.3) == dataclasses.replace(
        PROTOCOLS["restorect"], correction=0.3
    )
    assert not protocol("restorect", correction=0.0).needs_target
    with pytest.raises(UsageError, match="'standard' has no correction"):
        protocol("standard", correction=0.1)
    with pytest.raises(UsageError, match="correction 2 is outside 0"):
        protocol("restorect", correction=2)
    with pytest.raises(UsageError, match="did you mean 'restorect'"):
        protocol("restoret")
