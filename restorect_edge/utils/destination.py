"""Whether a file or folder can be made, asked before any work, and by trying: permissions say little.

Root passes every permission and still cannot write below /proc or on a read-only disk.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.utils.files import is_alive, replacing

__all__ = ["require_writable", "written"]

PROBE = ".partial-probe"
"""How the name of what is made to try begins; then thread and process."""


def require_writable(path: Path, *, folder: bool = False, option: str = "-o") -> None:
    """Make something beside where `path` will be, and remove it again.

    Args:
        path: where a file will be made or replaced; its folders need not exist.
        folder: whether it will be a folder, which may exist.
        option: what chooses another place, for the message.

    Raises:
        UsageError: it cannot be made there. Nothing is left behind.
    """
    advice = f"choose another place with {option}"
    try:
        found = path if folder else path.parent
        if not folder and path.is_dir():
            raise UsageError(f"cannot write '{path}': it is a folder; {advice}")
        while not os.path.lexists(found):
            found = found.parent
        if not found.is_dir():
            raise UsageError(f"cannot write '{path}': '{found}' is no folder; {advice}")
        # The file system says itself which of the names that are still to be made are too long for it.
        with _probe(found) as scratch:
            for name in path.parts[len(found.parts) :]:
                (scratch / name).mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror}; {advice}") from error
    except ValueError as error:  # a NUL within the path
        raise UsageError(f"cannot write {str(path)!r}: {error}; {advice}") from error


def written(path: Path, content: bytes) -> Path:
    """Write `content` to `path`, whole or not at all, and return the path.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with replacing(path) as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror}") from error
    return path


@contextmanager
def _probe(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder within another, after clearing those of killed processes."""
    for left in folder.glob(f"{PROBE}*-*"):
        process = left.name.rpartition("-")[2]
        if process.isdigit() and not is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    scratch = folder / f"{PROBE}{threading.get_ident()}-{os.getpid()}"
    scratch.mkdir(exist_ok=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
