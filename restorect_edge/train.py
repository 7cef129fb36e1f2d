"""Command line: ``python -m restorect_edge.train student --preset small --data DIR -o DIR``."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from restorect_edge.training.config import TrainConfig

EXAMPLES = """examples:
  python -m restorect_edge.train student --data pairs/train --validation pairs/val -o runs/mine
  python -m restorect_edge.train student --preset nano --data pairs/train -o runs/nano --resume

DIR holds low/ and high/, or input/ and target/, with files of the same names.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser; every field of `TrainConfig` is an option."""
    p = argparse.ArgumentParser(
        prog="restorect-edge train",
        description="Train an edge student on pairs of degraded and clean images.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("what", choices=["student"])
    p.add_argument("--data", type=Path, required=True, help="folder of training pairs")
    p.add_argument("--validation", type=Path, help="folder of validation pairs")
    p.add_argument("-o", "--output-dir", type=Path, required=True)
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the output folder")
    for field in fields(TrainConfig):
        p.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default),
            default=field.default,
            help=f"default {field.default}",
        )
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = parser().parse_args(argv)
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
