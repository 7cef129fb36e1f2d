"""NIQE and BRISQUE: how far an image's local statistics are from those of natural photographs.

Both describe mean-subtracted, contrast-normalized luminance at two scales by generalised Gaussians. The
models are those of the authors' releases (`models/LICENSE.txt`), and so are rounding, borders and halving.

    NIQE     Mittal, Soundararajan and Bovik, IEEE Signal Processing Letters 20(3), 2013
    BRISQUE  Mittal, Moorthy and Bovik, IEEE Transactions on Image Processing 21(12), 2012
"""

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restorect_edge.evaluation.metrics import GREY, blur, gaussian

__all__ = ["BLOCK", "brisque", "niqe"]

Floats = NDArray[np.float64]

BLOCK = 96
"""Side of the blocks whose statistics NIQE compares, in pixels; an image needs two of them."""
WINDOW = gaussian(7, 7 / 6)
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Shifts (down, right) to the neighbor that each coefficient is multiplied with."""
SHAPES = np.arange(0.2, 10.001, 0.001)
"""Shape parameters that a fit chooses from."""
HALVING = np.array([-0.01171875, -0.03515625, 0.11328125, 0.43359375])
"""One side of the cubic kernel (a = -1/2) stretched to halve an image without aliasing."""


def niqe(image: NDArray[np.uint8]) -> float:
    """Return the natural image quality evaluator; lower is better, photographs are about 2 to 5.

    Args:
        image: (H, W, 3) RGB, of at least two blocks of 96×96.
    """
    # as the authors' release has it, which works on 8-bit gray
    luma = np.rint(image @ GREY)
    rows, columns = (side // BLOCK for side in luma.shape)
    luma = luma[: rows * BLOCK, : columns * BLOCK]
    scales = [_block_features(luma, rows, columns), _block_features(_halve(luma), rows, columns)]
    features = np.concatenate(scales, axis=1)
    known = features[~np.isnan(features).any(axis=1)]
    if len(known) < 2:  # flat blocks have no statistics
        return math.nan
    model = _model("niqe")
    # means leave flat blocks out as well, which have no statistics
    distance = model["mean"] - np.nanmean(features, axis=0)
    covariance = (model["covariance"] + np.cov(known, rowvar=False)) / 2
    # a few blocks give a covariance without an inverse
    return math.sqrt(float(distance @ np.linalg.pinv(covariance) @ distance))


def brisque(image: NDArray[np.uint8]) -> float:
    """Return the blind image spatial quality evaluator; lower is better, 0 to 100 on its training set.

    Args:
        image: (H, W, 3) RGB.
    """
    grey = np.rint(image @ GREY)
    features = np.array(_brisque_features(grey) + _brisque_features(_halve(grey)))
    model = _model("brisque")
    low, high = model["minimum"], model["maximum"]
    # to [−1, 1], the range in which the support vectors were fitted
    scaled = 2 * (features - low) / (high - low) - 1
    distances = np.square(model["vectors"] - scaled).sum(axis=1)
    return float(model["coefficients"] @ np.exp(-model["gamma"] * distances) - model["rho"])


@cache
def _model(name: str) -> dict[str, NDArray[Any]]:
    with np.load(Path(__file__).parent / "models" / f"{name}.npz") as arrays:
        return dict(arrays)


def _normalized(luma: Floats, border: Literal["constant", "edge"]) -> Floats:
    """Subtract the local mean and divide by the local deviation plus 1."""
    # the releases differ: NIQE's repeats the edge, BRISQUE's pads with zeros
    padded = np.pad(luma, 3, mode=border)
    mean, square = blur(np.stack([padded, padded * padded]), WINDOW)
    coefficients: Floats = (luma - mean) / (np.sqrt(np.abs(square - mean * mean)) + 1)
    return coefficients


def _halve(image: Floats) -> Floats:
    taps = np.concatenate([HALVING, HALVING[::-1]])
    height, width = image.shape
    # an odd side gets a row more, so that its half is rounded up, as imresize of the releases does
    padded = np.pad(image, ((3, 4 + height % 2), (3, 4 + width % 2)), mode="symmetric")
    return blur(padded, taps)[::2, ::2]


def _block_features(luma: Floats, rows: int, columns: int) -> Floats:
    """Return the 18 features of each block, (blocks, 18), from the left column of blocks to the right."""
    image = _normalized(luma, "edge")
    # 96 pixels, and 48 at half the scale
    size = image.shape[0] // rows
    blocks = image.reshape(rows, size, columns, size).transpose(2, 0, 1, 3).reshape(-1, size, size)
    return np.array([_niqe_features(block) for block in blocks])


def _niqe_features(block: Floats) -> list[float]:
    shape, left, right = _fit(block)
    spread = _spread(shape)
    features = [shape, (left + right) / 2 * spread]
    for shape, mean, left, right in map(_product_features, _products(block)):
        features += [shape, mean, left * _spread(shape), right * _spread(shape)]
    return features


def _brisque_features(grey: Floats) -> list[float]:
    coefficients = _normalized(grey, "constant")
    features = [*_fit_symmetric(coefficients)]
    for shape, mean, left, right in map(_product_features, _products(coefficients)):
        features += [shape, mean, left**2, right**2]
    return features


def _products(coefficients: Floats) -> list[Floats]:
    # wraps around at the edges, as circshift of the releases does
    return [coefficients * np.roll(coefficients, shift, (0, 1)) for shift in NEIGHBOURS]


def _product_features(values: Floats) -> tuple[float, float, float, float]:
    """Return shape, mean, left and right deviation of an asymmetric generalised Gaussian."""
    shape, left, right = _fit(values)
    mean = (right - left) * _spread(shape) * math.gamma(2 / shape) / math.gamma(1 / shape)
    return shape, mean, left, right


def _fit(values: Floats) -> tuple[float, float, float]:
    """Fit an asymmetric generalised Gaussian by moments: shape, left and right root mean square."""
    squares = values * values
    negative, positive = values < 0, values > 0
    if not (negative.any() and positive.any()):
        return SHAPES[0], math.nan, math.nan
    left, right = (math.sqrt(np.mean(squares, where=side)) for side in (negative, positive))
    # moment matching of Lasmar et al. (2009), as in the BRISQUE paper (IEEE TIP 2012)
    ratio = left / right
    moment = float(np.mean(np.abs(values))) ** 2 / float(np.mean(squares))
    wanted = moment * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    return _shape(wanted), left, right


def _fit_symmetric(values: Floats) -> tuple[float, float]:
    """Fit a generalised Gaussian by moments: shape and variance."""
    variance = float(np.mean(values * values))
    magnitude = float(np.mean(np.abs(values)))
    return (_shape(magnitude**2 / variance), variance) if variance else (SHAPES[0], math.nan)


def _shape(moment: float) -> float:
    """Return the shape whose squared mean magnitude over the variance is nearest to `moment`."""
    return float(SHAPES[np.argmin(np.abs(_moments() - moment))])


@cache
def _moments() -> Floats:
    gamma = np.vectorize(math.gamma, otypes=[np.float64])
    moments: Floats = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))
    return moments


def _spread(shape: float) -> float:
    return math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
