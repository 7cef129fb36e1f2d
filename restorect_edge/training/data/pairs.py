"""A pair of a degraded and a clean image as files, and the check that it can be used (no `torch` needed)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import UsageError
from restorect_edge.media.decoding import read_rgb, size_of
from restorect_edge.media.folders import images_in as pictures_in
from restorect_edge.media.formats import READABLE_WORDS
from restorect_edge.spec import ImageU8

__all__ = ["ImageU8", "Pair", "by_stem", "images_in", "matched", "read_rgb", "without_faults"]


SHOWN = 5
"""Faults that a message names before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One degraded image and its clean target, as files."""

    name: str
    degraded: Path
    clean: Path

    def read(self) -> tuple[ImageU8, ImageU8]:
        """Decode both as (H, W, 3) uint8 RGB; raise `UsageError` where they do not match."""
        degraded, clean = read_rgb(self.degraded), read_rgb(self.clean)
        self._check(degraded.shape[1::-1], clean.shape[1::-1])
        return degraded, clean

    def size(self) -> tuple[int, int]:
        """Return (width, height) from the files' headers; raise `UsageError` as `read` does."""
        degraded, clean = size_of(self.degraded), size_of(self.clean)
        self._check(degraded, clean)
        return degraded

    def _check(self, degraded: tuple[int, ...], clean: tuple[int, ...]) -> None:
        if degraded != clean:
            raise UsageError(
                f"pair '{self.name}': {self.degraded} is {degraded[0]}×{degraded[1]} but "
                f"{self.clean} is {clean[0]}×{clean[1]}; both must have the same size"
            )


def images_in(folder: Path, *, nested: bool = False) -> Iterator[Path]:
    """List the image files of `folder`, sorted; with `nested` those of its sub-folders instead."""
    if not nested:
        return iter(pictures_in(folder))
    return (path for path in pictures_in(folder, recursive=True) if path.parent.parent == folder)


def by_stem(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by their names without suffix; where it has none, those of its sub-
    folders.

    Raises:
        UsageError: two files of one stem, so that nobody knows which of them is meant.
    """
    found = pictures_in(folder) or pictures_in(folder, recursive=True)
    stems: dict[str, Path] = {}
    for path in found:
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in stems:
            raise UsageError(
                f"'{stems[stem]}' and '{path}' have one name but for the suffix, so the partner of either "
                "is not known; rename or remove one"
            )
        stems[stem] = path
    return stems


def matched(
    folder: Path,
    degraded: Mapping[str, tuple[str, Path]],
    clean: Mapping[str, Path],
    *,
    skip_bad: bool,
    strict: bool = True,
) -> tuple[list[Pair], tuple[str, ...]]:
    """Match degraded images with clean ones and sort them by name.

    Args:
        folder: what messages speak of.
        degraded: by name: the key to look its clean image up with, and the file.
        clean: by that key.
        skip_bad: leave out what has no partner, and say so, instead of raising `UsageError`.
        strict: a clean image without a degraded one is a fault as well.

    Returns:
        The pairs, and a note where some were left out.
    """
    # by key, not by name: some datasets have several degraded images of one clean one
    lonely = {name for name, (key, _) in degraded.items() if key not in clean}
    if strict:
        lonely |= clean.keys() - {key for key, _ in degraded.values()}
    notes: tuple[str, ...] = ()
    if lonely:
        words = f"{len(lonely)} images in '{folder}' have no partner of that name: {_shown(sorted(lonely))}"
        if not skip_bad:
            raise UsageError(words)
        notes = (f"skipped: {words}",)
    pairs = [Pair(name, file, clean[key]) for name, (key, file) in degraded.items() if name not in lonely]
    if not pairs:
        raise UsageError(f"no images in '{folder}'; readable: {READABLE_WORDS}")
    return sorted(pairs, key=lambda pair: pair.name), notes


def without_faults(
    items: Sequence[str], check: Callable[[int], None], *, what: str, skip_bad: bool
) -> tuple[list[int], tuple[str, ...]]:
    """Return the indices of the items that pass a check, and a note where some do not.

    Args:
        items: names.
        check: is given an index and raises `UsageError` where the item cannot be used.
        what: the plural of an item, such as "pairs".
        skip_bad: leave out what fails, and say so, instead of raising `UsageError`.

    Raises:
        UsageError: some fail, or with `skip_bad` all; names the first few and counts the rest.
    """
    faults: dict[int, str] = {}
    for index in range(len(items)):
        try:
            check(index)
        except UsageError as error:
            faults[index] = str(error)
    if not faults:
        return list(range(len(items))), ()
    words = f"{len(faults)} of {len(items)} {what} cannot be used: {_shown(list(faults.values()), '; ')}"
    # where nothing is left, skipping would hide why
    if len(faults) == len(items) or not skip_bad:
        raise UsageError(f"{words}. Fix or remove them" + ("" if skip_bad else ", or skip bad ones"))
    return [index for index in range(len(items)) if index not in faults], (f"skipped: {words}",)


def _shown(words: Sequence[str], separator: str = ", ") -> str:
    more = [f"… ({len(words) - SHOWN} more)"] if len(words) > SHOWN else []
    return separator.join([*words[:SHOWN], *more])
