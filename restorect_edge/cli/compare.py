"""Command line: ``python -m restorect_edge.bench compare BEFORE.json AFTER.json``."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from restorect_edge.bench.compare import THRESHOLD, compare
from restorect_edge.bench.measure.record import RecordError, Report
from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.errors import IncompatibleError, QualityError, UsageError
from restorect_edge.utils.options import argument, option

__all__ = ["main", "parser"]

EXAMPLES = """  python -m restorect_edge.bench compare before/report.json after/report.json
  python -m restorect_edge.bench compare before.json after.json --threshold 5 --json

Exit codes: 0 nothing is slower, 1 usage, 2 at least one row is slower beyond noise, 4 reports that cannot be
compared: another device, other threads, another version of the schema.
"""


@dataclass(frozen=True, kw_only=True)
class Compare(Json):
    """Options of `bench compare`."""

    before: Path = argument(metavar="BEFORE.json")
    """Report of bench."""
    after: Path = argument(metavar="AFTER.json")
    """Another, of the same machine."""
    threshold: float = option(100 * THRESHOLD, metavar="PERCENT")
    """Least change that counts, in percent."""


def parser() -> Parser:
    """Return the parser."""
    return Parser("bench compare", "Compare two reports of one machine, row by row.", EXAMPLES, Compare)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_compare, parser(), argv)


def _compare(args: Compare) -> int:
    if not 0 <= args.threshold < 100:
        raise UsageError(f"--threshold is a percentage from 0 to below 100, got {args.threshold:g}")
    before, after = _opened(args.before), _opened(args.after)
    found = compare(before, after, threshold=args.threshold / 100)
    sys.stdout.write((json.dumps(asdict(found)) if args.json else found.as_text()) + "\n")
    if found.slower:
        raise QualityError(f"{len(found.slower)} of {len(found.changes)} rows are slower beyond noise")
    return 0


def _opened(path: Path) -> Report:
    try:
        return Report.open(path)
    except RecordError as error:
        raise IncompatibleError(str(error)) from error
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
