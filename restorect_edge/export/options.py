"""Options of an export, as data: what the caller asks for, and what a target needs to know of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.export.naming import check_name
from restorect_edge.quantization.options import ALIASES, CPUS, MAX_PSNR_DROP, Calibration
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.options import AUTO, IOS, PRECISIONS, UINT8, ExportOptions
from restorect_edge.utils.destination import require_writable

__all__ = [
    "ALIASES",
    "AUTO",
    "CPUS",
    "FORMS",
    "IOS",
    "MAX_PSNR_DROP",
    "PRECISIONS",
    "UINT8",
    "Calibration",
    "ExportOptions",
    "ExportRequest",
]

FORMS = ("whole", "split")

INT8_ONLY = ("calib_data", "num_calib", "calib_seed", "max_psnr_drop", "validation", "qat", "cpu")
"""Fields of a request that only an export with calibration takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Everything that a caller may ask of an export besides network and target; see `export`.

    A field left None takes the default that its meaning has for the target.
    """

    spec: ImageSpec | None = None
    name: str | None = None
    precision: str | None = None
    shapes: Sequence[tuple[int, int]] | None = None
    dynamic: bool | None = None
    steps: int | None = None
    form: str | None = None
    io: str | None = None
    minimum_deployment_target: str = "ios17"
    calib_data: str | Path | None = None
    num_calib: int | None = None
    calib_seed: int | None = None
    max_psnr_drop: float | None = None
    validation: str | Path | None = None
    qat: float | None = None
    cpu: str | None = None
    allow_unverified: bool = False
    output_dir: str | Path = "out"

    def check(self) -> None:
        """Raise `UsageError` for what can be seen to be wrong without looking at the network."""
        require_writable(Path(self.output_dir), folder=True)
        if self.name is not None:
            check_name(self.name)
        if self.form not in (None, *FORMS):
            raise UsageError(f"form must be whole or split, got '{self.form}'")
        if self.precision is not None and self.precision not in (*PRECISIONS, AUTO):
            raise UsageError(
                f"precision must be one of {', '.join((*PRECISIONS, AUTO))}, got '{self.precision}'"
            )
        if self.io not in (None, *IOS):
            raise UsageError(f"io must be {' or '.join(IOS)}, got '{self.io}'")
        if self.dynamic and self.shapes:
            raise UsageError("choose --dynamic or --shapes, not both: shapes are fixed sizes")
        if self.cpu is not None and self.cpu not in (*CPUS, *ALIASES):
            raise UsageError(f"cpu must be one of {', '.join(CPUS)}, got '{self.cpu}'")
        if self.allow_unverified and self.precision == AUTO:
            raise UsageError(
                f"--allow-unverified keeps what has no verdict, and --precision {AUTO} chooses by verdicts: "
                f"choose one of {', '.join(PRECISIONS)}"
            )
        given = [name for name in INT8_ONLY if getattr(self, name) is not None]
        if given and not self.calibrates:
            options = ", ".join("--" + name.replace("_", "-") for name in given)
            raise UsageError(f"{options}: for --precision int8 or auto, got {self.precision or 'none'}")

    def int8_for(self, x86: bool) -> str:
        """Return which of `CPUS` INT8 is made for: by default `portable` where an x86 CPU may run it."""
        return ALIASES.get(self.cpu or "", self.cpu) or ("portable" if x86 else "vnni")

    @property
    def calibrates(self) -> bool:
        """Whether the network is quantized on photographs."""
        return self.precision in ("int8", AUTO)
