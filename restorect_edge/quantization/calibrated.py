"""The whole way from a student to its INT8 form: fine-tune, calibrate, keep the budget, write it all down."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from restorect_edge.models.student import Student
from restorect_edge.quantization.budget import Meter, bring_within, hold_generated, keep_flat
from restorect_edge.quantization.data.generated import GeneratedMeter
from restorect_edge.quantization.flat import MAX_SHIFT, FlatMeter
from restorect_edge.quantization.options import Calibration
from restorect_edge.quantization.plan import QuantPlan
from restorect_edge.quantization.qat.finetune import finetune
from restorect_edge.quantization.quantize import quantize_student
from restorect_edge.quantization.recipe import QuantRecipe

__all__ = ["Calibrated", "calibrate_student"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A quantized network and how it came about."""

    network: nn.Module
    plan: QuantPlan
    recipe: QuantRecipe

    def write(self, directory: Path) -> None:
        """Write the plan and the recipe below `directory`."""
        self.plan.write(directory)
        self.recipe.write(directory)


def calibrate_student(
    student: Student,
    calibration: Calibration,
    *,
    weights: str,
    weights_sha256: str | None,
    progress: Progress = lambda message: None,
) -> Calibrated:
    """Quantize a student on photographs, within its budget.

    Deterministic: the same student, photographs, pairs and seed give the same network, plan and recipe. With
    fine-tuning they depend on the machine, by the number of steps that fit in the minutes.

    Args:
        student: fused, in evaluation mode.
        calibration: photographs, pairs and budget.
        weights: their name.
        weights_sha256: of their file, if they came from one.
        progress: is given a line per long stage.

    Raises:
        QualityError: over the budget unless nothing is in int8; the message has the numbers.
        MissingDependencyError, UsageError, BackendError: see `quantize_student`.
    """
    safe = calibration.cpu == "portable"
    tuned, steps = _tuned(student, calibration, safe, progress)
    network = quantize_student(tuned, calibration.photographs.images, saturation_safe=safe)
    meter = None if calibration.validation is None else Meter(student, network.prior, calibration.validation)
    decision = bring_within(network, tuned, meter, calibration.max_psnr_drop, progress) if meter else None
    network = decision.network if decision else network
    made = GeneratedMeter(student, network.prior)

    def fits(body: nn.Module) -> bool:
        return meter is None or meter.drop(body) <= calibration.max_psnr_drop

    ranges = hold_generated(network, tuned, made, fits=fits, progress=progress)
    network = ranges.network
    flat = keep_flat(network, tuned, FlatMeter.of_student(student, network.prior), MAX_SHIFT, progress)
    network = flat.network
    # the drop was measured before these two changed the network
    if meter and decision and (flat.returned or ranges.share):
        decision = replace(decision, drop=meter.drop(network.body))
    named: dict[str, Any] = {"weights": weights, "weights_sha256": weights_sha256}
    plan = QuantPlan.of(network, calibration, **named)
    recipe = QuantRecipe.of(calibration, decision, flat, ranges, steps, **named)
    return Calibrated(network, plan, recipe)


def _tuned(student: Student, calibration: Calibration, safe: bool, progress: Progress) -> tuple[Student, int]:
    if calibration.qat is None:
        return student, 0
    progress(f"fine-tuning under quantization for {calibration.qat:g} minutes")
    images = calibration.photographs.images
    return finetune(student, images, minutes=calibration.qat, seed=calibration.seed, saturation_safe=safe)
