"""INT8 for the export: calibrate the student of a source once for all targets, and say so."""

from collections.abc import Callable

from restorect_edge.export.foreign import ModelNetwork
from restorect_edge.export.source import Source
from restorect_edge.models.student import Student
from restorect_edge.quantization import calibrated
from restorect_edge.quantization.calibrated import Calibrated
from restorect_edge.quantization.options import Calibration
from restorect_edge.quantization.own.fitting import calibrate_module
from restorect_edge.quantization.own.modules import quantize_module
from restorect_edge.spec import Shape

__all__ = ["Calibrated", "calibrate"]


def calibrate(
    source: Source, calibration: Calibration, progress: Callable[[str], None], *, shape: Shape | None = None
) -> Calibrated:
    """Quantize the network of `source` on photographs, within its budget.

    Args:
        source: a student, or a network of one's own.
        calibration: photographs, pairs and budget.
        progress: is given a line per stage.
        shape: (height, width) that a network of one's own is for; None for any.

    Raises:
        QualityError: it costs more than it may.
        MissingDependencyError: the extra ``calibrate`` is not installed.
        BackendError: NNCF cannot quantize it.
    """
    if not isinstance(source.network, Student):
        return _of_module(source, calibration, shape, progress)
    photographs = calibration.photographs
    for note in photographs.notes:
        progress(f"calibration: {note}")
    progress(f"calibrating INT8 on {photographs.count} photographs ({photographs.source})")
    made = calibrated.calibrate_student(
        source.require_student(),
        calibration,
        weights=source.name,
        weights_sha256=source.weights.get("sha256"),
        progress=progress,
    )
    progress(f"INT8: {made.recipe.summary()}")
    return made


def _of_module(
    source: Source, calibration: Calibration, shape: Shape | None, progress: Callable[[str], None]
) -> Calibrated:
    photographs = calibration.photographs
    progress(f"calibrating INT8 on {photographs.count} photographs ({photographs.source})")
    network, spec, safe = source.network, source.spec, calibration.cpu == "portable"
    quantized = (
        network.quantized(photographs.images, shape, saturation_safe=safe)
        if isinstance(network, ModelNetwork)
        else quantize_module(network, spec, photographs.images, shape, saturation_safe=safe)
    )
    made = calibrate_module(
        network,
        quantized,
        spec,
        calibration,
        shape,
        name=source.name,
        sha256=source.weights.get("sha256"),
        progress=progress,
    )
    kept = len(made.recipe.returned)
    more = f"; {kept} layers returned to float" if kept else ""
    progress(f"INT8: {made.recipe.summary()}{more}")
    return made
