"""Files that appear whole or not at all."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from restorect_edge.utils.locks import ForkLock

__all__ = ["clear_abandoned", "is_alive", "replacing"]

PARTIAL = ".partial"
"""Suffix of files that are being written, after the number of the process that writes."""
_cleared: set[tuple[int, Path]] = set()
"""Folders that this process, by its number, has looked through."""
_clearing = ForkLock()


@contextmanager
def replacing(path: Path, *, modified: float | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` when the block ends well, and vanishes when it fails.

    The folder is made, and a file of that name replaced, its access rights kept; of a link the file it points
    to. Until then it is a hidden file beside it, whose name is short, since `path` may have the longest
    there is. What killed processes have left in the folder is cleared by the first call for it.

    Args:
        path: what to write.
        modified: date to give the file, in seconds since 1970.

    Raises:
        OSError: the folder cannot be written, or is full.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_once(target.parent)
    short = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    partial = target.with_name(f".{short}-{os.getpid()}{PARTIAL}")
    try:
        with partial.open("w+b") as stream:
            yield stream
        if target.exists():
            with suppress(OSError):
                partial.chmod(target.stat().st_mode & 0o7777)
        if modified is not None:
            os.utime(partial, (time.time(), modified))
        # within one folder, so one file system, in which this happens at once or not at all
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def _clear_once(folder: Path) -> None:
    """Clear a folder before this process writes to it; once, for folders may have many files."""
    here = os.getpid(), folder.absolute()
    with _clearing:  # until it is done no other thread begins a file there
        if here not in _cleared:
            clear_abandoned(folder)
            _cleared.add(here)


def clear_abandoned(folder: Path) -> None:
    """Remove the files that killed processes have left half-written in a folder.

    Those of this process's number too, which the system had given to another: call it before writing.
    """
    for left in folder.glob(f".*-*{PARTIAL}"):
        process = left.name.removesuffix(PARTIAL).rpartition("-")[2]
        if process.isdigit() and (int(process) == os.getpid() or not is_alive(int(process))):
            with suppress(OSError):
                left.unlink()


def is_alive(process: int) -> bool:
    """Whether there is a process of a number, so that it may still write what has the number in its name."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # it is another user's, or the number is none: then nobody knows, and the file stays
    except (OSError, OverflowError):
        return True
    return not _has_ended(process)


def _has_ended(process: int) -> bool:
    """Whether a process is over and has a number only until its parent asks how it ended.

    In a container whose first process does not ask, that is for ever.
    """
    try:
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[:1]
    except OSError:  # no Linux
        return False
    return state in ([b"Z"], [b"X"])
