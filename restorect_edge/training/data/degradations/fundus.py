"""Fundus photographs: uneven illumination, defocus, haze and light leaks inside the field of view."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restorect_edge.training.data.degradations.camera import Camera
from restorect_edge.training.data.degradations.optics import (
    Planes,
    Range,
    blur,
    draw,
    linearise,
    log_draw,
    luminance,
    resized,
    smooth_field,
)

__all__ = ["Fundus"]

COARSE = 64
"""Side of the grid on which illumination and haze are laid out, in points."""
FLASH = Camera(shot=(3e-5, 4e-4), read=(1e-4, 8e-4))
"""A fundus camera, which brings its own light."""
SURROUND = 0.004
"""Linear luminance below which a pixel belongs to the black surround."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fundus:
    """I = V·(E·(t·blur(J) + (1 − t)·A) + leak) + (1 − V)·J in linear light.

    V is the field of view, E the uneven illumination (falling with the square of the distance from where the
    beam meets the retina), t the transmission of clouded media and A the light that they scatter, a leak the
    light that passes the iris at the rim: the factors of Shen et al., "Modeling and enhancing low-quality
    retinal fundus images", IEEE TMI 2020, arXiv 2005.05594 (transmission disturbance, blur), with haze
    as in the cataract model of Peli and Peli, IEEE TMI 1989. The surround stays as it is.
    """

    brightness: Range = (0.35, 1.15)
    """Illumination where it is brightest, log-uniform."""
    falloff: Range = (0.0, 1.6)
    """How much darker a frame's half side away from there, as an exponent of e."""
    offset: Range = (0.0, 0.7)
    """Distance of that place from the center, in half sides."""
    unevenness: Range = (0.0, 0.5)
    """Span of a further smooth random illumination, as an exponent of e."""
    defocus: Range = (0.0, 0.008)
    """Standard deviation of the blur, as a share of the shorter side."""
    haze: Range = (0.0, 0.5)
    """Greatest share of scattered light."""
    leak: Range = (0.0, 0.35)
    """Greatest light of a leak; a share of white."""
    leaks: float = 0.35
    """Probability of a leak."""
    camera: Camera = FLASH

    def __call__(self, clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Degrade (H, W, 3) sRGB in [0, 1]; the result is of that shape, in multiples of 1/255."""
        planes = linearise(clean)
        height, width = planes.shape[1:]
        view = _field_of_view(planes)
        degraded = self._defocus(planes, view, draw(rng, self.defocus) * min(height, width))
        self._haze(degraded, view, rng)
        degraded *= self._illumination(height, width, rng)
        self._leak(degraded, rng)
        # V·degraded + (1 − V)·planes in place: a temporary frame costs more than the arithmetic
        degraded -= planes
        degraded *= view
        degraded += planes
        return self.camera.expose(degraded, rng)

    @staticmethod
    def _defocus(planes: Planes, view: NDArray[np.float32], sigma: float) -> Planes:
        """Blur within the field of view: the aperture that bounds it is in the camera and stays sharp."""
        blurred: Planes = blur(planes * view, sigma)
        # normalized: the black surround must not darken the rim that it is blurred into
        blurred /= np.maximum(blur(view, sigma), np.float32(1e-3))
        return blurred

    def _illumination(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
        rows, columns = _grid()
        angle, offset = rng.uniform(0, 2 * np.pi), draw(rng, self.offset)
        squared = (rows - offset * np.sin(angle)) ** 2 + (columns - offset * np.cos(angle)) ** 2
        exponent = np.log(log_draw(rng, self.brightness)) - draw(rng, self.falloff) * squared / 2
        exponent += draw(rng, self.unevenness) * (smooth_field(rng, COARSE, COARSE, 4) - 0.5)
        illumination: NDArray[np.float32] = np.exp(resized(exponent.astype(np.float32), height, width))
        return illumination

    def _haze(self, planes: Planes, view: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Mix in scattered light: the mean of the field of view, washed out towards white."""
        share = draw(rng, self.haze) * (0.5 + 0.5 * smooth_field(rng, COARSE, COARSE, 4))
        mean = (planes * view).mean(axis=(1, 2)) / max(float(view.mean()), 1e-6)
        # clouded media scatter all wavelengths, so that color is washed out towards gray
        light = 1.5 * (0.6 * mean + 0.4 * mean.mean())
        transmission = resized((1 - share).astype(np.float32), *planes.shape[1:])
        for plane, level in zip(planes, light, strict=True):
            plane -= np.float32(level)
            plane *= transmission
            plane += np.float32(level)

    def _leak(self, planes: Planes, rng: np.random.Generator) -> None:
        """Add a crescent of warm light at the rim."""
        # all is drawn before it is decided, so that later draws do not depend on it
        strength, happens = draw(rng, self.leak), rng.random() < self.leaks
        angle, reach, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.3), rng.uniform(0.2, 0.45)
        if not happens:
            return
        rows, columns = _grid()
        distance = np.hypot(rows - reach * np.sin(angle), columns - reach * np.cos(angle))
        glow = strength * np.exp(-0.5 * (distance / width) ** 2)
        light = resized(glow.astype(np.float32), *planes.shape[1:])
        for plane, tint in zip(planes, (1.0, 0.65, 0.3), strict=True):
            plane += np.float32(tint) * light


def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns of the coarse grid, from -1 to 1."""
    side = np.linspace(-1.0, 1.0, COARSE)
    return side[:, None], side[None, :]


def _field_of_view(planes: Planes) -> NDArray[np.float32]:
    """Return (H, W): 1 where there is retina, 0 in the black surround, soft between.

    Dark patches inside count as retina: they are closed where their surroundings are mostly bright.
    """
    height, width = planes.shape[1:]
    bright = (luminance(planes) > SURROUND).astype(np.float32)
    share = blur(resized(bright, COARSE, COARSE), 2.0)
    # from 5/6 of bright surroundings on: dark lesions and vessels are within the retina
    closed = np.clip(resized(share, height, width) * 6 - 5, 0, 1)
    view: NDArray[np.float32] = np.maximum(closed, blur(bright, 1.0))
    return view
