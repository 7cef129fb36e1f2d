"""Export: a network becomes a verified artifact per target.

The module itself is callable: ``restorect_edge.export(module, target="onnx", spec=ImageSpec())`` is
`export`, while ``python -m restorect_edge.export`` is the command line. `torch` and the converters are
imported only when something is exported.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restorect_edge.artifact import Artifact
from restorect_edge.errors import UsageError
from restorect_edge.export.options import AUTO, UINT8, Calibration, ExportOptions, ExportRequest
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.base import Target
from restorect_edge.targets.models import is_model, starting_at
from restorect_edge.targets.registry import TARGETS, resolve
from restorect_edge.utils.modules import make_callable
from restorect_edge.utils.options import silent, takes
from restorect_edge.weights.kinds import is_program
from restorect_edge.weights.license import DEFAULT

if TYPE_CHECKING:
    from torch import nn

    from restorect_edge.export.jobs import Job
    from restorect_edge.export.source import Source

__all__ = ["TARGETS", "Export", "ExportOptions", "ExportRequest", "Plan", "export", "prepare"]

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Export(ExportRequest):
    """What `export` takes."""

    source: "str | Path | nn.Module" = DEFAULT
    """Weights by name or ``.safetensors`` file; a checkpoint of the community, ``.pth`` or ``.safetensors``,
    whose architecture the extra ``spandrel`` tells; any torch module image → image; a ``.pt2`` file that
    `torch.export.save` wrote; or an ``.onnx`` file, for the targets that can start there."""
    _: KW_ONLY
    target: str
    """Name of `TARGETS`, such as ``onnx``."""
    overwrite: bool = False
    """Replace an artifact of that name."""
    progress: Progress = silent
    """Is given a line per stage."""


@takes(Export)
def export(asked: Export) -> Artifact:
    """Export a network for one target, verify the result and return it.

        export("net.pt2", target="onnx", precision="fp16", shapes=[(480, 640)])

    Args:
        asked: the fields of `Export` and `ExportRequest`, each an argument of its own; they are the options
            of ``restorect-edge export``.

    Returns:
        The artifact that was made.

    Raises:
        UsageError, QualityError, MissingDependencyError, IncompatibleError, BackendError: see
            `restorect_edge.errors`; nothing half-made is left behind.
    """
    plan = prepare(asked.source, [asked.target], asked)
    return plan.run(overwrite=asked.overwrite, progress=asked.progress)[0]


class Plan:
    """An export that is decided and checked but not begun.

    Attributes:
        paths: where the artifacts will be, one per target.
    """

    def __init__(
        self,
        jobs: "Sequence[Job]",
        folder: Path,
        calibration: Calibration | None = None,
    ) -> None:
        self.jobs, self.folder, self.calibration = jobs, folder, calibration
        self.paths = [job.path(folder) for job in jobs]

    def run(self, *, overwrite: bool = False, progress: Progress = silent) -> list[Artifact]:
        """Make and verify the artifacts.

        Args:
            overwrite: replace artifacts that exist.
            progress: is given a line per stage.
        """
        if self.jobs[0].options.precision == AUTO and self.calibration is not None:
            from restorect_edge.export.auto import make_auto

            return make_auto(
                self.jobs, self.folder, calibration=self.calibration, overwrite=overwrite, progress=progress
            )
        from restorect_edge.export.pipeline import make

        return make(
            self.jobs, self.folder, calibration=self.calibration, overwrite=overwrite, progress=progress
        )


def prepare(
    source: "str | Path | nn.Module", targets: Sequence[str], request: ExportRequest | None = None
) -> Plan:
    """Check everything about an export that can be checked before it begins; see `export`.

    Args:
        source: as for `export`.
        targets: their names.
        request: the options.
    """
    request = request or ExportRequest()
    rows = [resolve(target) for target in targets]
    request.check()
    for row in rows:
        _check_offered(row, request)
    _check_cpu(rows, request)
    cpu = request.int8_for(any(row.x86 for row in rows))  # all targets share one calibration
    asked = [_options(row, request, cpu) for row in rows]
    for row, options in zip(rows, asked, strict=True):
        row.check(options)
        row.require()
    jobs = _jobs(source, rows, asked, request)
    return Plan(jobs, Path(request.output_dir), _calibration(jobs, request))


def _jobs(
    source: "str | Path | nn.Module",
    rows: Sequence[Target],
    asked: Sequence[ExportOptions],
    request: ExportRequest,
) -> "list[Job]":
    """Give each target the network in its form and with its sides."""
    from restorect_edge.export.jobs import Job, form_for, layout_for

    own = not isinstance(source, (str, Path)) or _is_foreign(source)
    _check_start(source, rows)
    forms = [form_for(row, request, own=own) for row in rows]
    # a network is loaded once per form, whatever the number of targets
    found = {form: _found(source, request, form) for form in dict.fromkeys(forms)}
    jobs = []
    for row, options, form in zip(rows, asked, forms, strict=True):
        layout = layout_for(row, request, found[form])
        chosen = replace(options, dynamic=layout.dynamic, metadata=_metadata(found[form]))
        jobs.append(Job(source=found[form], target=row, options=chosen, layout=layout))
    return jobs


def _is_foreign(source: str | Path) -> bool:
    """Whether a file holds a network that is not of this package, which has no form of its own."""
    from restorect_edge.models.community.checkpoint import is_checkpoint

    return is_program(source) or is_checkpoint(source) or is_model(source)


def _check_start(source: "str | Path | nn.Module", rows: Sequence[Target]) -> None:
    """Raise `UsageError` for a target whose converter does not take a model of this format."""
    if not isinstance(source, (str, Path)) or not is_model(source):
        return
    able = starting_at(source)
    unable = [row.name for row in rows if row.name not in able]
    if unable:
        raise UsageError(
            f"'{source}' is a model that --target {', '.join(able)} can be made of; {', '.join(unable)} "
            "starts at PyTorch: export the module that it was made from"
        )


def _check_offered(row: Target, request: ExportRequest) -> None:
    """Raise `UsageError` for what this target has not."""
    if request.precision not in (None, AUTO, *row.precisions):
        having = ", ".join(t.name for t in TARGETS.values() if request.precision in t.precisions)
        raise UsageError(
            f"--precision {request.precision} is for --target {having}; "
            f"{row.name} has {', '.join(row.precisions)} and {AUTO}"
        )
    if request.io == UINT8 and not row.levels:
        having = ", ".join(t.name for t in TARGETS.values() if t.levels)
        own = "; its images are 8-bit anyway" if row.eight_bit else ""
        raise UsageError(f"--io uint8 is for --target {having}, got {row.name}{own}")
    if request.dynamic and not row.free_sides:
        raise UsageError(
            f"files for {row.name} have fixed sides: give --shapes instead of --dynamic; "
            "with --form split, one shape restores photographs of any size by exact tiles"
        )


def _check_cpu(rows: Sequence[Target], request: ExportRequest) -> None:
    if request.cpu is not None and not any(row.x86 for row in rows):
        having = " or ".join(t.name for t in TARGETS.values() if t.x86)
        raise UsageError(
            f"--cpu {request.cpu} is for x86 CPUs, --target {having}; "
            f"{', '.join(row.name for row in rows)} runs where no 16-bit sum saturates"
        )


def _options(row: Target, request: ExportRequest, cpu: str) -> ExportOptions:
    return ExportOptions(
        precision=request.precision or row.precision,
        minimum_deployment_target=request.minimum_deployment_target,
        allow_unverified=request.allow_unverified,
        cpu=cpu if request.calibrates and row.x86 else None,
        levels=request.io == UINT8,
    )


def _calibration(jobs: "Sequence[Job]", request: ExportRequest) -> Calibration | None:
    """Find the photographs for INT8, or None for a precision that needs none."""
    if not request.calibrates:
        return None
    from restorect_edge.quantization.options import require_nncf

    require_nncf()
    source = jobs[0].source
    if not source.is_student:
        _check_own_calibration(jobs, request)
    return request.calibration(source.task, x86=any(job.target.x86 for job in jobs))


def _check_own_calibration(jobs: "Sequence[Job]", request: ExportRequest) -> None:
    """Raise `UsageError` for what INT8 of a network of one's own lacks, or does not have."""
    source, layouts = jobs[0].source, {job.layout for job in jobs}
    if request.calib_data is None:
        raise UsageError(
            f"int8 and auto of '{source.name}' need --calib-data: a folder of photographs as the network "
            "will be given them, for no set that is shipped is known to fit it"
        )
    if request.qat is not None:
        raise UsageError("--qat is for students; INT8 of a network of your own is calibrated alone")
    if len(layouts) > 1 or (len(jobs[0].layout.shapes) > 1 and not jobs[0].layout.dynamic):
        told = "; ".join(sorted(layout.words() for layout in layouts))
        raise UsageError(
            f"int8 and auto of a network of your own are calibrated for one size, or any: got {told}; give "
            "one --shapes HxW, or --dynamic"
        )


def _found(source: "str | Path | nn.Module", request: ExportRequest, form: str) -> "Source":
    from restorect_edge.export import source as sources

    spec, name = request.spec, request.name
    if isinstance(source, (str, Path)) and not _is_foreign(source):
        if spec is not None or name is not None:
            raise UsageError("spec and name describe a network of your own; weights bring theirs")
        return sources.from_weights(source, steps=request.steps, form=form)
    if form != "whole":
        raise UsageError("--form split is for students with a prior and a body; use whole for your own")
    if request.steps is not None:
        raise UsageError("--steps is for students with a flow; your own network has none")
    if not isinstance(source, (str, Path)):
        return sources.from_module(source, spec or ImageSpec(), name=name)
    if is_program(source):
        return sources.from_program(Path(source), spec or ImageSpec(), name=name)
    if is_model(source):
        return sources.from_model(Path(source), spec, name=name)
    if spec is not None:
        raise UsageError(f"'{source}' is a checkpoint, whose architecture says its spec; leave spec out")
    return sources.from_community(Path(source), name=name)


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
        # spelt as ever: the metadata of native files, and so their bytes, stay the same
        "licence": source.weights.get("license"),
    }
    return {f"restorect_edge.{k}": str(v) for k, v in facts.items() if v is not None}


make_callable(__name__, f"{__name__}:export")
