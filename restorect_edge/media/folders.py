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
    """List the files of a folder, sorted; links to folders are followed, each real folder once."""
    return sorted(_files(folder, recursive, set()))


def _files(folder: Path, recursive: bool, visited: set[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_hidden(entry.name):
                continue
            if entry.is_file():
                yield folder / entry.name
            elif recursive and entry.is_dir():
                yield from _files(folder / entry.name, recursive, visited)


def images_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """List the pictures of a folder by suffix, sorted."""
    return [path for path in files_in(folder, recursive=recursive) if path.suffix.lower() in READABLE]
