"""Pairs of degraded and clean images: finding and decoding them (no `torch` needed)."""

from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.media.decoding import read_rgb
from restorect_edge.training.data.datasets import find_layout, find_split, layout_pairs
from restorect_edge.training.data.pairs import Pair, by_stem, matched

__all__ = ["PAIR_FOLDERS", "Pair", "find_pairs", "has_pairs", "list_pairs", "pair_folders", "read_rgb"]

PAIR_FOLDERS = (("low", "high"), ("input", "target"))
"""Sub-folder names of degraded and clean images, in upper or lower case, tried in this order."""


def pair_folders(folder: Path) -> tuple[Path, Path] | None:
    """Return the sub-folders of degraded and clean images, or None where there are no such two."""
    if not folder.is_dir():
        return None
    found = {path.name.lower(): path for path in sorted(folder.iterdir(), reverse=True) if path.is_dir()}
    pairs = ((found.get(first), found.get(second)) for first, second in PAIR_FOLDERS)
    return next(((first, second) for first, second in pairs if first and second), None)


def has_pairs(folder: Path, split: str = "test") -> bool:
    """Whether a folder holds pairs, as `find_pairs` takes them, rather than photographs of one kind.

    Args:
        folder: to look into.
        split: of a known dataset.
    """
    return (
        pair_folders(folder) is not None
        or find_split(folder, split) is not None
        or find_layout(folder) is not None
    )


def find_pairs(folder: Path, *, split: str = "test") -> list[Pair]:
    """List the pairs below `folder`, sorted by name.

    Args:
        folder: has `low` and `high`, or `input` and `target`, with files of the same stems, in sub-folders of
            the same names where they hold no files themselves; or is the root or a split's folder of a
            dataset of `datasets.LAYOUTS`.
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
    sides = pair_folders(folder)
    if sides is not None:
        degraded = {stem: (stem, path) for stem, path in by_stem(sides[0]).items()}
        return matched(folder, degraded, by_stem(sides[1]), skip_bad=skip_bad)
    found = find_split(folder, split)
    if found is None:
        wanted = " or ".join(f"{a}/ and {b}/" for a, b in PAIR_FOLDERS)
        raise UsageError(
            f"no image pairs in '{folder}': it must hold {wanted}, or be the root of a known dataset"
        )
    return layout_pairs(*found, skip_bad=skip_bad)
