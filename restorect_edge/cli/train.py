"""Command line: ``python -m restorect_edge.train {teacher,student} --data DIR -o DIR``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from restorect_edge.cli.command import run, say
from restorect_edge.cli.options.parser import Parser
from restorect_edge.errors import UsageError
from restorect_edge.training.config import PriorTraining, StudentTraining, TeacherTraining
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.extras import require
from restorect_edge.utils.options import argument, option, taken

if TYPE_CHECKING:
    from torch import Tensor

    from restorect_edge.training.data.sources import Source
    from restorect_edge.training.engine.stage import Stage

EXAMPLES = """\
  python -m restorect_edge.train teacher --data pairs/train --validation pairs/val -o runs/teacher
  python -m restorect_edge.train student --data pairs/train --teacher runs/teacher/best.safetensors -o runs/a
  python -m restorect_edge.train prior --data pairs/train --init lowlight-small -o runs/prior
  python -m restorect_edge.train student --data pairs/train --init runs/prior/best.safetensors\\
    --prior-rate 0 -o runs/b
  python -m restorect_edge.train student --preset nano --data pairs/train -o runs/nano --resume
  python -m restorect_edge.train student --data photographs --task backlit -o runs/backlit
  python -m restorect_edge.train student --config mine.toml --data pairs/train -o runs/mine
  python -m restorect_edge.train student --print-config
  torchrun --nproc-per-node 2 -m restorect_edge.train student --data pairs/train -o runs/mine

DIR holds pairs (low/ and high/, or input/ and target/, or a known dataset), or clean photographs, which are
degraded as the task says. --data can be given more than once. Without --teacher a student is trained on
pairs alone. Ctrl-C keeps the last step; --resume goes on from it.
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run of any kind is besides its options."""

    HINTS: ClassVar[Mapping[str, str]] = {"--device": "CUDA_VISIBLE_DEVICES, of whose GPUs the first is used"}
    """Answers to options that there are not."""

    what: str = argument(choices=("teacher", "prior", "student"))
    """What is trained."""
    data: tuple[Path, ...] = option((), metavar="DIR", repeated=True)
    """What to train on; can be given more than once."""
    validation: Path | None = option(None, metavar="DIR")
    """Held-out pairs, or photographs to make them of."""
    init: str | None = option(None, metavar="NAME|PATH")
    """Weights to begin with; those of a narrower preset are widened."""
    output_dir: Path | None = option(None, "-o", "--output", metavar="DIR")
    """Where the run is kept."""
    resume: bool = option(False)
    """Go on from the last checkpoint in the output folder."""
    skip_bad: bool = option(False)
    """Leave out files that cannot be used, and say so."""


@dataclass(frozen=True, kw_only=True)
class Taught(Run):
    """A run that can learn from another network."""

    teacher: Path | None = option(None, metavar="FILE")
    """What to learn from: a student's teacher, or the student whose prior is copied."""


@dataclass(frozen=True, kw_only=True)
class Teacher(Run, TeacherTraining):
    """Options of `train teacher`."""


@dataclass(frozen=True, kw_only=True)
class Prior(Taught, PriorTraining):
    """Options of `train prior`."""


@dataclass(frozen=True, kw_only=True)
class Student(Taught, StudentTraining):
    """Options of `train student`."""


Train = Teacher | Prior | Student
KINDS = {"teacher": Teacher, "prior": Prior, "student": Student}


def parser() -> Parser:
    """Return the parser."""
    return Parser("train", "Train a teacher, or an edge student with or without one.", EXAMPLES, KINDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_train, parser(), argv)


def _train(args: Train) -> int:
    if not args.data or args.output_dir is None:
        raise UsageError("--data and --output-dir are needed: what to train on, and where the run is kept")
    require_writable(args.output_dir, folder=True)
    require("training", "train", "torch", "safetensors")
    from restorect_edge.training.data.heldout import held_out
    from restorect_edge.training.engine.loop import fit

    stage = _stage(args)
    made = args.output_dir / "validation"
    best = fit(
        stage,
        _source(args),
        args.output_dir,
        validation=held_out(args.validation, task=args.task, made=made) if args.validation else (),
        initial=_initial(args.init, args.preset, stage.network.state_dict()),
        resume=args.resume,
        log=say,
    )
    print(best)
    return 0


def _stage(args: Train) -> "Stage":
    from restorect_edge.training.distill import StudentStage
    from restorect_edge.training.prior import PriorStage
    from restorect_edge.training.teacher import TeacherStage, load_teacher

    if isinstance(args, Teacher):
        return TeacherStage(taken(TeacherTraining, args))
    if isinstance(args, Student):
        taught = load_teacher(args.teacher) if args.teacher else ()
        return StudentStage(taken(StudentTraining, args), *taught)
    if args.teacher is None:
        return PriorStage(taken(PriorTraining, args))
    from restorect_edge.training.prior_distill import DistilledPriorStage, load_student

    return DistilledPriorStage(taken(PriorTraining, args), *load_student(str(args.teacher)))


def _source(args: Train) -> "Source":
    from restorect_edge.training.data.sources import MixedSource, open_source

    sources = [
        open_source(folder, task=args.task, least=args.patch, skip_bad=args.skip_bad) for folder in args.data
    ]
    for source in sources:
        for note in source.notes:
            say(f"warning: {note}")
    return sources[0] if len(sources) == 1 else MixedSource(sources)


def _initial(source: str | None, preset: str, fresh: "Mapping[str, Tensor]") -> "Mapping[str, Tensor] | None":
    """Return the tensors to begin with; those of a narrower preset are widened."""
    if source is None:
        return None
    from restorect_edge.models.widen import fits, widened
    from restorect_edge.training.engine import checkpoint
    from restorect_edge.weights import card, locate

    path = locate(source)
    found, tensors = card(path).get("preset"), checkpoint.read(path)
    if found == preset:
        return tensors
    if str(found).endswith("-means") and not preset.endswith("-means"):
        # its encoders look at other inputs
        kept = {k: v for k, v in tensors.items() if not re.match(r"prior\..*_(encoder|flow)\.", k)}
        rest = {k: v for k, v in fresh.items() if k in kept}
        if fits(kept, rest):
            say(f"beginning as '{source}' but for the encoders and flows of its prior")
            return {**fresh, **widened(kept, rest)}
    if fits(tensors, fresh):
        say(f"beginning as '{source}', of preset '{found}': the same function, in a wider network")
        return widened(tensors, fresh)
    raise UsageError(
        f"--init '{source}' is of preset '{found}', and this run trains '{preset}', which has other "
        "layers, or narrower ones; base can begin as small"
    )
