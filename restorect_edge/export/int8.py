"""INT8 for the export: calibrate the student of a source once for all targets, and say so."""

from collections.abc import Callable

from restorect_edge.export.source import Source
from restorect_edge.quantization import calibrated
from restorect_edge.quantization.calibrated import Calibrated
from restorect_edge.quantization.options import Calibration

__all__ = ["Calibrated", "calibrate"]


def calibrate(source: Source, calibration: Calibration, progress: Callable[[str], None]) -> Calibrated:
    """Quantise the student of `source` on photographs, within its budget.

    Raises:
        UsageError: the network is no student.
        QualityError: it costs more than it may.
        MissingDependencyError: the extra ``calibrate`` is not installed.
        BackendError: NNCF cannot quantise it.
    """
    photographs = calibration.photographs
    for note in photographs.notes:
        progress(f"calibration: {note}")
    progress(f"calibrating INT8 on {photographs.count} photographs ({photographs.source})")
    made = calibrated.calibrate(
        source.require_student(),
        calibration,
        weights=source.name,
        weights_sha256=source.weights.get("sha256"),
        progress=progress,
    )
    progress(f"INT8: {made.recipe.summary()}")
    return made
