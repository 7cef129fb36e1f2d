"""Underwater: light lost on its way down and to the camera, and light scattered into the view."""

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

__all__ = ["JERLOV", "Underwater"]

JERLOV: dict[str, tuple[float, float, float]] = {
    "I": (0.235, 0.043, 0.019),
    "IA": (0.240, 0.048, 0.026),
    "IB": (0.245, 0.054, 0.036),
    "II": (0.260, 0.076, 0.068),
    "III": (0.295, 0.116, 0.135),
    "1C": (0.300, 0.130, 0.250),
    "3C": (0.330, 0.200, 0.390),
    "5C": (0.400, 0.310, 0.560),
    "7C": (0.480, 0.490, 0.890),
    "9C": (0.600, 0.780, 1.600),
}
"""Diffuse attenuation of downward light in 1/m at 600, 525 and 450 nm, for red, green and blue, by water
type: I to III oceanic, 1C to 9C coastal (Jerlov, "Marine Optics", 1976, table XXVII)."""

COARSE = 48
"""Side of the grid on which distances are laid out, in points."""
DIVER = Camera(shot=(3e-5, 6e-4), read=(1e-4, 8e-4), grain=(0.4, 0.9), shared=(0.5, 0.8))
"""A compact camera, which reduces its noise strongly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Underwater:
    """I = J·E·exp(−β_D·z) + B·(1 − exp(−β_B·z)) in linear light, per channel.

    z is the distance of what is seen, E = exp(−K·depth) the light that comes down to it, B = s·E·min(β)/β the
    veiling light, brightest where water attenuates least (Jaffe 1990 and McGlamery 1979; different
    coefficients of the direct and the scattered light, and B proportional to E over attenuation: Akkaynak and
    Treibitz, "A revised underwater image formation model", CVPR 2018). A share of the direct light is
    scattered forward, which blurs. The camera exposes automatically and balances part of the cast away.
    """

    waters: tuple[str, ...] = tuple(JERLOV)
    """Types to draw from; see `JERLOV`."""
    depth: Range = (2.5, 15.0)
    """Of the water above the scene in metres, log-uniform."""
    near: Range = (0.3, 2.0)
    """Least distance in the frame in metres."""
    extent: Range = (0.3, 4.0)
    """Greatest less least distance, in metres."""
    cells: tuple[int, int] = (3, 5)
    """Points per side of the random field that distances follow."""
    beam: Range = (1.0, 2.0)
    """Attenuation of a line of sight, in diffuse attenuations: it loses the light scattered aside as well."""
    scattered: Range = (0.7, 1.3)
    """Attenuation that governs the scattered light, as a share of that of the direct."""
    veil: Range = (0.02, 0.28)
    """Strength s of the veiling light."""
    spread: Range = (0.0, 1.0)
    """Standard deviation of the forward scatter in pixels."""
    balance: Range = (0.0, 0.3)
    """How much of the cast the camera takes away: 1 makes the mean gray."""
    exposure: Range = (0.75, 1.25)
    """Mean luminance, as a share of the clean picture's, log-uniform."""
    camera: Camera = DIVER

    def __call__(self, clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Degrade (H, W, 3) sRGB in [0, 1]; the result is of that shape, in multiples of 1/255."""
        planes = linearise(clean)
        brightness = float(luminance(planes).mean())
        distance = self._distance(planes.shape[1], planes.shape[2], rng)
        planes = self._immerse(planes, distance, rng)
        # forward scatter: light that leaves its path by a little arrives beside its pixel
        planes = blur(planes, draw(rng, self.spread))
        self._meter(planes, brightness, rng)
        return self.camera.expose(planes, rng)

    def _distance(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return distances (H, W) in metres: a smooth random field that recedes towards the top."""
        cells = int(rng.integers(self.cells[0], self.cells[1] + 1))
        field = smooth_field(rng, COARSE, COARSE, cells)
        # the ground recedes towards the top of most underwater photographs
        field += np.float32(rng.uniform(0, 1.5)) * np.linspace(1, 0, COARSE, dtype=np.float32)[:, None]
        field -= field.min()
        field *= np.float32(draw(rng, self.extent) / max(float(field.max()), 1e-6))
        field += np.float32(draw(rng, self.near))
        return resized(field, height, width)

    def _immerse(self, planes: Planes, distance: NDArray[np.float32], rng: np.random.Generator) -> Planes:
        diffuse = np.array(JERLOV[self.waters[int(rng.integers(len(self.waters)))]])
        daylight = np.exp(-diffuse * log_draw(rng, self.depth))
        # a line of sight also loses what is scattered aside, which diffuse light keeps
        direct = diffuse * draw(rng, self.beam)
        scattered = direct * draw(rng, self.scattered)
        veil = draw(rng, self.veil) * daylight * direct.min() / direct
        for channel, plane in enumerate(planes):
            plane *= np.exp(distance * np.float32(-direct[channel]))
            plane *= np.float32(daylight[channel])
            # B·(1 − exp(−β·z)); expm1 keeps the digits of short distances
            plane -= np.float32(veil[channel]) * np.expm1(distance * np.float32(-scattered[channel]))
        return planes

    def _meter(self, planes: Planes, brightness: float, rng: np.random.Generator) -> None:
        """Take part of the cast away and bring the mean luminance to a share of the clean picture's."""
        # never 0, which a black frame would divide by
        means = planes.mean(axis=(1, 2), dtype=np.float64) + 1e-6
        gains = (means[1] / means) ** draw(rng, self.balance)
        target = brightness * log_draw(rng, self.exposure)
        reached = float(np.dot((0.2126, 0.7152, 0.0722), means * gains))
        for plane, gain in zip(planes, gains * target / reached, strict=True):
            plane *= np.float32(gain)
