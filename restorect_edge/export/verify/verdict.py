"""What a verification found, as data and as one line, and the gates that it is held against."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from restorect_edge.artifact import UNVERIFIED
from restorect_edge.errors import BackendError, IncompatibleError, MissingDependencyError, RestorectError

__all__ = [
    "EXTRA_DROP",
    "FLAT_GATES",
    "FLAT_LEVELS",
    "GATES",
    "GENERATED_GATES",
    "Found",
    "NotRunError",
    "Unverified",
    "Verification",
    "large_gate",
    "running",
]

GATES = {"fp32": 80.0, "fp16": 50.0, "int8": 30.0, "w8": 40.0}
"""Least PSNR in dB against the float32 network, of the worst image, by precision. Weights in 8 bits
with float16 arithmetic come to 49 to 52 dB; below 40 a scale or an axis is wrong."""
GENERATED_GATES = {**GATES, "int8": 20.0, "w8": 30.0}
"""The same for noise, pure colors and ramps, which no calibration has seen: 8 bits may cost more there,
but where a sum overflows or saturates they come to less than 15 dB."""
FLAT_GATES = {"fp32": 80.0, "fp16": 45.0}
"""The same for flat frames, where the rounding of float16 shifts all pixels by the same part of a level."""
COUNTED = 150_000
"""Pixels up to which sums over an image cost float32 no digit that the gate of 80 dB would notice."""
LEVEL = 1 / 255 + 1e-6
"""A level of 8 bits; images whose values differ by less have no value two levels apart."""
FLAT_LEVELS = 2.0
"""Most levels of 255 by which 8 bits may shift the mean of a channel of a flat frame. PSNR would not do:
30 dB, which hide in the texture of a photograph, are 8 levels of fog on a black frame."""
EXTRA_DROP = 0.10
"""Most dB against clean photographs that fused INT8 may lose beyond what the graph as written loses."""


def large_gate(gate: float, pixels: int, max_abs: float) -> float:
    """Return the least PSNR that passes in float32 on an image, which falls as sums over it grow.

    A backend that adds up N values one by one loses digits in proportion to N: dividing by the mean of a flat
    frame of 64×96 pixels comes to 112 dB in ONNX Runtime 1.32, of 400×600 to 79, and of 1080×1920 to 62 dB,
    which is a fifth of a level. A wrong operation is as wrong in a small image. Below the gate the pictures
    must be the same: no value a whole level off.

    Args:
        gate: for images of at most `COUNTED` pixels.
        pixels: of the image, at the size of the input.
        max_abs: largest difference of any value, on the scale [0, 1].
    """
    if pixels <= COUNTED or max_abs > LEVEL:
        return gate
    return round(gate - 20 * math.log10(pixels / COUNTED), 2)


class NotRunError(RestorectError):
    """What verifies an artifact cannot run it: the error that it raised is the cause."""

    def __init__(self, cause: RestorectError) -> None:
        super().__init__(str(cause))
        self.cause = cause

    def reworded(self, message: str) -> RestorectError:
        """Return the cause, of its own class and exit code, with another message, to be raised instead."""
        self.__cause__ = self.__context__ = None  # or the two would be each other's cause
        self.cause.args = (message,)
        return self.cause


@contextmanager
def running() -> Iterator[None]:
    """Mark the errors of what runs an artifact: they say nothing of the artifact itself.

    Raises:
        NotRunError: of a library that is missing, a file that it cannot take, or a failure of its own.
    """
    try:
        yield
    except (BackendError, IncompatibleError, MissingDependencyError) as error:
        raise NotRunError(error) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """Stands for the verification of an artifact that was kept without one."""

    reason: str
    """Why it could not be run."""
    by: str
    """What would have run it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values, with those that a verification has for its numbers empty."""
        empty = dict.fromkeys(("psnr", "max_abs", "psnr_drop"))
        return {"status": UNVERIFIED, "by": self.by, "reason": self.reason, **empty}

    def summary(self) -> str:
        """Return the verdict that there is none, as one line."""
        return f"not verified: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How far an artifact is from its network, as one thing runs it."""

    by: str
    """What ran it, and what that leaves open."""
    psnr: float
    """Of the image with the least to spare, in dB with peak 1; 200 stands for equality, -200 for values that
    are no numbers. In 8 bits of a photograph: `generated_psnr` and `flat_offset` are of the rest."""
    worst_image: str
    gate: float
    """Least `psnr` that passes on that image."""
    generated_psnr: float | None = None
    """8 bits: of the worst of noise, pure colors and ramps; None in float, where `psnr` counts them in."""
    flat_offset: float | None = None
    """8 bits: largest shift of a channel's mean on a flat frame, in levels of 255."""
    psnr_drop: float | None = None
    """8 bits: mean loss of PSNR in dB against clean photographs; None where there are none."""

    def summary(self) -> str:
        """Return the numbers as a clause of the verdict's line."""
        return (
            f"as run here {self.psnr:.1f} dB (gate {self.gate:.0f} dB) on '{self.worst_image}'"
            f"{self._costs}, by {self.by}"
        )

    @property
    def _costs(self) -> str:
        drop = "" if self.psnr_drop is None else f", {self.psnr_drop:+.2f} dB quality drop"
        flat = "" if self.flat_offset is None else f", flat frames within {self.flat_offset:.1f} levels"
        return drop + flat


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Found):
    """What a verification found, by the arithmetic of the graph where this machine has what runs it so."""

    status: str
    """`pass` or `fail`."""
    reference: str
    """What it was compared with."""
    psnr_mean: float
    """Mean of all pictures in dB."""
    max_abs: float
    """Largest difference of any value, on the scale [0, 1]; not clipped where the graph gives floats."""
    mean_shift: float
    """Difference of mean brightness of the worst image, on the scale [0, 1]."""
    images: int
    agreement: float | None = None
    """INT8: `psnr` against the quantized network in PyTorch; None where that is not at hand."""
    color_offset: float | None = None
    """INT8: the same as `flat_offset` on flat frames of pure colors. Its ranges do not hold them, for those
    that would cost photographs their fidelity; so there is no gate, and the line says what to expect."""
    fused: Found | None = None
    """The same as the artifact runs here for its users; None where the numbers above are of that run."""
    failures: tuple[str, ...] = ()
    """Which gates it falls short of, in words."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return {**asdict(self), "failures": list(self.failures)}

    def summary(self) -> str:
        """Return the verdict as one line."""
        agreement = "" if self.agreement is None else f", {self.agreement:.1f} dB from its quantized network"
        color = "" if self.color_offset is None else f", of pure colors within {self.color_offset:.0f}"
        fused = "" if self.fused is None else f"; {self.fused.summary()}"
        failed = "" if not self.failures else f"; falls short: {', '.join(self.failures)}"
        return (
            f"{self.status}: {self.psnr:.1f} dB from {self.reference} (gate {self.gate:.0f} dB) on "
            f"'{self.worst_image}'{agreement}{self._costs}{color}, max {self.max_abs:.2g}, "
            f"{self.images} images, by {self.by}{fused}{failed}"
        )
