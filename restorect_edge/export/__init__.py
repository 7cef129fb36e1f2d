"""Export: a network becomes a verified artifact per target.

The module itself is callable: ``restorect_edge.export(module, target="onnx", spec=ImageSpec())`` is
`export`, while ``python -m restorect_edge.export`` is the command line. `torch` and the converters are
imported only when something is exported.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from restorect_edge.artifact import Artifact
from restorect_edge.errors import UsageError
from restorect_edge.export._options import PRECISIONS, Calibration, ExportOptions
from restorect_edge.export._targets import TARGETS, Target, resolve, with_dependencies
from restorect_edge.spec import ImageSpec

if TYPE_CHECKING:
    from torch import nn

    from restorect_edge.export._source import Source

__all__ = ["TARGETS", "ExportOptions", "Plan", "export", "prepare"]

Progress = Callable[[str], None]
FORMS = ("whole", "split")


def export(
    source: "str | Path | nn.Module" = "lowlight-small",
    *,
    target: str,
    spec: ImageSpec | None = None,
    name: str | None = None,
    precision: str | None = None,
    shapes: Sequence[tuple[int, int]] | None = None,
    dynamic: bool = False,
    steps: int | None = None,
    form: str = "whole",
    minimum_deployment_target: str = "ios17",
    calib_data: str | Path | None = None,
    num_calib: int | None = None,
    calib_seed: int | None = None,
    output_dir: str | Path = "out",
    overwrite: bool = False,
    progress: Progress = lambda message: None,
) -> Artifact:
    """Export a network for one target, verify the result and return it.

    Args:
        source: weights by name or ``.safetensors`` file; any torch module image → image; or a ``.pt2``
            file that `torch.export.save` wrote.
        target: ``onnx``, ``openvino``, ``tensorrt`` or ``coreml``.
        spec: the contract of a module or program of one's own; by default any size, scale 1.
        name: what to call a module of one's own.
        precision: ``fp32``, ``fp16`` or, for students, ``int8``; by default the target's usual one.
        shapes: (height, width) of each fixed size; by default (400, 600), or tiles of (512, 512).
        dynamic: leave height and width free instead.
        steps: Euler steps of the flow, 1, 2, 4 or 8.
        form: ``whole`` is one graph; ``split`` is prior and body, for images of any size by exact tiles.
        minimum_deployment_target: ``ios16``, ``ios17`` or ``ios18``; Core ML only.
        calib_data: for INT8, a folder of photographs or pairs, or a manifest; by default the shipped set.
        num_calib: for INT8, the most photographs to calibrate on; by default 128.
        calib_seed: for INT8, the seed of their choice; by default 0.
        output_dir: where the artifact's directory is made.
        overwrite: replace an artifact of that name.
        progress: is given a line per stage.

    Raises:
        UsageError, QualityError, MissingDependencyError, IncompatibleError, BackendError: see
            `restorect_edge.errors`; nothing half-made is left behind.
    """
    plan = prepare(
        source,
        targets=[target],
        spec=spec,
        name=name,
        precision=precision,
        shapes=shapes,
        dynamic=dynamic,
        steps=steps,
        form=form,
        minimum_deployment_target=minimum_deployment_target,
        calib_data=calib_data,
        num_calib=num_calib,
        calib_seed=calib_seed,
        output_dir=output_dir,
    )
    return plan.run(overwrite=overwrite, progress=progress)[0]


class Plan:
    """An export that is decided and checked but not begun.

    Attributes:
        paths: where the artifacts will be, one per target.
    """

    def __init__(
        self,
        source: "Source",
        jobs: Sequence[tuple[Target, ExportOptions]],
        shapes: Sequence[tuple[int, int]],
        folder: Path,
        calibration: Calibration | None = None,
    ) -> None:
        from restorect_edge.export._pipeline import artifact_path

        self.calibration = calibration
        self.source, self.jobs, self.shapes, self.folder = source, jobs, shapes, folder
        self.paths = [artifact_path(folder, source, t, o, shapes) for t, o in jobs]

    def run(self, *, overwrite: bool = False, progress: Progress = lambda message: None) -> list[Artifact]:
        """Make and verify the artifacts."""
        from restorect_edge.export._pipeline import make

        return make(
            self.source,
            self.jobs,
            self.shapes,
            self.folder,
            calibration=self.calibration,
            overwrite=overwrite,
            progress=progress,
        )


def prepare(
    source: "str | Path | nn.Module",
    *,
    targets: Sequence[str],
    spec: ImageSpec | None = None,
    name: str | None = None,
    precision: str | None = None,
    shapes: Sequence[tuple[int, int]] | None = None,
    dynamic: bool = False,
    steps: int | None = None,
    form: str = "whole",
    minimum_deployment_target: str = "ios17",
    calib_data: str | Path | None = None,
    num_calib: int | None = None,
    calib_seed: int | None = None,
    output_dir: str | Path = "out",
) -> Plan:
    """Check everything about an export that can be checked before it begins; see `export`."""
    rows = [resolve(target) for target in targets]
    if form not in FORMS:
        raise UsageError(f"form must be whole or split, got '{form}'")
    if precision is not None and precision not in PRECISIONS:
        raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}, got '{precision}'")
    if dynamic and shapes:
        raise UsageError("choose --dynamic or --shapes, not both: shapes are fixed sizes")
    rows = [with_dependencies(row) for row in rows]
    found = _found(source, spec, name, steps, form)
    jobs = [
        (
            row,
            ExportOptions(
                precision=precision or row.precision,
                dynamic=dynamic,
                minimum_deployment_target=minimum_deployment_target,
                metadata=_metadata(found),
            ),
        )
        for row in rows
    ]
    calibration = _calibration(found, precision, minimum_deployment_target, calib_data, num_calib, calib_seed)
    return Plan(found, jobs, found.shapes(shapes, dynamic), Path(output_dir), calibration)


def _calibration(
    source: "Source",
    precision: str | None,
    minimum_deployment_target: str,
    data: str | Path | None,
    num: int | None,
    seed: int | None,
) -> Calibration | None:
    """Find the photographs for INT8, or None for a precision that needs none."""
    if precision != "int8":
        if (data, num, seed) != (None, None, None):
            raise UsageError("--calib-data, --num-calib and --calib-seed are for --precision int8")
        return None
    from restorect_edge.calibration.dataset import calibration_images
    from restorect_edge.calibration.quantize import require_nncf

    require_nncf()
    source.require_student()
    if minimum_deployment_target.lower() == "ios16":
        raise UsageError("INT8 activations in Core ML need --minimum-deployment-target ios17 or later")
    seed = 0 if seed is None else seed
    found = calibration_images(
        Path(data) if data is not None else None, num=128 if num is None else num, seed=seed
    )
    return Calibration(photographs=found, seed=seed)


def _found(
    source: "str | Path | nn.Module", spec: ImageSpec | None, name: str | None, steps: int | None, form: str
) -> "Source":
    from restorect_edge.export import _source as sources

    if isinstance(source, (str, Path)):
        if Path(source).suffix == ".pt2":
            return sources.from_program(Path(source), spec or ImageSpec(), name=name, form=form, steps=steps)
        if spec is not None or name is not None:
            raise UsageError("spec and name describe a network of your own; weights bring theirs")
        return sources.from_weights(source, steps=steps, form=form)
    return sources.from_module(source, spec or ImageSpec(), name=name, form=form, steps=steps)


def _metadata(source: "Source") -> Mapping[str, str]:
    facts: dict[str, Any] = {
        "name": source.name,
        "task": source.task,
        "form": source.form,
        "color": "RGB",
        "scale": source.spec.scale,
        "multiple_of": source.spec.size.multiple_of,
        "steps": source.steps,
        "weights_sha256": source.weights.get("sha256"),
        "licence": source.weights.get("licence"),
    }
    return {f"restorect_edge.{k}": str(v) for k, v in facts.items() if v is not None}


class _CallableModule(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Artifact:
        return export(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
