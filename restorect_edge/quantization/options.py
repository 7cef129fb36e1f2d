"""What a quantization is asked for, as data (no `torch` needed)."""

import math
from dataclasses import dataclass
from typing import Any

from restorect_edge.errors import UsageError
from restorect_edge.quantization.data.dataset import CalibrationSet
from restorect_edge.quantization.data.validation import Validation
from restorect_edge.utils.extras import require

__all__ = ["ALIASES", "CPUS", "MAX_PSNR_DROP", "Calibration", "require_nncf"]

MAX_PSNR_DROP = 0.10
"""Loss of PSNR in dB that INT8 may cost unless told otherwise."""
CPUS = ("portable", "vnni")
"""What an INT8 artifact is made for: `portable` leaves room for the 16-bit sums of x86 CPUs without VNNI,
`vnni` gives weights their full range, which any other hardware takes."""
ALIASES = {"avx2": "portable"}
"""What earlier versions called them, on the command line and in manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What INT8 is calibrated on, and what it may cost.

    Raises:
        UsageError: decibels that are no budget, or minutes that are no time.
    """

    photographs: CalibrationSet
    seed: int
    """Of their choice, and of fine-tuning."""
    max_psnr_drop: float = MAX_PSNR_DROP
    """In dB, mean over `validation`, against its clean images."""
    validation: Validation | None = None
    """None where there is none: then the drop cannot be measured."""
    qat: float | None = None
    """Minutes of quantization-aware fine-tuning; None for none."""
    cpu: str = "portable"
    """One of `CPUS`."""

    @property
    def facts(self) -> dict[str, Any]:
        """What a plan says of the photographs, by the names of `QuantPlan.of`."""
        chosen = self.photographs
        return {
            "images": chosen.count,
            "sha256": chosen.sha256,
            "source": chosen.source,
            "seed": self.seed,
        }

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_psnr_drop) and self.max_psnr_drop >= 0):
            raise UsageError(
                f"--max-psnr-drop is a loss in dB, 0 or more, such as {MAX_PSNR_DROP:.2f}; "
                f"got {self.max_psnr_drop}"
            )
        if self.qat is not None and not (math.isfinite(self.qat) and self.qat > 0):
            raise UsageError(f"--qat is a time in minutes, more than 0; got {self.qat}")


def require_nncf() -> None:
    """Raise `MissingDependencyError` unless what the extra ``calibrate`` installs is there."""
    require("INT8 calibration", "calibrate", "torch", "safetensors", "nncf", "torchao")
