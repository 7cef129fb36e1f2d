"""Options that say what computes and on which values, which several verbs have."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError
from restorect_edge.spec import VALUE_FIELDS
from restorect_edge.targets.models import is_model
from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.utils.options import option

__all__ = ["OWN", "VALUE_OPTIONS", "OnDevice", "Threads", "Values"]

OWN, RANGE, CHANNELS = "networks of your own (.pt2, .onnx)", ("LOW", "HIGH"), ("R", "G", "B")
VALUE_OPTIONS = ", ".join(f"--{name.replace('_', '-')}" for name in VALUE_FIELDS)
Range = tuple[float, float]
Channels = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class OnDevice:
    """What computes."""

    runtime: str | None = option(None, metavar="R", more=", ".join(RUNTIMES))
    """Backend, if not the artifact's or the weights' own."""
    device: str = option("auto", metavar="D")
    """Device, such as cpu, gpu or cuda."""


@dataclass(frozen=True, kw_only=True)
class Threads:
    """How many CPU threads compute."""

    threads: int | None = option(None, metavar="N", more="by default the backend decides")
    """CPU threads."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """Which values a network has as inputs and outputs, each a field of `ImageSpec`."""

    input_range: Range | None = option(None, metavar=RANGE, group=OWN)
    """What it takes for black and white, such as 0 255; by default 0 1."""
    output_range: Range | None = option(None, metavar=RANGE, group=OWN)
    """What it gives for black and white, such as -1 1; by default 0 1."""
    mean: Channels | None = option(None, metavar=CHANNELS, group=OWN)
    """Subtracted from the input, in units of --input-range."""
    std: Channels | None = option(None, metavar=CHANNELS, group=OWN)
    """Divides what is left of the input."""
    output_mean: Channels | None = option(None, metavar=CHANNELS, group=OWN)
    """Added to the output, in units of --output-range."""
    output_std: Channels | None = option(None, metavar=CHANNELS, group=OWN)
    """Multiplies the output before that."""

    @property
    def values(self) -> dict[str, Any]:
        """What is given of them, by field of `ImageSpec`."""
        return {name: getattr(self, name) for name in VALUE_FIELDS if getattr(self, name) is not None}

    def check_values(self, sources: Iterable[str | Path]) -> None:
        """Raise `UsageError` for values of networks none of which is a model that they could describe."""
        if self.values and not any(is_model(source) for source in sources):
            raise UsageError(f"{VALUE_OPTIONS} describe .onnx models, and none is given")
