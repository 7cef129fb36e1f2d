"""Command line: ``python -m restorect_edge.train {teacher,student} --data DIR -o DIR``."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restorect_edge.cli.command import Parser, run
from restorect_edge.errors import UsageError
from restorect_edge.training.config import (
    PriorTraining,
    StudentTraining,
    TeacherTraining,
    Training,
    documented,
    merged,
    to_toml,
)
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.extras import require

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

KINDS: dict[str, type[Training]] = {
    "teacher": TeacherTraining,
    "prior": PriorTraining,
    "student": StudentTraining,
}


def parser() -> Parser:
    """Return the parser; every field of the configurations is an option."""
    p = Parser("train", "Train a teacher, or an edge student with or without one.", EXAMPLES, config=())
    p.add_argument("what", choices=list(KINDS))
    p.add_argument("--data", type=Path, action="append", metavar="DIR", help="what to train on")
    p.add_argument("--validation", type=Path, metavar="DIR", help="held-out pairs, or photos to make them of")
    p.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE",
        help="what to learn from: a student's teacher, or the student whose prior is copied",
    )
    p.add_argument(
        "--init", metavar="NAME|PATH", help="weights to begin with; those of a narrower preset are widened"
    )
    p.add_argument("-o", "--output-dir", type=Path, metavar="DIR", help="where the run is kept")
    p.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in the output folder"
    )
    p.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be used, and say so")
    p.add_argument("--config", type=Path, metavar="FILE", help="TOML file with any of the options below")
    p.add_argument("--print-config", action="store_true", help="print the options as TOML, and stop")
    options = p.add_argument_group("options of the run")
    for name, (kinds, default, meaning) in _options().items():
        only = f" ({kinds[0]} only)" if len(kinds) == 1 else ""
        options.add_argument(
            "--" + name.replace("_", "-"),
            type=type(default),
            metavar=type(default).__name__.upper(),
            help=f"{meaning}{only}; default {default}",
        )
    return p


def _options() -> dict[str, tuple[list[str], Any, str]]:
    """Return each option with the kinds that have it, its default and its meaning."""
    found: dict[str, tuple[list[str], Any, str]] = {}
    for kind, cls in reversed(KINDS.items()):
        for field, meaning in documented(cls):
            found.setdefault(field.name, ([], field.default, meaning))[0].append(kind)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_train, parser(), argv)


def _train(args: argparse.Namespace) -> int:
    config = _config(args)
    if args.print_config:
        sys.stdout.write(to_toml(config))
        return 0
    if not args.data or args.output_dir is None:
        raise UsageError("--data and --output-dir are needed: what to train on, and where the run is kept")
    require_writable(args.output_dir, folder=True)
    require("training", "train", "torch", "safetensors")
    from restorect_edge.training.data.heldout import held_out
    from restorect_edge.training.engine.loop import fit

    stage = _stage(args, config)
    made = args.output_dir / "validation"
    best = fit(
        stage,
        _source(args, config),
        args.output_dir,
        validation=held_out(args.validation, task=config.task, made=made) if args.validation else (),
        initial=_initial(args.init, config.preset, stage.network.state_dict()),
        resume=args.resume,
        log=_say,
    )
    print(best)
    return 0


def _config(args: argparse.Namespace) -> Training:
    kind = KINDS[args.what]
    given = {name: getattr(args, name) for name in _options() if getattr(args, name) is not None}
    known = {field.name for field, _ in documented(kind)}
    for name in given:
        if name not in known:
            raise UsageError(f"--{name.replace('_', '-')} is not an option of a {args.what}'s run")
    if args.teacher is not None and args.what == "teacher":
        raise UsageError("--teacher is for students and priors: it names what they learn from")
    return merged(kind, args.config, given)


def _stage(args: argparse.Namespace, config: Training) -> "Stage":
    from restorect_edge.training.distill import StudentStage
    from restorect_edge.training.prior import PriorStage
    from restorect_edge.training.teacher import TeacherStage, load_teacher

    if isinstance(config, TeacherTraining):
        return TeacherStage(config)
    if isinstance(config, PriorTraining):
        if args.teacher is None:
            return PriorStage(config)
        from restorect_edge.training.prior_distill import DistilledPriorStage, load_student

        return DistilledPriorStage(config, *load_student(str(args.teacher)))
    assert isinstance(config, StudentTraining)
    return StudentStage(config, *load_teacher(args.teacher)) if args.teacher else StudentStage(config)


def _source(args: argparse.Namespace, config: Training) -> "Source":
    from restorect_edge.training.data.sources import MixedSource, open_source

    sources = [
        open_source(folder, task=config.task, least=config.patch, skip_bad=args.skip_bad)
        for folder in args.data
    ]
    for source in sources:
        for note in source.notes:
            _say(f"warning: {note}")
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
            _say(f"beginning as '{source}' but for the encoders and flows of its prior")
            return {**fresh, **widened(kept, rest)}
    if fits(tensors, fresh):
        _say(f"beginning as '{source}', of preset '{found}': the same function, in a wider network")
        return widened(tensors, fresh)
    raise UsageError(
        f"--init '{source}' is of preset '{found}', and this run trains '{preset}', which has other "
        "layers, or narrower ones; base can begin as small"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
