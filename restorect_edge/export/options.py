"""Options of an export, as data: what the caller asks for, and what a target needs to know of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.export.naming import check_name
from restorect_edge.export.shapes import parse_shapes, written_shapes
from restorect_edge.quantization.options import ALIASES, CPUS, MAX_PSNR_DROP, Calibration, Int8Options
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.base import Target
from restorect_edge.targets.options import AUTO, IOS, PRECISIONS, UINT8, ExportOptions
from restorect_edge.targets.registry import TARGETS, labels
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.options import option

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

INT8_ONLY = tuple(each.name for each in fields(Int8Options))
"""Fields of a request that only an export with calibration takes."""


def _default_precisions() -> str:
    """Return the targets' default precisions in words, the base class's first."""
    others = dict.fromkeys(t.precision for t in TARGETS.values() if t.precision != Target.precision)
    named = {p: [name for name, t in TARGETS.items() if t.precision == p] for p in others}
    return ", ".join(
        [f"default {Target.precision}", *(f"{' and '.join(names)} {p}" for p, names in named.items())]
    )


def _default_sides() -> str:
    """Return the targets' default sides in words."""
    sized = {name: t.sides for name, t in TARGETS.items() if t.sides}
    named = {sides: [n for n in sized if sized[n] == sides] for sides in dict.fromkeys(sized.values())}
    told = (f"{' and '.join(n)} {','.join(f'{h}x{w}' for h, w in sides)}" for sides, n in named.items())
    return ", ".join(["default: any size", *told])


def _having(precision: str) -> str:
    return labels("and", among={name: t for name, t in TARGETS.items() if precision in t.precisions})


@dataclass(frozen=True, kw_only=True)
class ExportRequest(Int8Options):
    """Everything that a caller may ask of an export besides network and target.

    A field left None takes the default that its meaning has for the target.
    """

    spec: ImageSpec | None = option(None, python_only=True)
    """Contract of a module or program of one's own; by default any size, scale 1, pictures in [0, 1]. Other
    ranges become part of the graph: ``ImageSpec(input_range=(0, 255), ...)``."""
    name: str | None = option(None, python_only=True)
    """What to call a module of one's own."""
    precision: str | None = option(
        None,
        choices=(*PRECISIONS, AUTO),
        more=f"{_default_precisions()}; int8 is calibrated; w8: weights alone, {_having('w8')}; "
        "auto: measured and chosen",
    )
    """Weights and arithmetic inside the graph."""
    shapes: Sequence[tuple[int, int]] | None = option(
        None,
        metavar="HxW[,HxW]",
        parse=parse_shapes,
        write=written_shapes,
        replaces=("dynamic",),
        more=_default_sides(),
    )
    """Fixed image sizes, height first."""
    dynamic: bool | None = option(None, replaces=("shapes",))
    """Leave height and width free instead."""
    steps: int | None = option(None, metavar="N", more="shipped weights: 4")
    """Euler steps of the flow: 1, 2, 4 or 8, where the weights were trained for it, which their card says."""
    form: str | None = option(None, choices=FORMS)
    """One graph (whole), or prior and body (split), for any size by exact tiles; by default split, and whole
    where sides are given."""
    io: str | None = option(
        None,
        choices=IOS,
        more=f"uint8 levels for {', '.join(t.name for t in TARGETS.values() if t.levels)}",
    )
    """What images are at the graph's input and output: float32 planes (1, 3, H, W) in [0, 1] (default), or
    levels (1, H, W, 3), whose conversion is the backend's work."""
    minimum_deployment_target: str = option("ios17", metavar="IOS", more="ios16, ios17 or ios18")
    """Oldest system that must load the file, Core ML only."""
    allow_unverified: bool = option(False)
    """Keep what cannot be run here for a verdict, and say so in its manifest."""
    output_dir: str | Path = option("out", "-o", "--output", metavar="DIR")
    """Where the artifact's directory is made."""

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

    @property
    def calibrates(self) -> bool:
        """Whether the network is quantized on photographs."""
        return self.precision in ("int8", AUTO)
