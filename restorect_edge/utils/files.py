"""Files that appear whole or not at all."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["PARTIAL", "replacing"]

PARTIAL = ".partial"
"""Suffix of files that are being written."""


@contextmanager
def replacing(path: Path, *, modified: float | None = None) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` when the block ends well, and vanishes when it fails.

    The folder is made, and a file of that name replaced, its access rights kept; of a link the file it points
    to. Until then it is a hidden file beside it, whose name is short, since `path` may have the longest
    there is.

    Args:
        path: what to write.
        modified: date to give the file, in seconds since 1970.

    Raises:
        OSError: the folder cannot be written, or is full.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
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
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
