"""Metrics against values known in advance and scikit-image."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from restorect_edge.evaluation.metrics import gt_mean, psnr, ssim


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    target = generator.integers(0, 256, (41, 33, 3), np.uint8)
    noisy = np.clip(target + generator.normal(0, 20, target.shape), 0, 255).astype(np.uint8)
    return noisy, target


def test_psnr_of_a_constant_error():
    zeros, tens = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 10, np.uint8)
    assert psnr(zeros, tens) == pytest.approx(20 * math.log10(25.5))
    assert psnr(tens, zeros) == psnr(zeros, tens), "unsigned differences do not wrap around"


def test_psnr_of_unit_range():
    assert psnr(np.zeros((2, 2)), np.full((2, 2), 0.1), peak=1.0) == pytest.approx(20.0)


def test_psnr_of_one_level_in_one_value():
    target = np.zeros((10, 10, 3), np.uint8)
    output = target.copy()
    output[0, 0, 0] = 1
    assert psnr(output, target) == pytest.approx(10 * math.log10(255**2 * 300))


def test_psnr_of_equal_images_is_infinite(pair):
    assert psnr(pair[1], pair[1]) == math.inf


def test_psnr_agrees_with_scikit_image(pair):
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(pair[1], pair[0]), abs=1e-9)


def test_ssim_agrees_with_scikit_image(pair):
    """scikit-image extends the borders, then leaves them out of the mean: what remains is windows inside."""
    expected = structural_similarity(
        *pair, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(*pair) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_floats_agrees_with_scikit_image(pair):
    output, target = (image / 255.0 for image in pair)
    expected = structural_similarity(
        output,
        target,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    assert ssim(output, target, peak=1.0) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_the_smallest_image_and_of_equal_images(pair):
    assert ssim(pair[1], pair[1]) == pytest.approx(1.0)
    assert 0 < ssim(pair[0][:11, :11], pair[1][:11, :11]) < 1


def test_ssim_of_constants_is_the_luminance_term():
    low, high = np.full((12, 12, 3), 50, np.uint8), np.full((12, 12, 3), 100, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(low, high) == pytest.approx((2 * 50 * 100 + c1) / (50**2 + 100**2 + c1))


def test_gt_mean_undoes_a_gain(pair):
    target = (pair[1] // 2).astype(np.uint8)
    half = (target // 2).astype(np.uint8)
    corrected = gt_mean(half, target)
    assert psnr(corrected, target) > psnr(half, target) + 10
    grey = np.array([0.299, 0.587, 0.114])
    assert np.mean(corrected @ grey) == pytest.approx(np.mean(target @ grey), abs=0.5)


def test_gt_mean_weighs_channels_as_luma():
    output = np.zeros((4, 4, 3), np.uint8)
    output[..., 1] = 100
    target = np.zeros((4, 4, 3), np.uint8)
    target[..., 0] = 100
    assert gt_mean(output, target)[0, 0].tolist() == [0, round(100 * 0.299 / 0.587), 0]


def test_gt_mean_clips_and_takes_black(pair):
    black = np.zeros_like(pair[1])
    assert not gt_mean(black, pair[1]).any()
    bright = gt_mean(pair[1], np.full_like(pair[1], 255))
    assert bright.dtype == np.uint8
    assert bright.max() == 255
