"""The inputs and outputs of a network, as data (no backend, no `torch`)."""

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorect_edge.contract import RANGES
from restorect_edge.errors import UsageError

__all__ = ["VALUE_FIELDS", "ImageSpec", "ImageU8", "Shape", "SizeRequirements"]

ImageU8: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Shape: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""

RGB = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRequirements:
    """Image sides that a network accepts; the runtime pads up to them and crops back."""

    minimum: int = 1
    """Smallest side, in pixels."""
    multiple_of: int = 1
    """Both sides are a multiple of this."""

    def __post_init__(self) -> None:
        _check_range("minimum", self.minimum, "spec.size.minimum")
        _check_range("multiple_of", self.multiple_of, "spec.size.multiple_of")

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest allowed (height, width) that holds `height` and `width`, in pixels."""
        m = self.multiple_of
        # the negative of a floored quotient rounds up
        return (
            -(-max(height, self.minimum) // m) * m,
            -(-max(width, self.minimum) // m) * m,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """The contract of an image → image network: NCHW, RGB, batch 1.

    `restorect_edge.export(module, target=..., spec=ImageSpec(...))` takes any network that keeps it. An
    artifact's inputs and outputs are pictures in [0, 1] or in 8 bits, whatever the network's own values: its
    ranges, means and standard deviations become part of the graph.
    """

    scale: int = 1
    """Output side over input side."""
    size: SizeRequirements = field(default_factory=SizeRequirements)
    halo: int | None = None
    """Pixels of context that an output pixel needs on each side, if the network is strictly local.
    None means that the whole image matters, and tiles would not give the same result."""
    input_range: tuple[float, float] = (0.0, 1.0)
    """What the network takes for black and for white, such as (0, 255) or (-1, 1)."""
    output_range: tuple[float, float] = (0.0, 1.0)
    """What it gives for black and for white."""
    mean: tuple[float, float, float] | None = None
    """Of R, G and B, in units of `input_range`: subtracted before the network."""
    std: tuple[float, float, float] | None = None
    """Of R, G and B, in units of `input_range`: what is left is divided by it."""
    output_mean: tuple[float, float, float] | None = None
    """Of R, G and B, in units of `output_range`: added after the network."""
    output_std: tuple[float, float, float] | None = None
    """Of R, G and B, in units of `output_range`: the output is multiplied by it before that."""

    def __post_init__(self) -> None:
        _check_range("scale", self.scale, "spec.scale")
        if self.halo is not None:
            _check_range("halo", self.halo, "spec.halo")
        for name in ("input_range", "output_range"):
            low, high = self._numbers(name, 2, "the value of black, then that of white, such as (0, 255)")
            if low >= high:
                raise UsageError(f"{name} starts with the smaller value, got {low:g} and {high:g}")
        for name in ("mean", "std", "output_mean", "output_std"):
            values = () if getattr(self, name) is None else self._numbers(name, 3, "one for each of R, G, B")
            if name.endswith("std") and any(value <= 0 for value in values):
                raise UsageError(f"{name} must be above 0 in every channel, got {values}")

    def _numbers(self, name: str, count: int, words: str) -> tuple[float, ...]:
        """Return a field as a tuple of floats, and keep it so."""
        given = getattr(self, name)
        try:
            values = tuple(float(value) for value in given)
        except (TypeError, ValueError):
            values = ()
        if len(values) != count or not all(math.isfinite(value) for value in values):
            raise UsageError(f"{name} is {count} numbers, {words}; got {given!r}")
        # the class is frozen, but lists from TOML and the command line must become tuples
        object.__setattr__(self, name, values)
        return values

    @property
    def tileable(self) -> bool:
        """Whether restoring by tiles equals restoring the whole image."""
        return self.halo is not None

    @property
    def aligned_halo(self) -> int:
        """The halo rounded up to the size multiple, so that tiles start on the network's own grid."""
        m = self.size.multiple_of
        return -(-(self.halo or 0) // m) * m

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        """What sets the network's values apart from pictures in [0, 1], by field; empty if nothing does."""
        plain = ImageSpec()
        found = {name: getattr(self, name) for name in VALUE_FIELDS}
        return {name: value for name, value in found.items() if value != getattr(plain, name)}

    @property
    def before(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Factor and offset of R, G and B that make the network's input of a picture in [0, 1]."""
        low, high = self.input_range
        mean, std = self.mean or (0.0,) * RGB, self.std or (1.0,) * RGB
        # (low + x · (high - low) - mean) / std
        offsets = tuple((low - m) / s for m, s in zip(mean, std, strict=True))
        return tuple((high - low) / s for s in std), offsets

    @property
    def after(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Factor and offset of R, G and B that make a picture in [0, 1] of the network's output."""
        low, high = self.output_range
        mean, std = self.output_mean or (0.0,) * RGB, self.output_std or (1.0,) * RGB
        return tuple(s / (high - low) for s in std), tuple((m - low) / (high - low) for m in mean)

    @property
    def of_artifact(self) -> "ImageSpec":
        """The contract of an artifact made with this one: the same sizes, pictures in [0, 1]."""
        return ImageSpec(scale=self.scale, size=self.size, halo=self.halo)


VALUE_FIELDS = ("input_range", "output_range", "mean", "std", "output_mean", "output_std")
"""Fields of an `ImageSpec` that an export folds into the graph, so that no artifact has them."""


def _check_range(name: str, value: object, place: str) -> None:
    """Refuse a number that the manifest of an artifact could not hold."""
    least, most = RANGES[place]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
