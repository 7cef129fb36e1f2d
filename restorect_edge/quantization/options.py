"""What a quantization is asked for, as data (no `torch` needed)."""

import math
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.quantization.data.dataset import CalibrationSet, calibration_images
from restorect_edge.quantization.data.validation import Validation, validation_pairs
from restorect_edge.utils.extras import require
from restorect_edge.utils.options import option

__all__ = [
    "ALIASES",
    "CPUS",
    "MAX_PSNR_DROP",
    "Calibration",
    "CalibrationData",
    "Int8Options",
    "require_nncf",
]

MAX_PSNR_DROP = 0.10
"""Loss of PSNR in dB that INT8 may cost unless told otherwise."""
CPUS = ("portable", "vnni")
"""What an INT8 artifact is made for: `portable` leaves room for the 16-bit sums of x86 CPUs without VNNI,
`vnni` gives weights their full range, which any other hardware takes."""
NUM_CALIB = 128
"""Most photographs to calibrate on unless told otherwise."""
INT8 = "INT8"
"""Heading of the options in a command's help."""
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


@dataclass(frozen=True, kw_only=True)
class CalibrationData:
    """Which photographs INT8 is calibrated on."""

    calib_data: str | Path | None = option(None, "--data", metavar="DIR|MANIFEST", group=INT8)
    """Photographs or pairs to calibrate on; by default the set that is shipped for the task."""
    num_calib: int | None = option(None, "--num", metavar="N", group=INT8)
    """Most photographs to calibrate on; by default 128."""
    calib_seed: int | None = option(None, "--seed", metavar="N", group=INT8)
    """Seed of their choice; by default 0."""

    def photographs(self, task: str) -> CalibrationSet:
        """Choose and decode the photographs, by default those of a task; see `calibration_images`."""
        source = None if self.calib_data is None else Path(self.calib_data)
        num = NUM_CALIB if self.num_calib is None else self.num_calib
        return calibration_images(source, num=num, seed=self.calib_seed or 0, task=task)


@dataclass(frozen=True, kw_only=True)
class Int8Options(CalibrationData):
    """How a network is quantized; None takes the default."""

    max_psnr_drop: float | None = option(
        None, metavar="DB", group=INT8, more=f"default {MAX_PSNR_DROP:.2f} dB"
    )
    """Most that INT8 may cost against clean images."""
    validation: str | Path | None = option(None, metavar="DIR", group=INT8)
    """Pairs that this is measured on; by default those of the task."""
    qat: float | None = option(None, metavar="MINUTES", group=INT8)
    """Fine-tune under quantization first."""
    cpu: str | None = option(None, group=INT8, metavar="|".join(CPUS), choices=(*CPUS, *ALIASES))
    """Portable (default), exact on every x86, or vnni, for CPUs that have it and all other hardware."""

    def int8_for(self, x86: bool) -> str:
        """Return which of `CPUS` INT8 is made for: by default `portable` where an x86 CPU may run it."""
        return ALIASES.get(self.cpu or "", self.cpu) or ("portable" if x86 else "vnni")

    def calibration(self, task: str, *, x86: bool = True) -> Calibration:
        """Find the photographs and pairs, by default those of a task.

        Args:
            task: such as ``lowlight``.
            x86: whether an x86 CPU may run the result.

        Raises:
            UsageError: no such photographs or pairs, or values out of range.
            IncompatibleError: a damaged manifest.
        """
        return Calibration(
            photographs=self.photographs(task),
            seed=self.calib_seed or 0,
            max_psnr_drop=MAX_PSNR_DROP if self.max_psnr_drop is None else self.max_psnr_drop,
            validation=validation_pairs(None if self.validation is None else Path(self.validation), task),
            qat=self.qat,
            cpu=self.int8_for(x86),
        )
