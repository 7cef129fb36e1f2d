"""Light: the sRGB curve, smooth random fields and blur, on planes (3, H, W) of linear float32."""

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "Planes",
    "Range",
    "blur",
    "draw",
    "linearise",
    "log_draw",
    "luminance",
    "normal",
    "resized",
    "smooth_field",
    "srgb",
]

Planes = NDArray[np.float32]
"""(3, H, W) linear light, RGB; 1 is the sensor's or the file's white. Planes, because numpy runs over long
rows several times as fast as over triples."""

Range = tuple[float, float]
"""Least and greatest value of a draw; equal ones fix it."""

_LEVELS = 4096


def srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Encode linear light in [0, 1] by the sRGB curve (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0) ** (1 / 2.4) - 0.055)


def _decoding() -> NDArray[np.float32]:
    encoded = np.linspace(0.0, 1.0, _LEVELS)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


_DECODING = _decoding()


def linearise(image: NDArray[np.float32], exponent: float = 1.0) -> Planes:
    """Decode (H, W, 3) sRGB in [0, 1] to linear planes (3, H, W), through a table of 4096 levels.

    Args:
        image: what to decode.
        exponent: applied to the linear values.
    """
    table = _DECODING if exponent == 1.0 else _DECODING ** np.float32(exponent)
    planes = np.empty((image.shape[2], *image.shape[:2]), np.float32)
    for channel, plane in enumerate(planes):
        codes = image[:, :, channel] * np.float32(_LEVELS - 1)
        # rounds by truncation: a cast is faster than rint
        codes += np.float32(0.5)
        np.take(table, codes.astype(np.uint16), out=plane, mode="clip")
    return planes


def luminance(planes: Planes) -> NDArray[np.float32]:
    """Return the relative luminance (H, W) of linear planes (ITU-R BT.709 weights)."""
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    return np.tensordot(weights, planes, axes=1)


def draw(rng: np.random.Generator, limits: Range) -> float:
    """Draw with `rng` uniformly from `limits`, (least, most)."""
    return float(rng.uniform(*limits))


def log_draw(rng: np.random.Generator, limits: Range) -> float:
    """Draw with `rng` from `limits`, uniformly in the logarithm; (0, 0) gives 0."""
    low, high = limits
    if low == high:
        return low
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@cache
def _quantiles() -> NDArray[np.float32]:
    law = NormalDist()
    return np.array([law.inv_cdf((i + 0.5) / 65536) for i in range(65536)], np.float32)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw numbers of `shape` from 65536 quantiles of the unit normal: four times as fast as `rng` does."""
    drawn: NDArray[np.float32] = np.take(_quantiles(), rng.integers(0, 65536, shape, dtype=np.uint16))
    return drawn


def smooth_field(rng: np.random.Generator, height: int, width: int, cells: int) -> NDArray[np.float32]:
    """Return a smooth random field (H, W) that spans [0, 1].

    Args:
        rng: of the grid that is interpolated.
        height: H.
        width: W.
        cells: points of that grid per side, at least 2: how fast the field varies.
    """
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    field = resized(coarse, height, width)
    field -= field.min()
    field /= field.max()
    return field


def resized(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Scale `plane` (h, w) to `height` × `width`, bicubic, averaging where it shrinks."""
    scaled = Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
    return np.array(scaled, np.float32)


def blur(planes: Planes, sigma: float) -> Planes:
    """Blur planes (..., H, W) by nearly a Gaussian of standard deviation `sigma` pixels, edges extended.

    Passes of [w, 1-2w, w] whose taps are 1, 2, 4, ... pixels apart (à trous, Holschneider 1989); a pass adds
    2·w·stride² to the variance, and w is at most 1/4.
    """
    variance, strides = sigma**2, [1]
    if variance < 1e-6:
        return planes
    # w stays below 1/4: beyond, a pass would flip the sign of the finest detail
    while 0.5 * sum(s * s for s in strides) < variance:
        strides.append(2 * strides[-1])
    weight = np.float32(variance / (2 * sum(s * s for s in strides)))
    result: Planes = planes.copy()
    for plane in result.reshape(-1, *planes.shape[-2:]):
        for stride in strides:
            _spread(plane, min(stride, plane.shape[0] - 1), weight)
            _spread(plane.T, min(stride, plane.shape[1] - 1), weight)
    return result


def _spread(plane: NDArray[np.float32], stride: int, weight: np.float32) -> None:
    """Make a pass along the first axis, in place."""
    if stride < 1:
        return
    scaled = plane * weight
    plane *= 1 - 2 * weight
    plane[:-stride] += scaled[stride:]
    # edges are extended: what lies outside is the last row
    plane[-stride:] += scaled[-1]
    plane[stride:] += scaled[:-stride]
    plane[:stride] += scaled[0]
