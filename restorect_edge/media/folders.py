"""Files below a folder: links followed, hidden ones and what systems leave behind skipped."""

import os
from collections.abc import Iterator
from pathlib import Path

from restorect_edge.media.formats import READABLE

__all__ = ["files_in", "images_in", "is_hidden"]

JUNK = frozenset({"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini"})
"""Names that disk stations, archives from a Mac and Windows leave in folders."""


def is_hidden(name: str) -> bool:
    """Whether a name in a folder is not the user's: it begins with a dot, such as ``._IMG_1.jpg``, or is
    junk."""
    return name.startswith(".") or name in JUNK


def files_in(folder: Path, *, recursive: bool = True) -> list[Path]:
    """List what a folder holds besides folders, sorted; links to folders are followed, each real folder once.

    Also what turns out to be no file: links that lead nowhere, and folders inside that cannot be read.

    Args:
        folder: an existing folder.
        recursive: whether folders inside are listed too.

    Raises:
        OSError: the folder cannot be read.
    """
    return sorted(_files(folder, recursive, set(), _entries(folder)))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda entry: entry.name)


def _files(
    folder: Path, recursive: bool, visited: set[tuple[int, int]], entries: list[os.DirEntry[str]]
) -> Iterator[Path]:
    status = folder.stat()
    # a link to a folder above would lead round in circles
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    for entry in entries:
        path = folder / entry.name
        if not _is_folder(entry):
            yield path
        elif recursive:
            try:
                inside = _entries(path)
            except OSError:
                yield path
                continue
            yield from _files(path, recursive, visited, inside)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def images_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """List the pictures of `folder` by suffix, sorted; `recursive` includes those of folders inside."""
    return [path for path in files_in(folder, recursive=recursive) if path.suffix.lower() in READABLE]
