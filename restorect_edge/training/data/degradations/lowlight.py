"""Low light: a short exposure of the whole scene."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restorect_edge.training.data.degradations.camera import Camera
from restorect_edge.training.data.degradations.optics import Range, draw, linearise, log_draw

__all__ = ["LowLight"]

CAMERA = Camera()


@dataclass(frozen=True, slots=True, kw_only=True)
class LowLight:
    """Scale the exposure in linear light, shift the white balance, and let a camera store what is left.

    The model of Brooks et al. (arXiv 1811.11127). The tone curve of the clean picture, which compressed its
    bright end, is undone by an exponent: a dark picture lies on the straight part of the curve. The ranges
    cover the LOL-v1 training pairs, whose mean linear ratio of low to high lies in 0.010 to 0.077 (10th to
    90th percentile), and go on to lightly underexposed pictures.
    """

    exposure: Range = (0.005, 0.3)
    """Share of the light, log-uniform."""
    red: Range = (0.8, 1.3)
    """Error of the white balance in red against green, log-uniform."""
    blue: Range = (0.65, 1.25)
    """Likewise in blue."""
    tone: Range = (1.0, 1.3)
    """Exponent on the clean picture's linear values."""
    camera: Camera = CAMERA

    def __call__(self, clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Degrade (H, W, 3) sRGB in [0, 1]; the result is of that shape, in multiples of 1/255."""
        exposure = log_draw(rng, self.exposure)
        shift = (log_draw(rng, self.red), 1.0, log_draw(rng, self.blue))
        # the exponent is in the table of the decoding, where it costs nothing per pixel
        planes = linearise(clean, draw(rng, self.tone))
        for plane, factor in zip(planes, shift, strict=True):
            plane *= np.float32(exposure * factor)
        return self.camera.expose(planes, rng)
