"""Training runs as functions of their options, and what a run is besides them. Only then is torch needed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restorect_edge.errors import UsageError
from restorect_edge.training.config import PriorTraining, StudentTraining, TeacherTraining
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.extras import require
from restorect_edge.utils.options import option, several, silent, taken, takes

if TYPE_CHECKING:
    from torch import Tensor

    from restorect_edge.training.data.sources import Source
    from restorect_edge.training.engine.stage import Stage

__all__ = [
    "PriorRun",
    "StudentRun",
    "TeacherRun",
    "Training",
    "fitted",
    "train",
    "train_prior",
    "train_teacher",
]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run of any kind is besides its options."""

    data: str | Path | Sequence[str | Path] = option((), metavar="DIR", repeated=True)
    """What to train on; can be given more than once."""
    validation: str | Path | None = option(None, metavar="DIR")
    """Held-out pairs, or photographs to make them of."""
    init: str | None = option(None, metavar="NAME|PATH")
    """Weights to begin with; those of a narrower preset are widened."""
    output_dir: str | Path | None = option(None, "-o", "--output", metavar="DIR")
    """Where the run is kept."""
    resume: bool = option(False)
    """Go on from the last checkpoint in the output folder."""
    skip_bad: bool = option(False)
    """Leave out files that cannot be used, and say so."""
    progress: Callable[[str], None] = option(silent, python_only=True)
    """Is given a line per validation, and what there is to know of the data."""


@dataclass(frozen=True, kw_only=True)
class Taught(Run):
    """A run that can learn from another network."""

    teacher: str | Path | None = option(None, metavar="FILE")
    """What to learn from: a student's teacher, or the student whose prior is copied."""


@dataclass(frozen=True, kw_only=True)
class TeacherRun(Run, TeacherTraining):
    """What `train_teacher` takes."""


@dataclass(frozen=True, kw_only=True)
class PriorRun(Taught, PriorTraining):
    """What `train_prior` takes."""

    clear: str | Path | Sequence[str | Path] = option((), metavar="DIR", repeated=True)
    """Photographs to leave alone: with them the gate alone is trained, of a preset that has one; can be given
    more than once."""


@dataclass(frozen=True, kw_only=True)
class StudentRun(Taught, StudentTraining):
    """What `train` takes."""


Training = TeacherRun | PriorRun | StudentRun


@takes(StudentRun)
def train(asked: StudentRun) -> Path:
    """Train an edge student, with or without a teacher.

        train(data="pairs/train", output_dir="runs/mine", preset="nano", iterations=5_000)

    Args:
        asked: the fields of `StudentRun`, each an argument of its own; they are the options of
            ``restorect-edge train student``.

    Returns:
        The weights, ``best.safetensors`` in the output folder.

    Raises:
        UsageError: data, weights or options that do not fit; no folder to write to.
        MissingDependencyError: the extra ``train`` is not installed.
    """
    return fitted(asked)


@takes(TeacherRun)
def train_teacher(asked: TeacherRun) -> Path:
    """Train a teacher, from whose latents a student learns; see `train`."""
    return fitted(asked)


@takes(PriorRun)
def train_prior(asked: PriorRun) -> Path:
    """Train the prior of a student alone; see `train`."""
    return fitted(asked)


def fitted(asked: Training) -> Path:
    """Do a run of any kind; raises `UsageError` and others as `train` does."""
    data = several(asked.data)
    if not data or asked.output_dir is None:
        raise UsageError("--data and --output-dir are needed: what to train on, and where the run is kept")
    folder = Path(asked.output_dir)
    require_writable(folder, folder=True)
    require("training", "train", "torch", "safetensors")
    from restorect_edge.training.data.heldout import held_out
    from restorect_edge.training.engine.loop import fit

    stage, made = _stage(asked), folder / "validation"
    return fit(
        stage,
        _source(asked, data),
        folder,
        validation=held_out(Path(asked.validation), task=asked.task, made=made) if asked.validation else (),
        initial=_initial(asked, stage.network.state_dict()),
        resume=asked.resume,
        log=asked.progress,
    )


def _stage(asked: Training) -> "Stage":
    from restorect_edge.training.distill import StudentStage
    from restorect_edge.training.prior import PriorStage
    from restorect_edge.training.teacher import TeacherStage, load_teacher

    if isinstance(asked, TeacherRun):
        return TeacherStage(taken(TeacherTraining, asked))
    if isinstance(asked, StudentRun):
        taught = load_teacher(Path(asked.teacher)) if asked.teacher else ()
        return StudentStage(taken(StudentTraining, asked), *taught)
    if clear := several(asked.clear):
        return _gate_stage(asked, clear)
    if asked.teacher is None:
        return PriorStage(taken(PriorTraining, asked))
    from restorect_edge.training.prior_distill import DistilledPriorStage, load_student

    return DistilledPriorStage(taken(PriorTraining, asked), *load_student(str(asked.teacher)))


def _gate_stage(asked: PriorRun, clear: tuple[str, ...]) -> "Stage":
    from restorect_edge.training.gate import GateStage

    if asked.teacher is not None:
        raise UsageError("--clear trains the gate alone, and --teacher the prior: give one of them")
    return GateStage(taken(PriorTraining, asked), tuple(_sources(asked, clear)))


def _source(asked: Training, folders: tuple[str, ...]) -> "Source":
    from restorect_edge.training.data.sources import MixedSource

    sources = _sources(asked, folders)
    return sources[0] if len(sources) == 1 else MixedSource(sources)


def _sources(asked: Training, folders: tuple[str, ...]) -> "list[Source]":
    from restorect_edge.training.data.sources import open_source

    sources = [
        open_source(Path(folder), task=asked.task, least=asked.patch, skip_bad=asked.skip_bad)
        for folder in folders
    ]
    for source in sources:
        for note in source.notes:
            asked.progress(f"warning: {note}")
    return sources


def _initial(asked: Training, fresh: "Mapping[str, Tensor]") -> "Mapping[str, Tensor] | None":
    """Return the tensors to begin with; those of a narrower preset are widened."""
    source, preset = asked.init, asked.preset
    if source is None:
        return None
    from restorect_edge.models.widen import fits, widened
    from restorect_edge.training.engine import checkpoint
    from restorect_edge.weights import card, locate

    path = locate(source)
    found, tensors = card(path).get("preset"), checkpoint.read(path)
    if found == preset:
        return tensors
    gate = {k: v for k, v in fresh.items() if k.startswith("body.gate.") and k not in tensors}
    if gate and preset == f"{found}-gated":
        asked.progress(f"beginning as '{source}': the same function, behind a gate that is open")
        return {**tensors, **gate}
    if str(found).endswith("-means") and not preset.endswith("-means"):
        # its encoders look at other inputs
        kept = {k: v for k, v in tensors.items() if not re.match(r"prior\..*_(encoder|flow)\.", k)}
        rest = {k: v for k, v in fresh.items() if k in kept}
        if fits(kept, rest):
            asked.progress(f"beginning as '{source}' but for the encoders and flows of its prior")
            return {**fresh, **widened(kept, rest)}
    if fits(tensors, fresh):
        asked.progress(f"beginning as '{source}', of preset '{found}': the same function, in a wider network")
        return widened(tensors, fresh)
    raise UsageError(
        f"--init '{source}' is of preset '{found}', and this run trains '{preset}', which has other "
        "layers, or narrower ones; base can begin as small"
    )
