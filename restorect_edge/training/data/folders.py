"""Pairs of degraded and clean images: finding and decoding them (no `torch` needed)."""

from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.training.data.datasets import find_layout, find_split, layout_pairs
from restorect_edge.training.data.pairs import Pair, images_in, matched, read_rgb

__all__ = ["PAIR_FOLDERS", "Pair", "find_pairs", "has_pairs", "list_pairs", "read_rgb"]

PAIR_FOLDERS = (("low", "high"), ("input", "target"))
"""Sub-folder names of degraded and clean images, tried in this order."""


def has_pairs(folder: Path, split: str = "test") -> bool:
    """Whether a folder holds pairs, as `find_pairs` takes them, rather than photographs of one kind."""
    named = any((folder / first).is_dir() and (folder / second).is_dir() for first, second in PAIR_FOLDERS)
    return named or find_split(folder, split) is not None or find_layout(folder) is not None


def find_pairs(folder: Path, *, split: str = "test") -> list[Pair]:
    """List the pairs below `folder`, sorted by name.

    Args:
        folder: has `low` and `high`, or `input` and `target`, with files of the same stems; or is the root or
            a split's folder of a dataset of `datasets.LAYOUTS`.
        split: which part to take of a dataset's root.

    Raises:
        UsageError: no such sub-folders, none of the files match, or some have no partner.
    """
    return list_pairs(folder, split=split)[0]


def list_pairs(
    folder: Path, *, split: str = "test", skip_bad: bool = False
) -> tuple[list[Pair], tuple[str, ...]]:
    """List the pairs below `folder` as `find_pairs` does, and notes on what was left out.

    Args:
        folder: as for `find_pairs`.
        split: as for `find_pairs`.
        skip_bad: leave out images without a partner instead of raising `UsageError`.
    """
    for first, second in PAIR_FOLDERS:
        if (folder / first).is_dir() and (folder / second).is_dir():
            degraded = {path.stem: (path.stem, path) for path in images_in(folder / first)}
            clean = {path.stem: path for path in images_in(folder / second)}
            return matched(folder, degraded, clean, skip_bad=skip_bad)
    found = find_split(folder, split)
    if found is None:
        wanted = " or ".join(f"{a}/ and {b}/" for a, b in PAIR_FOLDERS)
        raise UsageError(
            f"no image pairs in '{folder}': it must hold {wanted}, or be the root of a known dataset"
        )
    return layout_pairs(*found, skip_bad=skip_bad)
