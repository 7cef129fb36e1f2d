"""Command line: ``python -m restorect_edge.train {teacher,student} --data DIR -o DIR``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from restorect_edge.cli.command import run, say
from restorect_edge.cli.options.parser import Parser
from restorect_edge.training.run import PriorRun, StudentRun, TeacherRun, fitted
from restorect_edge.utils.options import argument

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
class Kind:
    """Which of three."""

    HINTS: ClassVar[Mapping[str, str]] = {"--device": "CUDA_VISIBLE_DEVICES, of whose GPUs the first is used"}
    """Answers to options that there are not."""

    what: str = argument(choices=("teacher", "prior", "student"))
    """What is trained."""


@dataclass(frozen=True, kw_only=True)
class Teacher(Kind, TeacherRun):
    """Options of `train teacher`."""


@dataclass(frozen=True, kw_only=True)
class Prior(Kind, PriorRun):
    """Options of `train prior`."""


@dataclass(frozen=True, kw_only=True)
class Student(Kind, StudentRun):
    """Options of `train student`."""


KINDS = {"teacher": Teacher, "prior": Prior, "student": Student}


def parser() -> Parser:
    """Return the parser."""
    return Parser("train", "Train a teacher, or an edge student with or without one.", EXAMPLES, KINDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_train, parser(), argv)


def _train(args: Teacher | Prior | Student) -> int:
    print(fitted(replace(args, progress=say)))
    return 0
