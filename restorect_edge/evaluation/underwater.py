"""UCIQE and UIQM: color, sharpness and contrast of underwater pictures, without a clean one.

Both were fitted to opinions on underwater photographs, reward saturation and contrast without end, and are
published in many variants: compare values of one program only.
"""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST", "uciqe", "uiqm"]

Floats = NDArray[np.float64]

SMALLEST = 10
"""Side of the blocks of UIQM in pixels, so the smallest side of an image."""
TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Linear sRGB to XYZ, D65."""
WHITE = np.array([0.95047, 1.0, 1.08883])


def uciqe(image: NDArray[np.uint8]) -> float:
    """Return the underwater color image quality evaluation; higher is better.

    0.4680 σ_c + 0.2745 con_l + 0.2576 μ_s: deviation of chroma, 99th less 1st percentile of lightness, mean
    saturation C/√(C² + L²), with CIELAB lightness and chroma divided by 100 (Yang and Sowmya, IEEE
    Transactions on Image Processing 24(12), 2015).

    Args:
        image: (H, W, 3) RGB.
    """
    lab = _lab(image) / 100
    lightness, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    length = np.hypot(chroma, lightness)
    saturation = np.divide(chroma, length, out=np.zeros_like(chroma), where=length > 0)
    low, high = np.percentile(lightness, (1, 99))
    return float(0.4680 * chroma.std() + 0.2745 * (high - low) + 0.2576 * saturation.mean())


def uiqm(image: NDArray[np.uint8]) -> float:
    """Return the underwater image quality measure; higher is better.

    0.0282 UICM + 0.2953 UISM + 3.5753 UIConM (Panetta, Gao and Agaian, IEEE Journal of Oceanic Engineering
    41(3), 2016), with blocks of 10×10 and ordinary instead of logarithmic-image arithmetic, as in
    most tables.

    Args:
        image: (H, W, 3) RGB, both sides at least 10.
    """
    planes = np.moveaxis(image.astype(np.float64), -1, 0)
    return 0.0282 * _colorfulness(planes) + 0.2953 * _sharpness(planes) + 3.5753 * _contrast(planes)


def _lab(image: NDArray[np.uint8]) -> Floats:
    # a table of the 256 levels instead of a power per pixel
    levels = np.arange(256) / 255
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    xyz = linear[image] @ (TO_XYZ / WHITE[:, None]).T
    # CIELAB's straight part near black, where the slope of a cube root has no bound
    curved = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(curved, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _colorfulness(planes: Floats) -> float:
    """Return UICM from the trimmed means and the deviations of red − green and yellow − blue."""
    red, green, blue = planes
    opponents = [(red - green).ravel(), ((red + green) / 2 - blue).ravel()]
    means = [_trimmed_mean(values) for values in opponents]
    # of all pixels, tails included, around the trimmed mean: the paper trims the mean alone
    variances = [float(np.mean((v - m) ** 2)) for v, m in zip(opponents, means, strict=True)]
    return -0.0268 * math.hypot(*means) + 0.1586 * math.sqrt(sum(variances))


def _trimmed_mean(values: Floats) -> float:
    """Return the mean without the lowest and the highest tenth."""
    low, high = math.ceil(0.1 * values.size), values.size - math.floor(0.1 * values.size)
    # a partition puts the tails in place without sorting a megapixel
    return float(np.partition(values, (low, high - 1))[low:high].mean())


def _sharpness(planes: Floats) -> float:
    """Return UISM: the contrast, in blocks, of each channel times its Sobel magnitude (0 to 255)."""
    measures = [_log_contrast(plane * _edges(plane)) for plane in planes]
    return float(np.dot((0.299, 0.587, 0.114), measures))


def _edges(plane: Floats) -> Floats:
    p = np.pad(plane, 1, mode="symmetric")
    # Sobel's kernels are separable: smoothed along one axis, then differences along the other
    rows = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]
    columns = p[:-2] + 2 * p[1:-1] + p[2:]
    magnitude = np.hypot(rows[2:] - rows[:-2], columns[:, 2:] - columns[:, :-2])
    peak = magnitude.max()
    return magnitude * (255 / peak) if peak else magnitude


def _log_contrast(plane: Floats) -> float:
    """Return EME: twice the mean over blocks of ln(max / min), 0 for blocks with a zero."""
    blocks = _blocks(plane[None])
    high, low = blocks.max(axis=1), blocks.min(axis=1)
    # a black pixel would make the logarithm infinite
    some = low > 0
    return 2 * float(np.sum(np.log(high[some] / low[some]))) / len(blocks)


def _contrast(planes: Floats) -> float:
    """Return UIConM: minus the mean over blocks of c ln c, where c = (max − min) / (max + min)."""
    blocks = _blocks(planes)
    high, low = blocks.max(axis=1), blocks.min(axis=1)
    # c ln c goes to 0 with c: a flat block adds nothing
    some = high > low
    ratio = (high - low)[some] / (high + low)[some]
    return -float(np.sum(ratio * np.log(ratio))) / len(blocks)


def _blocks(planes: Floats) -> Floats:
    """Cut (C, H, W) into whole blocks of 10×10: (blocks, 100 C)."""
    channels = len(planes)
    rows, columns = (side // SMALLEST for side in planes.shape[1:])
    whole = planes[:, : rows * SMALLEST, : columns * SMALLEST]
    tiles = whole.reshape(channels, rows, SMALLEST, columns, SMALLEST).transpose(1, 3, 0, 2, 4)
    blocks: Floats = tiles.reshape(rows * columns, -1)
    return blocks
