"""Backlight: the subject in its own shadow before a bright background."""

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

__all__ = ["Backlit"]

COARSE = 96
"""Side of the grid on which the shadow is laid out, in points."""
DAYLIGHT = Camera(shot=(3e-5, 6e-4), read=(1e-4, 1.2e-3))
"""A camera at lower amplification than at night."""
REACH = 4.0
"""Standard deviation of the guided filter's window, in points of that grid."""
EDGE = 0.003
"""Variance of the guide above which the guided filter keeps an edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlit:
    """Multiply linear light by an illumination that falls to `shadow` over part of the frame.

    I = E·J + glare, with an illumination E as in Retinex (Land and McCann, JOSA 1971). What is bright in the
    scene, sky or window, tends to stay lit, as in the pictures of BAID (Lv et al., "BacklitNet", CVIU 218,
    103403, 2022). The camera exposes for the bright part, so the dark part is near its noise.
    """

    shadow: Range = (0.02, 0.35)
    """Illumination in the dark part, log-uniform; 1 is that of the clean picture."""
    light: Range = (0.85, 1.25)
    """Illumination in the bright part."""
    dark_share: Range = (0.35, 0.85)
    """Share of the frame in shadow."""
    cling: Range = (0.8, 3.0)
    """Weight of the scene's own brightness against a random field in where the shadow falls."""
    softness: Range = (0.04, 0.3)
    """Width of the border of the shadow, in the units of that field, which spans 1."""
    cells: tuple[int, int] = (3, 5)
    """Points per side of the random field."""
    glare: Range = (0.0, 0.012)
    """Light that the lens scatters over the whole frame, as a share of white."""
    camera: Camera = DAYLIGHT

    def __call__(self, clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Degrade (H, W, 3) sRGB in [0, 1]; the result is of that shape, in multiples of 1/255."""
        planes = linearise(clean)
        planes *= self._illumination(planes, rng)
        planes += np.float32(draw(rng, self.glare))
        return self.camera.expose(planes, rng)

    def _illumination(self, planes: Planes, rng: np.random.Generator) -> NDArray[np.float32]:
        # nearly as the tone curve has it, so that edges in the dark count as well
        guide = np.sqrt(luminance(planes))
        scene = resized(guide, COARSE, COARSE)
        cells = int(rng.integers(self.cells[0], self.cells[1] + 1))
        field = smooth_field(rng, COARSE, COARSE, cells) + np.float32(draw(rng, self.cling)) * scene
        border = np.quantile(field, draw(rng, self.dark_share))
        # a logistic border: the penumbra, whose width is drawn
        lit = 1 / (1 + np.exp((border - field) / draw(rng, self.softness)))
        shadow, light = np.log(log_draw(rng, self.shadow)), np.log(draw(rng, self.light))
        lit = _along_edges(lit.astype(np.float32), scene, guide)
        # in the logarithm, where a step of light looks equally large everywhere
        illumination: NDArray[np.float32] = np.exp(np.float32(shadow) + np.float32(light - shadow) * lit)
        return illumination


def _along_edges(
    mask: NDArray[np.float32], scene: NDArray[np.float32], guide: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Enlarge a coarse mask in [0, 1] so that its border follows the edges of the guide.

    The fast guided filter (He and Sun, arXiv 1505.00996): a local linear function of the guide, fitted on the
    coarse grid. `scene` is the guide on that grid.
    """
    means = blur(np.stack([scene, mask, scene * scene, scene * mask]), REACH)
    # EDGE keeps the slope small where the guide is flat, so that noise draws no border
    slope = (means[3] - means[0] * means[1]) / (np.maximum(means[2] - means[0] ** 2, 0) + np.float32(EDGE))
    smooth = blur(np.stack([slope, means[1] - slope * means[0]]), REACH / 2)
    result = resized(smooth[0], *guide.shape) * guide
    result += resized(smooth[1], *guide.shape)
    np.clip(result, 0, 1, out=result)
    return result
