"""A camera: sensor noise, converter, white balance, sRGB, eight bits and JPEG."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.training.data.degradations.optics import Planes, Range, draw, log_draw, normal, srgb

__all__ = ["NOISELESS", "Camera"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Ranges of what a camera does to the light that reaches it; a photograph draws once from each.

    Noise has the variance shot·x + read² at linear signal x in [0, 1], Poisson and Gaussian (Foi et al.,
    "Practical Poissonian-Gaussian noise modeling", IEEE TIP 2008; the ranges follow Brooks et al.,
    "Unprocessing images for learned raw denoising", arXiv 1811.11127). Shot noise keeps the skewness of the
    Poisson law: one normal draw z gives x + σz + k(z² − 1), the Cornish-Fisher expansion to three moments,
    several times as fast as Poisson draws.
    """

    shot: Range = (5e-5, 1e-3)
    """Variance of the shot noise per unit of signal, log-uniform: 1 / electrons at white."""
    read: Range = (2e-4, 1.6e-3)
    """Standard deviation of the read noise, log-uniform, white = 1."""
    row: Range = (0.0, 0.12)
    """Standard deviation of an offset that a row shares, as a share of the read noise."""
    grain: Range = (0.0, 0.6)
    """How much of its neighbors' noise a pixel takes: demosaicing and noise reduction leave coarse grain."""
    shared: Range = (0.0, 0.45)
    """Correlation of the noise between channels, likewise from demosaicing."""
    red_gain: Range = (1.3, 2.4)
    """Amplification of the red signal after the converter, which amplifies its noise (Brooks et al.)."""
    blue_gain: Range = (1.2, 1.9)
    """Likewise of the blue signal."""
    bits: tuple[int, int] = (10, 12)
    """Bits of the analogue-to-digital converter."""
    jpeg: float = 0.2
    """Probability that the picture was stored as JPEG."""
    quality: tuple[int, int] = (88, 98)
    """Of that JPEG."""

    def expose(self, planes: Planes, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return what the camera stores of linear planes (3, H, W): (H, W, 3) float32, multiples of 1/255.

        Args:
            planes: light, 1 is white; is changed.
            rng: of all draws.
        """
        gains = np.array([draw(rng, self.red_gain), 1.0, draw(rng, self.blue_gain)])
        for plane, gain in zip(planes, gains, strict=True):
            plane *= np.float32(1.0 / gain)
        self._add_noise(planes, rng)
        levels = self._convert(planes, gains, int(rng.integers(self.bits[0], self.bits[1] + 1)))
        if rng.random() < self.jpeg:
            levels = _through_jpeg(levels, int(rng.integers(self.quality[0], self.quality[1] + 1)))
        stored: NDArray[np.float32] = levels * np.float32(1 / 255)
        return stored

    def _add_noise(self, planes: Planes, rng: np.random.Generator) -> None:
        shot, read = np.float32(log_draw(rng, self.shot)), np.float32(log_draw(rng, self.read))
        row = np.float32(draw(rng, self.row)) * read
        if not (shot or read):
            return
        noise = self._noise(planes.shape, rng)
        rows = row * normal(rng, (planes.shape[1], 1))
        for plane, unit in zip(planes, noise, strict=True):
            variance = np.maximum(plane, np.float32(0))
            variance *= shot
            skewed = variance.copy()
            # never 0: a black pixel without read noise would be 0 / 0 below
            variance += max(read * read, np.float32(1e-14))
            skewed /= variance
            # k = shot²·x / (6·variance): the skewness of that part of the noise which is Poisson's
            skewed *= shot / 6
            skewed *= unit * unit - 1
            np.sqrt(variance, out=variance)
            variance *= unit
            plane += variance
            plane += skewed
            plane += rows

    def _noise(self, shape: tuple[int, ...], rng: np.random.Generator) -> Planes:
        """Draw unit normal noise (3, H, W), correlated between neighbors and between channels."""
        grain, shared = np.float32(draw(rng, self.grain)), np.float32(draw(rng, self.shared))
        height, width = shape[1:]
        noise = np.empty(shape, np.float32)
        for plane in noise:
            white = normal(rng, (height + 1, width + 1))
            # down, then across: neighbors share noise as after demosaicing
            white[1:] += grain * white[:-1]
            np.multiply(white[1:, :-1], grain, out=plane)
            plane += white[1:, 1:]
            # unit variance again, less what the part that channels share will add
            plane *= np.sqrt(1 - shared) / (1 + grain * grain)
        # z_c + m·(z_r + z_g + z_b) has the correlation (2m + 3m²) / (1 + 2m + 3m²) between channels
        mixing = (np.sqrt(1 + 3 * shared / (1 - shared)) - 1) / 3
        common = mixing * noise.sum(axis=0)
        for plane in noise:
            plane += common
        return noise

    @staticmethod
    def _convert(planes: Planes, gains: NDArray[np.float64], bits: int) -> NDArray[np.uint8]:
        """Quantize, balance and encode: a table of every code of the converter for each channel."""
        top = 2**bits - 1
        light = np.minimum(np.outer(gains, np.arange(top + 1) / top), 1.0)
        table = np.rint(srgb(light) * 255).astype(np.uint8)
        levels = np.empty((*planes.shape[1:], 3), np.uint8)
        for channel, plane in enumerate(planes):
            plane *= np.float32(top)
            plane += np.float32(0.5)
            np.clip(plane, 0, top, out=plane)
            levels[:, :, channel] = np.take(table[channel], plane.astype(np.uint16))
        return levels


NOISELESS = Camera(
    shot=(0.0, 0.0),
    read=(0.0, 0.0),
    row=(0.0, 0.0),
    red_gain=(1.0, 1.0),
    blue_gain=(1.0, 1.0),
    bits=(14, 14),
    jpeg=0.0,
)
"""A camera that only rounds to 8 bits."""


def _through_jpeg(levels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as file:
        return np.asarray(file)
