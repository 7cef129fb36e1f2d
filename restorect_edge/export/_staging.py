"""Directories that appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restorect_edge.errors import UsageError

__all__ = ["check_free", "staged"]

PREFIX = ".partial-"
OLD = "-old"


def check_free(path: Path, overwrite: bool) -> None:
    """Raise `UsageError` if `path` exists and must not be replaced, or is not ours to replace."""
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
        _clear_abandoned(path.parent)
        partial.mkdir()
        yield partial
        _replace(partial, path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if error.errno in _STORAGE_ERRORS:
            raise UsageError(
                f"cannot write '{path}': {error.strerror}; choose another folder with -o, or free space"
            ) from error
        raise
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


_STORAGE_ERRORS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST}
)


def _replace(partial: Path, path: Path) -> None:
    if not path.exists():
        os.replace(partial, path)
        return
    old = partial.with_name(partial.name + OLD)
    os.replace(path, old)
    os.replace(partial, path)
    shutil.rmtree(old, ignore_errors=True)


def _clear_abandoned(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        name, _, process = left.name.removeprefix(PREFIX).removesuffix(OLD).rpartition("-")
        if not process.isdigit() or _alive(int(process)):
            continue
        if left.name.endswith(OLD) and not (folder / name).exists():
            os.replace(left, folder / name)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
