"""INT8 for the export: calibrate a student once, and keep the plan for the artifacts."""

from collections.abc import Callable
from dataclasses import dataclass

from restorect_edge.calibration.plan import QuantPlan
from restorect_edge.calibration.quantize import QuantizedStudent, quantize_student
from restorect_edge.export._options import Calibration
from restorect_edge.export._source import Source

__all__ = ["Calibrated", "calibrate"]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A quantised student and how it came about."""

    network: QuantizedStudent
    plan: QuantPlan


def calibrate(source: Source, calibration: Calibration, progress: Callable[[str], None]) -> Calibrated:
    """Quantise the student of `source` on photographs.

    Raises:
        UsageError: the network is no student.
        MissingDependencyError: the extra ``calibrate`` is not installed.
        BackendError: NNCF cannot quantise it.
    """
    photographs = calibration.photographs
    for note in photographs.notes:
        progress(f"calibration: {note}")
    progress(f"calibrating INT8 on {photographs.count} photographs ({photographs.source})")
    network = quantize_student(source.require_student(), photographs.images)
    plan = QuantPlan.of(
        network,
        images=photographs.count,
        sha256=photographs.sha256,
        source=photographs.source,
        seed=calibration.seed,
    )
    return Calibrated(network, plan)
