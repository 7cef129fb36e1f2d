"""UCIQE and UIQM against slow formulas written down from the papers."""

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import rgb2lab

from restorect_edge.evaluation.underwater import uciqe, uiqm


@pytest.fixture(scope="module")
def picture():
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (9, 7, 3)).astype(np.float64)
    smooth = np.stack([ndimage.zoom(coarse[..., c], 5, order=1) for c in range(3)], axis=-1)
    return np.clip(smooth + generator.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def slow_uciqe(image):
    lab = rgb2lab(image) / 100
    chroma = [math.hypot(a, b) for _, a, b in lab.reshape(-1, 3)]
    lightness = lab[..., 0].ravel()
    mean = sum(chroma) / len(chroma)
    deviation = math.sqrt(sum((c - mean) ** 2 for c in chroma) / len(chroma))
    saturation = [c / math.hypot(c, x) if c or x else 0.0 for c, x in zip(chroma, lightness, strict=True)]
    contrast = np.quantile(lightness, 0.99) - np.quantile(lightness, 0.01)
    return 0.4680 * deviation + 0.2745 * contrast + 0.2576 * sum(saturation) / len(saturation)


def trimmed(values):
    values = sorted(values)
    low, high = math.ceil(0.1 * len(values)), math.floor(0.1 * len(values))
    kept = values[low : len(values) - high]
    return sum(kept) / (len(values) - low - high)


def blocks(image):
    for row in range(image.shape[0] // 10):
        for column in range(image.shape[1] // 10):
            yield image[10 * row : 10 * row + 10, 10 * column : 10 * column + 10]


def slow_uiqm(image):
    red, green, blue = (image[..., c].astype(float) for c in range(3))
    opponents = [(red - green).ravel(), ((red + green) / 2 - blue).ravel()]
    means = [trimmed(values) for values in opponents]
    variances = [
        sum((v - m) ** 2 for v in values) / len(values) for values, m in zip(opponents, means, strict=True)
    ]
    colour = -0.0268 * math.sqrt(means[0] ** 2 + means[1] ** 2) + 0.1586 * math.sqrt(sum(variances))
    sharpness = 0.0
    for weight, plane in zip((0.299, 0.587, 0.114), (red, green, blue), strict=True):
        edges = np.hypot(ndimage.sobel(plane, 0), ndimage.sobel(plane, 1))
        edges *= 255 / edges.max()
        ratios = [(b.max(), b.min()) for b in blocks(edges * plane)]
        measure = sum(math.log(high / low) for high, low in ratios if low > 0)
        sharpness += weight * 2 * measure / len(ratios)
    contrast = 0.0
    for block in blocks(image.astype(float)):
        high, low = block.max(), block.min()
        if high > low:
            ratio = (high - low) / (high + low)
            contrast -= ratio * math.log(ratio)
    contrast /= len(list(blocks(image)))
    return 0.0282 * colour + 0.2953 * sharpness + 3.5753 * contrast


def test_uciqe_agrees_with_the_slow_formula(picture):
    assert uciqe(picture) == pytest.approx(slow_uciqe(picture), abs=1e-4)


def test_uiqm_agrees_with_the_slow_formula(picture):
    assert uiqm(picture) == pytest.approx(slow_uiqm(picture), abs=1e-9)


def test_a_grey_ramp_has_contrast_only():
    """Without color, UCIQE is 0.2745 times the range of lightness."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=-1)
    assert uciqe(ramp) == pytest.approx(slow_uciqe(ramp), abs=1e-4)
    assert uciqe(ramp) == pytest.approx(0.2745 * 0.985, abs=0.01)


def test_flat_images_are_defined():
    black, grey = np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 90, np.uint8)
    assert (uciqe(black), uiqm(black), uiqm(grey)) == (0, 0, 0)
    assert uciqe(grey) == pytest.approx(0, abs=1e-3)


def test_colour_and_contrast_raise_both(picture):
    dull = (0.3 * picture + 0.7 * np.array([40, 110, 120])).astype(np.uint8)
    assert uciqe(picture) > uciqe(dull)
    assert uiqm(picture) > uiqm(dull)
