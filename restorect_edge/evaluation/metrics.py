"""Image quality metrics with their protocol named (numpy only).

Protocol ``standard``: RGB, full resolution, 8-bit images, no correction towards the target. The
GT-mean variant rescales the output so that its mean gray equals the target's and is always reported
as its own column.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["EQUAL", "blur", "finite_psnr", "gaussian", "gt_mean", "psnr", "ssim"]

Image = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]

GREY = np.array([0.299, 0.587, 0.114])
"""Luma weights of ITU-R BT.601."""
EQUAL = 200.0
"""What stands for the infinite PSNR of equal images, so that means and JSON have a number."""
STRIP = 16
"""Rows of the SSIM map that are computed at once."""


def gaussian(size: int, sigma: float) -> NDArray[np.float64]:
    """Return a Gaussian window (`size`,) of an odd size that sums to 1.

    Args:
        size: number of taps.
        sigma: standard deviation in taps.
    """
    offsets = np.arange(size) - size // 2
    window: NDArray[np.float64] = np.exp(-(offsets**2) / (2 * sigma**2))
    window /= window.sum()
    return window


WINDOW = gaussian(11, 1.5)


def psnr(output: Image, target: Image, *, peak: float = 255.0) -> float:
    """Return the peak signal-to-noise ratio in dB, infinite for equal images.

    Args:
        output: any shape.
        target: the same shape.
        peak: the largest value, 255 for 8-bit images and 1 for images in [0, 1].
    """
    # differences of unsigned levels would wrap around
    error = np.subtract(output, target, dtype=np.float64)
    mse = float(np.mean(np.square(error, out=error)))
    return float("inf") if mse == 0.0 else 10.0 * float(np.log10(peak**2 / mse))


def finite_psnr(output: Image, target: Image, *, peak: float = 255.0) -> float:
    """Return `psnr` in dB, at most `EQUAL`; `output`, `target` and `peak` are as there."""
    return min(psnr(output, target, peak=peak), EQUAL)


def ssim(output: Image, target: Image, *, peak: float = 255.0) -> float:
    """Return the mean structural similarity over pixels and channels.

    Gaussian window 11×11, σ 1.5, K1 = 0.01, K2 = 0.03, windows inside the image only: the settings of
    Wang et al. (2004), as used in the restoration literature. Sides must be at least 11.

    Args:
        output: (H, W, C).
        target: the same shape.
        peak: the largest value.
    """
    height, width, channels = output.shape
    total = 0.0
    # a window of 11 has 10 places less than there are rows; strips overlap by those
    for top in range(0, height - 10, STRIP):
        rows = slice(top, top + STRIP + 10)
        total += _ssim_of_strip(output[rows], target[rows], peak)
    return float(total / ((height - 10) * (width - 10) * channels))


def gt_mean(output: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale `output` so that its mean gray equals that of `target`, clipped to 8 bits; both (H, W, 3)."""
    wanted, got = (float(np.mean(image @ GREY)) for image in (target, output))
    # a black output has no factor that brightens it
    scaled = output * (wanted / max(got, 1e-6))
    levels: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return levels


def blur(planes: NDArray[np.float64], taps: NDArray[np.float64], *, step: int = 1) -> NDArray[np.float64]:
    """Filter the last two axes with the same symmetric window, without padding.

    Args:
        planes: (..., H, W).
        taps: (n,), mirror-symmetric.
        step: elements between neighbors along the last axis: the channels, where they are interleaved.

    Returns:
        (..., H - n + 1, W - (n - 1) * step).
    """
    return _blur(_blur(planes, taps, -2, 1), taps, -1, step)


def _blur(
    planes: NDArray[np.float64], taps: NDArray[np.float64], axis: int, step: int
) -> NDArray[np.float64]:
    last = len(taps) - 1
    length = planes.shape[axis] - last * step
    shifted = np.moveaxis(planes, axis, 0)
    views = [np.moveaxis(shifted[k * step : k * step + length], 0, axis) for k in range(last + 1)]
    # an odd number of taps has one in the middle, which belongs to no pair
    total = views[last // 2] * taps[last // 2] if last % 2 == 0 else np.zeros_like(views[0])
    pair = np.empty_like(total)
    # taps are symmetric: each pair of values is added first and multiplied once
    for k in range((last + 1) // 2):
        np.add(views[k], views[last - k], out=pair)
        pair *= taps[k]
        total += pair
    return total


def _ssim_of_strip(output: Image, target: Image, peak: float) -> float:
    """Return the sum of the SSIM map of whole rows; strips stay in the processor's cache."""
    height, width, channels = output.shape
    shape = (height, width * channels)
    moments = np.empty((4, *shape))
    moments[0], moments[1] = output.reshape(shape), target.reshape(shape)
    np.multiply(moments[0], moments[1], out=moments[2])
    # SSIM needs the two variances in sum only, which saves a fifth blur
    np.add(np.square(moments[0]), np.square(moments[1]), out=moments[3])
    mu_x, mu_y, covariance, variances = blur(moments, WINDOW, step=channels)
    means, powers = mu_x * mu_y, mu_x * mu_x
    # in place throughout: the moments of a strip must stay in the cache
    powers += np.square(mu_y, out=mu_y)
    covariance -= means
    variances -= powers
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    for term, factor, constant in ((means, 2, c1), (powers, 1, c1), (covariance, 2, c2), (variances, 1, c2)):
        term *= factor
        term += constant
    means *= covariance
    means /= powers * variances
    return float(means.sum())
