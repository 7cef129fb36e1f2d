"""What counts as a failure of a command or a call, and how failures of one kind are recognized."""

import os
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robustness.progress import Failure

from restorect_edge.errors import RestorectError

__all__ = ["Done", "leftovers", "of_command", "of_exception"]

CODES = frozenset({0, 1, 2, 3, 4, 5})
"""What a command may exit with; 130 too where it was interrupted."""
PARTIAL = re.compile(r"^\.partial-|\.partial$")
"""Names of what is being written."""
LONGEST = 1500
"""Characters of detail that a row keeps."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def of_command(done: Done, what: str, *, interrupted: bool = False) -> Iterator[Failure]:
    """Yield what is wrong with the end of a command.

    Args:
        done: how it ended; a negative code is a signal.
        what: the verb.
        interrupted: whether it was asked to stop.
    """
    if "Traceback (most recent call last)" in done.err:
        yield Failure(f"{what}: traceback, {_last_frame(done.err)}", done.err[-LONGEST:])
    elif done.code < 0 and not interrupted:
        yield Failure(f"{what}: killed by signal {-done.code}", done.err[-LONGEST:])
    elif done.code not in CODES and not (interrupted and (done.code == 130 or done.code < 0)):
        yield Failure(f"{what}: exit code {done.code}", done.err[-LONGEST:])
    elif done.code > 0 and not interrupted and not _says_why(done.err):
        yield Failure(f"{what}: exit code {done.code} without a line that says why", done.err[-LONGEST:])


def _says_why(err: str) -> bool:
    return any(line.startswith("error: ") for line in err.splitlines())


def _last_frame(err: str) -> str:
    """Return the exception of a traceback and the innermost frame inside the package."""
    frames = re.findall(r'File "([^"]+)", line \d+, in (\S+)', err)
    ours = [(path, name) for path, name in frames if "restorect_edge" in path]
    path, name = (ours or frames or [("?", "?")])[-1]
    errors = re.findall(r"^([A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt)\w*)\b", err, re.MULTILINE)
    return f"{errors[-1] if errors else '?'} from {Path(path).name}:{name}"


def of_exception(error: BaseException, what: str) -> Iterator[Failure]:
    """Yield a failure for an exception that is not of the package."""
    if isinstance(error, RestorectError):
        return
    told = "".join(traceback.format_exception(error))
    yield Failure(f"{what}: {type(error).__name__}, {_last_frame(told)}", told[-LONGEST:])


def leftovers(folder: Path) -> Iterator[str]:
    """Yield what is below a folder and looks half-written, by relative path."""
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if PARTIAL.search(name):
                yield (Path(root) / name).relative_to(folder).as_posix()
