"""``--precision auto``: make FP32, FP16 and INT8, verify them, time them here in turns, keep one, say why.

The loss of each is measured as it runs here, which for INT8 is fused arithmetic, on the pairs that INT8 is
measured on anyway. Targets that do not run here are decided by what verification finds, and their verdicts
say that speed was not measured.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from restorect_edge.artifact import Artifact, hash_files
from restorect_edge.bench.measure.timing import Timing, interleaved
from restorect_edge.errors import BackendError, QualityError, RestorectError
from restorect_edge.evaluation.metrics import finite_psnr
from restorect_edge.export.choice import Candidate, choose, table
from restorect_edge.export.int8 import Calibrated, calibrate
from restorect_edge.export.jobs import Job, Layout
from restorect_edge.export.options import Calibration
from restorect_edge.export.pipeline import Traced, make_one, trace
from restorect_edge.export.source import Source
from restorect_edge.export.staging import check_free, staged
from restorect_edge.export.verify import reference
from restorect_edge.export.verify.check import photographs, run_reference
from restorect_edge.inference.base import Runtime
from restorect_edge.quantization.data.validation import Validation
from restorect_edge.spec import ImageU8
from restorect_edge.targets.base import Target
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import RUNTIMES, backend_class, runtime_for
from restorect_edge.utils.cpu import cpu_name

__all__ = ["CANDIDATES", "ROUNDS", "make_auto", "untimed"]

CANDIDATES = ("fp32", "fp16", "int8")
ROUNDS = 21
FOLDER = "candidates"
"""Below the unfinished artifact, so that what a killed export leaves is cleared with it."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Networks:
    """What the candidates of all targets are made from."""

    floating: Traced
    int8: Traced | None
    failure: str
    """Why there is no INT8."""
    calibration: Calibration


def make_auto(
    jobs: Sequence[Job],
    folder: Path,
    *,
    calibration: Calibration,
    overwrite: bool,
    progress: Progress,
) -> list[Artifact]:
    """Make one verified artifact per job, in the precision that measuring chose.

    Its report.json has all candidates with what was measured of them and why each was kept or rejected.

    Args:
        jobs: one per target and layout.
        folder: where the artifacts go.
        calibration: photographs, pairs and budget of INT8.
        overwrite: replace artifacts that exist.
        progress: is given a line per stage.

    Raises:
        UsageError: an artifact exists already, or the folder cannot be written.
        QualityError: no precision of a target can be kept.
    """
    for job in jobs:
        check_free(job.path(folder), overwrite)
    int8, failure = _calibrated(jobs[0], calibration, progress)
    networks: dict[Layout, _Networks] = {}
    made = []
    for job in jobs:
        if job.layout not in networks:
            networks[job.layout] = _networks(job, int8, failure, calibration, progress)
        made.append(_make_one(networks[job.layout], job, job.path(folder), overwrite, progress))
    return made


def _calibrated(job: Job, calibration: Calibration, progress: Progress) -> tuple[Calibrated | None, str]:
    """Return the network in INT8, or None and why there is none."""
    try:
        return calibrate(job.source, calibration, progress, shape=job.layout.only_shape), ""
    except (QualityError, BackendError) as error:
        progress(f"no INT8: {error}")
        return None, str(error)


def untimed(target: Target) -> str:
    """Say why a target's artifacts cannot be timed on this machine; empty where they can."""
    name = runtime_for(target.name)
    if RUNTIMES[name].untimed:
        return RUNTIMES[name].untimed
    try:
        devices = backend_class(name).devices()
    except RestorectError as error:
        return str(error)
    return "" if devices else f"the {name} runtime finds no device on this machine"


def _networks(
    job: Job,
    int8: Calibrated | None,
    failure: str,
    calibration: Calibration,
    progress: Progress,
) -> _Networks:
    floating, quantized = trace(job, None, progress), None
    if int8 is not None:
        try:
            quantized = trace(job, int8, progress)
        except BackendError as error:
            failure = str(error)
            progress(f"no INT8: {error}")
    return _Networks(floating=floating, int8=quantized, failure=failure, calibration=calibration)


def _make_one(networks: _Networks, job: Job, path: Path, overwrite: bool, progress: Progress) -> Artifact:
    target = job.target
    why = untimed(target)
    with staged(path, overwrite=overwrite) as folder:
        made, failures = _made(networks, job, folder / FOLDER, progress)
        tried = [_candidate(precision, made, failures) for precision in CANDIDATES]
        if made and not why:
            progress(f"{target.name}: timing {', '.join(made)} in turns")
            tried = _measured(tried, made, networks)
        budget = networks.calibration.max_psnr_drop
        decided = choose(tried, usual=target.precision, max_psnr_drop=budget, untimed=why)
        for line in table(decided, why):
            progress(f"{target.name}: {line}")
        kept = next(c.precision for c in decided if c.kept)
        _hand_over(made[kept], folder, _report(decided, made[kept], budget, why))
    return Artifact.open(path)


def _made(
    networks: _Networks, job: Job, folder: Path, progress: Progress
) -> tuple[dict[str, Artifact], dict[str, str]]:
    """Make what can be made, and say why the rest cannot."""
    made: dict[str, Artifact] = {}
    failures: dict[str, str] = {}
    for precision in CANDIDATES:
        traced = networks.int8 if precision == "int8" else networks.floating
        if traced is None:
            failures[precision] = networks.failure
            continue
        chosen = replace(job, options=replace(job.options, precision=precision))
        say = _naming(precision, progress)
        path = folder / precision
        try:
            made[precision] = make_one(traced, chosen, path, overwrite=False, progress=say)
        # one precision that fails is no reason to keep none
        except (QualityError, BackendError) as error:
            failures[precision] = str(error)
    return made, failures


def _naming(precision: str, progress: Progress) -> Progress:
    return lambda line: progress(f"{precision}: {line}")


def _candidate(precision: str, made: Mapping[str, Artifact], failures: Mapping[str, str]) -> Candidate:
    if precision not in made:
        return Candidate(precision=precision, failure=failures[precision])
    artifact = made[precision]
    found = artifact.manifest.verification
    return Candidate(
        precision=precision, size=artifact.bytes, psnr=found["psnr"], psnr_drop=found["psnr_drop"]
    )


def _measured(
    tried: Sequence[Candidate], made: Mapping[str, Artifact], networks: _Networks
) -> list[Candidate]:
    """Time what was made, in turns, and measure what each loses as it runs."""
    pairs = networks.calibration.validation
    with ExitStack() as stack:
        runtimes = {name: stack.enter_context(load(artifact.path)) for name, artifact in made.items()}
        timings = _timings(runtimes, _image(next(iter(made.values()))))
        drops = _drops(runtimes, made, networks.floating.source, pairs) if pairs else {}
    return [
        replace(c, timing=timings.get(c.precision), psnr_drop=drops.get(c.precision, c.psnr_drop))
        for c in tried
    ]


def _timings(runtimes: Mapping[str, Runtime], image: ImageU8) -> dict[str, Timing]:
    return interleaved({name: partial(run, image) for name, run in runtimes.items()}, rounds=ROUNDS)


def _image(artifact: Artifact) -> ImageU8:
    return next(iter(photographs(artifact, None).values()))


def _drops(
    runtimes: Mapping[str, Runtime], made: Mapping[str, Artifact], source: Source, pairs: Validation
) -> dict[str, float]:
    """Return the mean loss of PSNR of 8-bit outputs against clean images, in dB, by precision."""
    float32 = reference.of_network(source.network)
    artifact = next(iter(made.values()))
    losses: dict[str, list[float]] = {name: [] for name in runtimes}
    for degraded, clean in zip(pairs.degraded, pairs.clean, strict=True):
        image, target = _fitting(degraded, artifact), _fitting(clean, artifact)
        expected = run_reference(float32, image.astype(np.float32) / np.float32(255), source.spec)
        # 8-bit levels on both sides, as users get them
        best = finite_psnr(np.rint(expected * 255).astype(np.uint8), target)
        for name, run in runtimes.items():
            losses[name].append(best - finite_psnr(run(image), target))
    return {name: round(float(np.mean(values)), 4) for name, values in losses.items()}


def _fitting(image: ImageU8, artifact: Artifact) -> ImageU8:
    """Cut the middle that the artifact's largest fixed size takes; the whole where sides are free."""
    sizes = [graph.shape for graph in artifact.manifest.graphs if graph.shape]
    if not sizes or artifact.manifest.spec.tileable:
        return image
    largest = max(sizes, key=lambda size: size[0] * size[1])
    (top, height), (left, width) = (
        ((side - min(side, most)) // 2, min(side, most))
        for side, most in zip(image.shape[:2], largest, strict=True)
    )
    return image[top : top + height, left : left + width]


def _report(decided: Sequence[Candidate], kept: Artifact, budget: float, why: str) -> dict[str, Any]:
    timed = any(candidate.timing for candidate in decided)
    height, width = _image(kept).shape[:2]
    conditions = {"cpu": cpu_name(), "height": height, "width": width, "order": "in turns"} if timed else None
    rows = [candidate.to_dict() for candidate in decided]
    return {"candidates": rows, "timed_on": conditions, "not_timed": why or None, "max_psnr_drop": budget}


def _hand_over(kept: Artifact, folder: Path, report: dict[str, Any]) -> None:
    """Let the kept candidate be the artifact, with the report of how it was chosen."""
    # moved, not copied: artifacts may be large
    for item in list(kept.path.iterdir()):
        item.rename(folder / item.name)
    shutil.rmtree(folder / FOLDER)
    path = folder / "report.json"
    content = {**json.loads(path.read_text(encoding="utf-8")), "auto": report}
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    manifest = replace(kept.manifest, files=hash_files(folder))
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
