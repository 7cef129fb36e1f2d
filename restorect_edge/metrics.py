"""Image quality metrics with their protocol named (numpy only).

Protocol ``standard``: RGB, full resolution, 8-bit images, no correction towards the target. The
GT-mean variant rescales the output so that its mean grey equals the target's and is always reported
as its own column.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["gt_mean", "psnr", "ssim"]

Image = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]

GREY = np.array([0.299, 0.587, 0.114])
"""Luma weights of ITU-R BT.601."""


def psnr(output: Image, target: Image, *, peak: float = 255.0) -> float:
    """Return the peak signal-to-noise ratio in dB, infinite for equal images.

    Args:
        output: any shape.
        target: the same shape.
        peak: the largest value, 255 for 8-bit images and 1 for images in [0, 1].
    """
    error = np.subtract(output, target, dtype=np.float64)
    mse = float(np.mean(np.square(error, out=error)))
    return float("inf") if mse == 0.0 else 10.0 * float(np.log10(peak**2 / mse))


def ssim(output: Image, target: Image, *, peak: float = 255.0) -> float:
    """Return the mean structural similarity over pixels and channels.

    Gaussian window 11×11, σ 1.5, K1 = 0.01, K2 = 0.03, windows inside the image only: the settings of
    Wang et al. (2004), as used in the restoration literature. Sides must be at least 11.

    Args:
        output: (H, W, C).
        target: the same shape.
        peak: the largest value.
    """
    x, y = (np.asarray(image, dtype=np.float64) for image in (output, target))
    mu_x, mu_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mu_x**2, _blur(y * y) - mu_y**2
    covariance = _blur(x * y) - mu_x * mu_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (var_x + var_y + c2)))


def gt_mean(output: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale `output` (H, W, 3) so that its mean grey equals that of `target`, clipped to 8 bits."""
    wanted, got = (float(np.mean(image @ GREY)) for image in (target, output))
    scaled = output * (wanted / max(got, 1e-6))
    levels: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return levels


def _blur(image: NDArray[np.float64]) -> NDArray[np.float64]:
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    for axis in (0, 1):
        length = image.shape[axis] - 10
        image = sum(weight * np.take(image, range(k, k + length), axis) for k, weight in enumerate(window))
    return image
