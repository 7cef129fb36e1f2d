"""`calibrate`: weights by name become a quantized network, its plan and recipe; only then is torch needed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restorect_edge.errors import UsageError
from restorect_edge.quantization.options import Calibration, Int8Options, require_nncf
from restorect_edge.utils.options import option, silent, takes
from restorect_edge.weights import license

if TYPE_CHECKING:
    from restorect_edge.models.weights import Weights
    from restorect_edge.quantization.calibrated import Calibrated

__all__ = ["Calibrate", "calibrate", "calibration_for", "quantized", "student_weights"]


@dataclass(frozen=True)
class Calibrate(Int8Options):
    """What `calibrate` takes."""

    weights: str | Path = option(license.DEFAULT, "-w", metavar="NAME|PATH")
    """Weights by name or file."""


@takes(Calibrate)
def calibrate(asked: Calibrate) -> "Calibrated":
    """Quantize a student to INT8, once for all targets.

        calibrate("lowlight-small", num_calib=64).plan.write(folder)

    Args:
        asked: the fields of `Calibrate`, each an argument of its own; they are options of
            ``restorect-edge calibrate``.

    Returns:
        The network, the plan with every scale, and the recipe with what INT8 costs.

    Raises:
        UsageError: no such weights, photographs or pairs, or a network without prior and body.
        QualityError: over the budget unless nothing is in int8.
        MissingDependencyError: the extra ``calibrate`` is not installed.
        IncompatibleError, BackendError: see `restorect_edge.errors`.
    """
    weights = student_weights(str(asked.weights))
    return quantized(weights, calibration_for(weights, asked))


def student_weights(source: str) -> "Weights":
    """Load a student to calibrate.

    Raises:
        MissingDependencyError: the extra ``calibrate`` is not installed.
        UsageError: no such weights, or a network without prior and body.
    """
    require_nncf()
    from restorect_edge.models.weights import load_weights

    weights = load_weights(source)
    if weights.student is None:
        raise UsageError(f"'{weights.name}' has no prior and local body; only such students are quantized")
    return weights


def calibration_for(weights: "Weights", asked: Int8Options) -> Calibration:
    """Find the photographs and pairs, by default those of the weights' task.

    Args:
        weights: whose task decides where nothing else does.
        asked: the options.

    Raises:
        UsageError: no such photographs or pairs.
    """
    return asked.calibration(str(weights.card.get("task", "custom")))


def quantized(
    weights: "Weights", calibration: Calibration, progress: Callable[[str], None] = silent
) -> "Calibrated":
    """Quantize weights of `student_weights`; see `calibrated.calibrate_student`.

    Args:
        weights: a student.
        calibration: photographs, pairs and budget.
        progress: is given a line per long stage.

    Raises:
        RestorectError: as `calibrate_student`.
    """
    from restorect_edge.quantization.calibrated import calibrate_student

    return calibrate_student(
        weights.body_owner(),
        calibration,
        weights=weights.name,
        weights_sha256=weights.sha256,
        progress=progress,
    )
