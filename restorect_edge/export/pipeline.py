"""From a network to verified artifacts: trace once, convert, verify, hand over whole or not at all."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import restorect_edge
from restorect_edge.artifact import Artifact, GraphFile, Manifest, hash_files
from restorect_edge.errors import QualityError
from restorect_edge.export.int8 import Calibrated, calibrate
from restorect_edge.export.jobs import Job, Layout
from restorect_edge.export.options import Calibration, ExportOptions
from restorect_edge.export.own import check_output
from restorect_edge.export.source import Source
from restorect_edge.export.staging import check_free, staged
from restorect_edge.export.verify import golden, reference
from restorect_edge.export.verify.check import Verification, check, run_reference
from restorect_edge.export.verify.verdict import NotRunError, Unverified
from restorect_edge.media.photos import of_task, photos
from restorect_edge.models.tracing.graph import Graph
from restorect_edge.targets.base import Target
from restorect_edge.targets.registry import TARGETS
from restorect_edge.utils.foreign import foreign_errors

__all__ = ["Traced", "make", "make_one", "trace"]

Progress = Callable[[str], None]
GOLDEN_IMAGES = 2


def make(
    jobs: Sequence[Job],
    folder: Path,
    *,
    calibration: Calibration | None = None,
    overwrite: bool,
    progress: Progress,
) -> list[Artifact]:
    """Make a verified artifact per job; the network is calibrated once, and traced once per layout.

    Args:
        jobs: one per target and layout, of one network.
        folder: where the artifacts go.
        calibration: of INT8; None for other precisions.
        overwrite: replace artifacts that exist.
        progress: is given a line per stage.

    Raises:
        UsageError: an artifact exists already, or the folder cannot be written.
        QualityError: an artifact falls short of its gate; it is not kept.
        BackendError: a converter failed, or what verifies the artifact.
        IncompatibleError, MissingDependencyError: what verifies an artifact cannot run it.
    """
    for job in jobs:
        check_free(job.path(folder), overwrite)
    first = jobs[0]
    int8 = None
    if calibration is not None:
        int8 = calibrate(first.source, calibration, progress, shape=first.layout.only_shape)
    traced: dict[Layout, Traced] = {}
    made = []
    for job in jobs:
        if job.layout not in traced:
            traced[job.layout] = trace(job, int8, progress)
        path = job.path(folder)
        made.append(make_one(traced[job.layout], job, path, overwrite=overwrite, progress=progress))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """The graphs of a network that targets share, and what they were made from."""

    source: Source
    """With the float32 network, which artifacts are judged by."""
    graphs: tuple[Graph, ...]
    stored: nn.Module | None = None
    """The network with weights in int8 that was traced, where that was it."""
    int8: Calibrated | None = None
    floats: tuple[Graph, ...] = ()
    """The graphs of the float32 network, which an artifact of one's own network carries."""


def trace(job: Job, int8: Calibrated | None, progress: Progress) -> Traced:
    """Trace a job's network in its layout; where it was calibrated, the quantized one.

    Args:
        job: whose layout counts.
        int8: the calibrated network; None for other precisions.
        progress: is given a line.

    Raises:
        IncompatibleError: it is one's own and does not keep its `ImageSpec`.
        BackendError: torch.export failed.
    """
    source, layout = job.source, job.layout
    if source.own:
        check_output(source.network, source.name, source.spec, layout.shapes[0])
    stored = int8.network if int8 else source.stored() if job.options.precision == "w8" else None
    progress(f"tracing {source.name} ({layout.words()})")
    traced = source if stored is None else replace(source, network=stored)
    graphs = tuple(traced.graphs(layout.shapes, layout.dynamic, levels=layout.levels))
    floats = graphs
    # the float32 network is what an artifact of one's own is judged by, later as well
    if source.own and (stored is not None or layout.levels):
        floats = tuple(source.graphs(layout.shapes, layout.dynamic))
    return Traced(source=source, graphs=graphs, stored=stored, int8=int8, floats=floats)


def make_one(traced: Traced, job: Job, path: Path, *, overwrite: bool, progress: Progress) -> Artifact:
    """Make a verified artifact; raises as `make` does.

    Args:
        traced: the graphs.
        job: target and options.
        path: of the artifact.
        overwrite: replace what is there.
        progress: is given a line per stage.
    """
    source, graphs, int8 = traced.source, traced.graphs, traced.int8
    target, options = job.target, job.options
    with staged(path, overwrite=overwrite) as partial:
        progress(f"{target.name}: converting")
        # Each converter says what it knows; this is for what none of them foresaw.
        with foreign_errors(f"{target.name} cannot be made of '{source.name}'"):
            files = [target.convert(graph, partial, options) for graph in graphs]
            if int8:
                int8.write(partial)
            notes = target.finish(partial, files, options)
        # a first one, which running the artifact needs; hashes and verdict follow
        manifest = _manifest(source, target, options, graphs, files)
        progress(f"{target.name}: verifying")
        result = _judged(traced, Artifact(partial, manifest), options, note=notes.pop("verified", ""))
        # after the verdict: what falls short of its gate needs none
        _write_golden(source, partial, graphs)
        if source.own:
            _write_reference(partial, traced.floats)
        _write_report(partial, result, notes)
        manifest = _manifest(source, target, options, graphs, files, result, hash_files(partial))
        (partial / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        progress(f"{target.name}: {result.summary()}")
    return Artifact.open(path)


def _judged(
    traced: Traced, artifact: Artifact, options: ExportOptions, *, note: str
) -> Verification | Unverified:
    """Verify what was made, or say why that cannot be where the caller allows for it.

    Raises:
        QualityError: it falls short of its gate.
        RestorectError: it cannot be run: what its runtime raised, and the way out.
    """
    target, name = artifact.manifest.target, traced.source.name
    try:
        result = check(
            artifact,
            reference.of_network(traced.source.network),
            quantized=reference.of_network(traced.stored) if traced.stored else None,
            note=note,
            elsewhere=True,
        )
    except NotRunError as error:
        reason = str(error).replace(f"{artifact.path}{os.sep}", "")  # a folder that is gone by then
        if options.allow_unverified:
            return Unverified(reason=reason, by=TARGETS[target].verified_by)
        cause = error.reworded(
            f"{target} of '{name}' was made but cannot be verified: {reason}; not kept. To keep it without a "
            "verdict: --allow-unverified"
        )
        raise cause from cause.__cause__
    if result.status != "pass":
        advice = "" if options.precision == "fp32" else ". Try --precision fp32"
        raise QualityError(f"{target} {options.precision} of '{name}': {result.summary()}; not kept{advice}")
    return result


def _manifest(
    source: Source,
    target: Target,
    options: ExportOptions,
    graphs: Sequence[Graph],
    files: Sequence[Path],
    result: Verification | Unverified | None = None,
    hashes: dict[str, str] | None = None,
) -> Manifest:
    """Describe the artifact; without a result, as far as running it needs."""
    return Manifest(
        name=source.name,
        task=source.task,
        target=target.name,
        precision=options.precision,
        form=source.form,
        spec=source.spec,
        graphs=tuple(
            GraphFile(role=g.role, file=f.name, shape=g.shape) for g, f in zip(graphs, files, strict=True)
        ),
        prior=source.prior,
        steps=source.steps,
        input=_input(target, source, options),
        weights=source.weights,
        tools=_tools(target),
        options={**_manifest_options(target, options), **source.values},
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        toolkit_version=restorect_edge.__version__,
        verification=result.to_dict() if result else {},
        files=hashes or {},
    )


def _manifest_options(target: Target, options: ExportOptions) -> dict[str, Any]:
    """Return the options that matter to whoever runs the artifact."""
    chosen = target.manifest_options(options)
    if options.precision == "int8" and options.cpu is not None:
        chosen["cpu"] = options.cpu
    return chosen


def _input(target: Target, source: Source, options: ExportOptions) -> dict[str, Any]:
    eight_bit = target.eight_bit or options.levels
    levels = {"dtype": "uint8", "range": [0, 255], "layout": "NHWC" if options.levels else "image"}
    values = {"dtype": "float32", "range": [0.0, 1.0], "layout": "NCHW"}
    image = {**(levels if eight_bit else values), "color": "RGB"}
    return {
        "image": {"name": "image", **image},
        "restored": {"name": "restored", **image, "scale": source.spec.scale},
        "normalised_in_graph": eight_bit,
    }


def _tools(target: Target) -> dict[str, str]:
    distributions = {need.module: need.distribution or need.module for need in target.needs}
    versions = {"python": platform.python_version()}
    for name, distribution in {"torch": "torch", "numpy": "numpy", **distributions}.items():
        try:
            versions[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _write_golden(source: Source, partial: Path, graphs: Sequence[Graph]) -> None:
    """Write golden pairs at the first fixed size, or 600×400."""
    size = next((g.shape for g in graphs if g.shape), None)
    run = reference.of_network(source.network)
    for name, photo in list(photos(size, of_task(source.task)).items())[:GOLDEN_IMAGES]:
        expected = run_reference(run, photo.astype(np.float32) / np.float32(255), source.spec)
        golden.write(partial, name, photo, np.rint(expected * 255).astype(np.uint8))


def _write_reference(partial: Path, graphs: Sequence[Graph]) -> None:
    """Keep the user's own network in the artifact, so that it can be verified again later."""
    for graph in graphs:
        path = partial / reference.file_name(graph.stem)
        if graph.model is None:
            torch.export.save(graph.program, path)
        else:
            path.with_suffix(reference.MODEL).write_bytes(graph.model.SerializeToString())


def _write_report(partial: Path, result: Verification | Unverified, notes: dict[str, Any]) -> None:
    report = {"verification": result.to_dict(), "notes": notes}
    (partial / "report.json").write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
