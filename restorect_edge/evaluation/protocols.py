"""What is done to an output and its target before they are compared: the protocols, never mixed.

    standard   RGB, full resolution, 8-bit, no correction
    gt-mean    the same, the output scaled to the target's mean gray
    restorect  the choices of the evaluation script published with RestoRect
    sr         super-resolution: luma, a border of as many pixels as the network enlarges by

Scores of different protocols say nothing about each other. The published RestoRect numbers do not state the
strength of the correction that they were made with; the script's last version passes 0.1, its function's own
default is 0.3, and an earlier version made none.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.evaluation.metrics import gt_mean
from restorect_edge.spec import ImageU8

__all__ = ["PROTOCOLS", "Protocol", "protocol"]

Floats = NDArray[np.float64]

LUMA = np.array([65.481, 128.553, 24.966]) / 255
"""Weights of red, green and blue in ITU-R BT.601 luma of levels 16 to 235."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The switches of a protocol, in the order in which they act."""

    name: str
    resize: int | None = None
    """Side of the square that both images are scaled to, bilinearly, without antialiasing, then truncated to
    8 bits; None keeps them."""
    gt_mean: bool = False
    """Scale the output to the target's mean gray."""
    correction: float = 0.0
    """How far mean and deviation of each channel of the output are moved towards the target's, 0 to 1."""
    channel: Literal["rgb", "y", "y-bgr"] = "rgb"
    """What PSNR and SSIM compare: ``rgb``; ``y``, BT.601 luma; ``y-bgr``, the luma of the image with red and
    blue exchanged, as when RGB is passed to a conversion from BGR."""
    border: int = 0
    """Pixels that PSNR, SSIM and NIQE leave out at each edge."""

    @property
    def needs_target(self) -> bool:
        """Whether the output is changed towards a clean image."""
        return self.gt_mean or self.correction > 0

    @property
    def switches(self) -> dict[str, Any]:
        """The fields besides the name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    def prepare(self, output: ImageU8, target: ImageU8 | None) -> tuple[ImageU8, ImageU8 | None]:
        """Return the 8-bit RGB images that every metric is given.

        Args:
            output: (H, W, 3).
            target: the same shape, or None where there is no clean image.
        """
        if self.resize:
            output = resized(output, self.resize)
            target = None if target is None else resized(target, self.resize)
        # after resizing, which averages and would change the statistics that were matched
        if target is not None and self.gt_mean:
            output = gt_mean(output, target)
        if target is not None and self.correction:
            output = corrected(output, target, self.correction)
        return output, target

    def view(self, image: ImageU8) -> ImageU8 | Floats:
        """Return what PSNR and SSIM see of a prepared image: (H, W, 3) or (H, W, 1), without the border."""
        image = self.cropped(image)
        if self.channel == "rgb":
            return image
        weights = LUMA if self.channel == "y" else LUMA[::-1]
        # black is 16 in limited range; the constant counts in SSIM, whose means it shifts
        luma: Floats = (image @ weights + 16)[..., None]
        return luma

    def cropped(self, image: ImageU8) -> ImageU8:
        """Return an image without the border."""
        height, width = image.shape[:2]
        return image[self.border : height - self.border, self.border : width - self.border]


PROTOCOLS = {
    p.name: p
    for p in (
        Protocol(name="standard"),
        Protocol(name="gt-mean", gt_mean=True),
        Protocol(name="restorect", resize=256, correction=0.1, channel="y-bgr", border=5),
        Protocol(name="sr", channel="y"),
    )
}
"""The protocols by name."""


def protocol(
    name: str, *, correction: float | None = None, border: int | None = None, scale: int = 1
) -> Protocol:
    """Return a protocol by name.

    Args:
        name: of `PROTOCOLS`.
        correction: another strength for ``restorect``.
        border: pixels to leave out at each edge, instead of the protocol's.
        scale: the output's side over the input's, which is the border of ``sr``.

    Raises:
        UsageError: no such protocol, a correction that it does not have or that is outside [0, 1], or a
            border below 0.
    """
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, PROTOCOLS)
    if border is not None and border < 0:
        raise UsageError(f"a border has 0 pixels or more, got {border}")
    found = PROTOCOLS[name]
    if name == "sr" or border is not None:
        found = replace(found, border=scale if border is None else border)
    return found if correction is None else _corrected(found, correction)


def _corrected(found: Protocol, correction: float) -> Protocol:
    if not found.correction:
        raise UsageError(
            f"the protocol '{found.name}' has no correction; --correction is a switch of 'restorect'"
        )
    if not 0 <= correction <= 1:
        raise UsageError(
            f"correction {correction:g} is outside 0 (none) to 1 (the target's mean and deviation)"
        )
    return replace(found, correction=correction)


def resized(image: ImageU8, side: int) -> ImageU8:
    """Scale (H, W, 3) to (side, side, 3) by interpolating between the four nearest pixels.

    The rounding is the script's: to float32 in [0, 1] and back by truncation. An image of that size stays.

    Args:
        image: (H, W, 3).
        side: in pixels.
    """
    values = image.astype(np.float32) / np.float32(255)
    for axis in (1, 0):
        low, high, weight = _neighbors(image.shape[axis], side)
        weight = weight[:, None, None] if axis == 0 else weight[:, None]
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight
    levels: ImageU8 = (values * np.float32(255)).astype(np.uint8)
    return levels


def corrected(output: ImageU8, target: ImageU8, strength: float) -> ImageU8:
    """Move mean and deviation of each channel of (H, W, 3) towards the target's; truncated to 8 bits.

    Args:
        output: (H, W, 3).
        target: the same shape.
        strength: 0 keeps the output, 1 gives it the target's mean and deviation.
    """
    values = output.astype(np.float64)
    mean, deviation = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    wanted_mean, wanted_deviation = target.mean(axis=(0, 1)), target.std(axis=(0, 1))
    # no factor gives a flat channel a deviation
    flat = np.minimum(deviation, wanted_deviation) < 1e-8
    gain = 1 + strength * (wanted_deviation / np.where(flat, 1, deviation) - 1)
    moved = (values - mean) * gain + mean + strength * (wanted_mean - mean)
    levels: ImageU8 = np.clip(np.where(flat, values, moved), 0, 255).astype(np.uint8)
    return levels


def _neighbors(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the pixels to the left and right of each new pixel's center and the weight of the right one."""
    # pixel centers map to pixel centers: align_corners=False in torch's words
    centre = np.clip((np.arange(side) + 0.5) * (length / side) - 0.5, 0, length - 1)
    low = np.floor(centre).astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (centre - low).astype(np.float32)
