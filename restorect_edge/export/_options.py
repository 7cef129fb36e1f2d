"""Options of an export, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PRECISIONS", "ExportOptions"]

PRECISIONS = ("fp32", "fp16")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What a target needs to know besides the graphs."""

    precision: str = "fp32"
    """`fp32` or `fp16`: weights and arithmetic inside the graph; inputs and outputs keep their type."""
    dynamic: bool = False
    """Let image height and width vary."""
    minimum_deployment_target: str = "ios17"
    """Oldest system that must load the package; Core ML only."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Mirrored into the native file."""
