"""The recipe of a quantization: what INT8 may cost, what it costs, what was returned to float for that."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from restorect_edge.quantization.budget import (
    BlockDrop,
    BlockShift,
    Decision,
    FlatDecision,
    RangeDecision,
)
from restorect_edge.quantization.flat import MAX_SHIFT
from restorect_edge.quantization.options import Calibration

__all__ = ["RECIPE_FILE", "QuantRecipe"]

RECIPE_FILE = "quantization-recipe.json"
"""Name of the recipe inside an artifact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantRecipe:
    """A decision on a student's INT8 form; the same for every target."""

    weights: str
    weights_sha256: str | None
    """None for a student that did not come from a file."""
    calibration_sha256: str
    calibration_source: str
    seed: int
    """Of the choice of photographs, and of fine-tuning."""
    cpu: str
    """What it is exact on: `portable` on every x86, `vnni` where no 16-bit sum saturates."""
    qat_minutes: float | None
    qat_steps: int
    """Steps of quantization-aware fine-tuning; 0 for none."""
    max_psnr_drop: float
    """In dB."""
    validation_source: str | None
    """What the drop was measured on; None where it could not be measured."""
    validation_sha256: str | None
    validation_images: int
    psnr_drop_before: float | None
    """With every block in int8; None where it could not be measured."""
    ranking: tuple[BlockDrop, ...]
    """Every block, the one that costs most first; empty where nothing had to be returned."""
    returned: tuple[BlockDrop, ...]
    """Blocks in float, in the order of their return."""
    psnr_drop: float | None
    """Of the result."""
    max_flat_shift: float
    """Most levels of 255 by which INT8 may shift a channel's mean in a flat frame."""
    flat_shift_before: float
    """With the blocks in int8 that the decibels left there."""
    returned_for_flat: tuple[BlockShift, ...]
    """Blocks in float for it, in the order of their return."""
    flat_shift: float
    """Of the result."""
    generated_psnr_before: float | None = None
    """Least PSNR in dB to the float network on generated pictures, with the ranges of photographs; None of a
    module of one's own, where it is not measured."""
    range_share: float = 0.0
    """Of the way from the ranges of photographs to those of the generated pictures."""
    generated_psnr: float | None = None
    """With those ranges."""
    schema_version: int = 2

    @classmethod
    def of(
        cls,
        calibration: Calibration,
        decision: Decision | None,
        flat: FlatDecision,
        ranges: RangeDecision | None = None,
        steps: int = 0,
        *,
        weights: str,
        weights_sha256: str | None,
    ) -> "QuantRecipe":
        """Write down what was asked for and decided.

        Args:
            calibration: what was asked for.
            decision: None where the drop could not be measured.
            flat: on the shift of flat frames.
            ranges: on generated pictures; None of a module of one's own, where they are not measured.
            steps: of fine-tuning that were taken.
            weights: their name.
            weights_sha256: of their file, if they came from one.
        """
        return cls(
            **_asked(calibration, weights, weights_sha256),
            qat_minutes=calibration.qat,
            qat_steps=steps,
            psnr_drop_before=decision.before if decision else None,
            ranking=decision.ranking if decision else (),
            returned=decision.returned if decision else (),
            psnr_drop=decision.drop if decision else None,
            flat_shift_before=flat.before,
            returned_for_flat=flat.returned,
            flat_shift=flat.shift,
            generated_psnr_before=ranges.before if ranges else None,
            range_share=ranges.share if ranges else 0.0,
            generated_psnr=ranges.psnr if ranges else None,
        )

    def to_json(self) -> str:
        """Return stable, indented JSON with sorted keys."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def write(self, directory: Path) -> Path:
        """Write ``quantization-recipe.json`` below `directory` and return its path."""
        path = directory / RECIPE_FILE
        path.write_text(self.to_json(), encoding="utf-8")
        return path

    def summary(self) -> str:
        """Return the decision as one line."""
        names = ", ".join(row.block for row in self.returned_for_flat)
        held = f"; ranges {self.range_share:.0%} of the way to generated pictures" if self.range_share else ""
        kept = f"; {names} returned to float, {self.flat_shift_before:.1f} before" if names else ""
        return f"{self._drop()}; flat frames within {self.flat_shift:.1f} levels{kept}{held}"

    def _drop(self) -> str:
        if self.psnr_drop is None:
            return "quality drop not measured: there are no clean images; give pairs with --validation"
        names = ", ".join(row.block for row in self.returned)
        kept = f"; {names} returned to float, {self.psnr_drop_before:+.3f} dB before" if names else ""
        return (
            f"quality drop {self.psnr_drop:+.3f} dB of at most {self.max_psnr_drop:.3f}, "
            f"{self.validation_images} images, {self.validation_source}{kept}"
        )


def _asked(calibration: Calibration, weights: str, weights_sha256: str | None) -> dict[str, Any]:
    """Return the fields that say what was asked for."""
    photographs, validation = calibration.photographs, calibration.validation
    return {
        "weights": weights,
        "weights_sha256": weights_sha256,
        "calibration_sha256": photographs.sha256,
        "calibration_source": photographs.source,
        "seed": calibration.seed,
        "cpu": calibration.cpu,
        "max_psnr_drop": calibration.max_psnr_drop,
        "validation_source": validation.source if validation else None,
        "validation_sha256": validation.sha256 if validation else None,
        "validation_images": validation.count if validation else 0,
        "max_flat_shift": MAX_SHIFT,
    }
