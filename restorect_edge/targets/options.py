"""What a target is told about an export besides its graphs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["AUTO", "IOS", "PRECISIONS", "UINT8", "ExportOptions"]

PRECISIONS = ("fp32", "fp16", "int8", "w8")
UINT8 = "uint8"
IOS = ("float32", UINT8)
"""What images are at a graph's input and output: planes (1, 3, H, W) in [0, 1], or levels (1, H, W, 3)."""
AUTO = "auto"
"""The precision that is chosen by measuring; see `restorect_edge.export.auto`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What a target needs to know besides the graphs."""

    precision: str = "fp32"
    """`fp32`, `fp16` or `int8`: weights and arithmetic inside the graph; inputs and outputs keep their type.
    A graph for `int8` comes quantized, and a target decides only how to compute the rest of it; so does one
    for `w8`, whose weights alone are int8. `auto` is decided by measuring these."""
    cpu: str | None = None
    """For INT8, which x86 it was calibrated for; None where the target has no such choice."""
    levels: bool = False
    """Let images be uint8 levels at the graphs' inputs and outputs; the graphs come traced so."""
    dynamic: bool = False
    """Let image height and width vary."""
    allow_unverified: bool = False
    """Keep an artifact that what verifies it cannot run."""
    minimum_deployment_target: str = "ios17"
    """Oldest system that must load the file, where the target has such a choice."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Mirrored into the native file."""
