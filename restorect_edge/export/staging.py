"""Directories that appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.files import is_alive

__all__ = ["check_free", "staged"]

PREFIX = ".partial-"
OLD = "-old"


def check_free(path: Path, overwrite: bool) -> None:
    """Raise `UsageError` if `path` cannot be made, exists without `overwrite`, or is not ours to replace."""
    require_writable(path, folder=True)
    if not path.exists():
        return
    if not overwrite:
        raise UsageError(f"'{path}' exists; use --overwrite to replace it, or -o for another folder")
    if not (path / "manifest.json").is_file():
        raise UsageError(f"'{path}' exists and is not an artifact, so --overwrite will not replace it")


@contextmanager
def staged(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` when the block ends well, and vanishes when it fails.

    What a killed process left behind is cleared, or put back, by the next export into the same folder.

    Raises:
        UsageError: the folder cannot be written, is full, or `path` exists without `overwrite`.
    """
    check_free(path, overwrite)
    partial = path.with_name(f"{PREFIX}{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(path.parent, partial.name)
        partial.mkdir()
        yield partial
        _replace(partial, path)
    except Exception as error:
        refused = _storage_error(error, partial)
        shutil.rmtree(partial, ignore_errors=True)
        if refused is None:
            raise
        raise UsageError(
            f"cannot write '{path}': {refused.strerror}; choose another folder with -o, or free space"
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


_STORAGE_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EFBIG,
        errno.EIO,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
PROBE = 1 << 16
"""Bytes that can be written where there is still room."""


def _storage_error(error: BaseException, partial: Path) -> OSError | None:
    """Return what the storage said, if that is why the block failed.

    Converters raise errors of their own when they cannot write, or notice later that something is missing.
    """
    seen: BaseException | None = error
    passed: set[int] = set()
    while seen is not None and id(seen) not in passed:  # two may name each other
        if isinstance(seen, OSError) and seen.errno in _STORAGE_ERRORS:
            return seen
        passed.add(id(seen))
        seen = seen.__cause__ or seen.__context__
    try:
        (partial / "probe").write_bytes(bytes(PROBE))
    except OSError as refused:
        return refused if refused.errno in _STORAGE_ERRORS else None
    return None


def _replace(partial: Path, path: Path) -> None:
    if not path.exists():
        os.replace(partial, path)
        return
    old = partial.with_name(partial.name + OLD)
    os.replace(path, old)
    os.replace(partial, path)
    shutil.rmtree(old, ignore_errors=True)


def _clear_abandoned(folder: Path, ours: str) -> None:
    """Clear what no process is writing any more; `ours` was left by one with the number that we have now."""
    for left in folder.glob(f"{PREFIX}*"):
        partial = left.name.removesuffix(OLD)
        name, _, process = partial.removeprefix(PREFIX).rpartition("-")
        if partial != ours and (not process.isdigit() or is_alive(int(process))):
            continue
        if left.name.endswith(OLD) and not (folder / name).exists():
            os.replace(left, folder / name)
        else:
            shutil.rmtree(left, ignore_errors=True)
