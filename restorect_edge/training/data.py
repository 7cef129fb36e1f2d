"""Pairs of degraded and clean images: finding, decoding and sampling them (no `torch` needed)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import UsageError
from restorect_edge.photos import SUFFIXES, open_rgb

__all__ = ["PAIR_FOLDERS", "Pair", "find_pairs", "read_rgb"]

PAIR_FOLDERS = (("low", "high"), ("input", "target"))
"""Sub-folder names of degraded and clean images, tried in this order."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One degraded image and its clean target, as files."""

    name: str
    degraded: Path
    clean: Path

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Decode both as (H, W, 3) uint8 RGB; raise `UsageError` where they do not match."""
        degraded, clean = read_rgb(self.degraded), read_rgb(self.clean)
        if degraded.shape != clean.shape:
            raise UsageError(
                f"pair '{self.name}': {self.degraded} is {_size(degraded)} but "
                f"{self.clean} is {_size(clean)}; both must have the same size"
            )
        return degraded, clean


def find_pairs(folder: Path) -> list[Pair]:
    """List the pairs below `folder`, matched by file stem and sorted by it.

    Args:
        folder: has `low` and `high`, or `input` and `target`.

    Raises:
        UsageError: no such sub-folders, none of the files match, or some have no partner.
    """
    for first, second in PAIR_FOLDERS:
        if (folder / first).is_dir() and (folder / second).is_dir():
            return _match(folder, _images(folder / first), _images(folder / second))
    wanted = " or ".join(f"{a}/ and {b}/" for a, b in PAIR_FOLDERS)
    raise UsageError(f"no image pairs in '{folder}': it must hold {wanted}")


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode an image file as (H, W, 3) uint8 RGB."""
    return np.asarray(open_rgb(path))


def _match(folder: Path, degraded: dict[str, Path], clean: dict[str, Path]) -> list[Pair]:
    lonely = sorted(degraded.keys() ^ clean.keys())
    if lonely:
        shown = ", ".join(lonely[:5]) + (", …" if len(lonely) > 5 else "")
        raise UsageError(f"{len(lonely)} images in '{folder}' have no partner of that name: {shown}")
    if not degraded:
        raise UsageError(f"no images in '{folder}'; readable: {', '.join(sorted(SUFFIXES))}")
    return [Pair(stem, degraded[stem], clean[stem]) for stem in sorted(degraded)]


def _images(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in _listed(folder)}


def _listed(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES)


def _size(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"
