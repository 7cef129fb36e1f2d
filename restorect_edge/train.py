"""Command line: ``python -m restorect_edge.train student --preset small --data DIR -o DIR``."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from restorect_edge._command import Parser, run
from restorect_edge.errors import MissingDependencyError
from restorect_edge.training.config import TrainConfig

EXAMPLES = """  python -m restorect_edge.train student --data pairs/train --validation pairs/val -o runs/mine
  python -m restorect_edge.train student --preset nano --data pairs/train -o runs/nano --resume

DIR holds low/ and high/, or input/ and target/, with files of the same names.
"""


def parser() -> Parser:
    """Return the parser; every field of `TrainConfig` is an option."""
    p = Parser("train", "Train an edge student on pairs of degraded and clean images.", EXAMPLES)
    p.add_argument("what", choices=["student"])
    p.add_argument("--data", type=Path, required=True, help="folder of training pairs")
    p.add_argument("--validation", type=Path, help="folder of validation pairs")
    p.add_argument("-o", "--output-dir", type=Path, required=True)
    p.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in the output folder"
    )
    for field in fields(TrainConfig):
        p.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default),
            default=field.default,
            help=f"default {field.default}",
        )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_train, parser(), argv)


def _train(args: argparse.Namespace) -> int:
    for library in ("torch", "safetensors"):
        if importlib.util.find_spec(library) is None:
            raise MissingDependencyError("training", "train", detail=f"no module '{library}'")
    from restorect_edge.training.supervised import train

    config = TrainConfig(**{field.name: getattr(args, field.name) for field in fields(TrainConfig)})
    best = train(
        config,
        args.data,
        args.output_dir,
        validation=args.validation,
        resume=args.resume,
        log=lambda line: print(line, file=sys.stderr),
    )
    print(best)
    return 0


if __name__ == "__main__":
    sys.exit(main())
