"""Options of an export, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from restorect_edge.calibration.dataset import CalibrationSet

__all__ = ["PRECISIONS", "Calibration", "ExportOptions"]

PRECISIONS = ("fp32", "fp16", "int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What a target needs to know besides the graphs."""

    precision: str = "fp32"
    """`fp32`, `fp16` or `int8`: weights and arithmetic inside the graph; inputs and outputs keep their type.
    A graph for `int8` comes quantised, and a target decides only how to compute the rest of it."""
    dynamic: bool = False
    """Let image height and width vary."""
    minimum_deployment_target: str = "ios17"
    """Oldest system that must load the package; Core ML only."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Mirrored into the native file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What INT8 is calibrated on."""

    photographs: CalibrationSet
    seed: int
    """Of their choice."""
