"""What a training loop draws from: pairs, or clean photographs that are degraded on the fly."""

import sys
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from PIL import Image
from tqdm import tqdm

from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.media.decoding import size_of
from restorect_edge.media.formats import READABLE_WORDS
from restorect_edge.media.photos import open_rgb
from restorect_edge.spec import ImageU8
from restorect_edge.training.data.degradations import DEGRADATIONS, Degradation, degradation
from restorect_edge.training.data.folders import PAIR_FOLDERS, has_pairs, list_pairs
from restorect_edge.training.data.pairs import Pair, images_in, without_faults

__all__ = ["MixedSource", "PairSource", "PhotoSource", "Source", "open_source", "open_upright"]

BUDGET = 2 * 2**30
"""Bytes of decoded images that a source keeps in memory; more are decoded when they are drawn."""
CACHE = 32
"""Decoded images that are kept of those, the last ones drawn."""
GREATEST_SIDE = 1536
"""Clean photographs are reduced to this long side, which also averages their noise away."""
ENLARGED = 2.0
"""Greatest side of a window of a photograph, in least sides."""
REDUCED = 3.0
"""Most that a window is reduced by."""

Item = TypeVar("Item")


class Source(Protocol):
    """Training examples, drawn one at a time."""

    names: tuple[str, ...]
    """Of the files behind them."""
    notes: tuple[str, ...]
    """What was skipped, a sentence each."""

    def __len__(self) -> int:
        """Return how many indices there are."""

    def draw(self, index: int, rng: np.random.Generator) -> tuple[ImageU8, ImageU8]:
        """Return a degraded and a clean image, both (H, W, 3) uint8 of one size.

        Args:
            index: which one, from 0 to the length.
            rng: of all that is random; the same index and generator state give the same images.
        """


class PairSource:
    """Pairs as they are: decoded once if they fit in memory, else when drawn.

    Args:
        pairs: the files.
        least: smallest side in pixels that is of use.
        skip_bad: leave out pairs that cannot be used, and note it, instead of raising `UsageError`.
        budget: bytes that decoded images may take.

    Raises:
        UsageError: some pairs are unreadable, of two sizes, or too small. Of pairs that do not fit in memory
            only the headers are read here; a file damaged further on is named when it is drawn.
    """

    def __init__(
        self, pairs: Sequence[Pair], *, least: int, skip_bad: bool = False, budget: int = BUDGET
    ) -> None:
        sizes: dict[int, tuple[int, int]] = {}

        def check_header(index: int) -> None:
            sizes[index] = pairs[index].size()
            _check_side(pairs[index].degraded, sizes[index], least)

        decoded: dict[int, tuple[ImageU8, ImageU8]] = {}

        def decode(index: int) -> None:
            check_header(index)
            decoded[index] = pairs[index].read()

        # twice: the clean image is as large as the degraded one
        fits = _bytes(pair.degraded for pair in pairs) * 2 <= budget
        kept, self.notes = without_faults(
            [pair.name for pair in pairs],
            _with_progress(decode if fits else check_header, len(pairs), "pair"),
            what="pairs",
            skip_bad=skip_bad,
        )
        chosen = [pairs[index] for index in kept]
        self.names = tuple(pair.name for pair in chosen)
        self.in_memory = fits
        self._read = _reader([decoded[index] for index in kept] if fits else [], [p.read for p in chosen])

    def __len__(self) -> int:
        return len(self.names)

    def draw(self, index: int, rng: np.random.Generator) -> tuple[ImageU8, ImageU8]:
        """Return a pair; nothing about it is random. Arguments are those of `Source.draw`."""
        return self._read(index)


class PhotoSource:
    """Windows of clean photographs, of random size, place and scale, degraded on the fly.

    Args:
        photos: the files; they are turned upright and reduced to a long side of 1536 pixels.
        degradation: what makes the degraded image.
        window: least and greatest side of a window in pixels.
        skip_bad: leave out photographs that cannot be used, and note it, instead of raising `UsageError`.
        budget: bytes that decoded photographs may take; beyond it they are decoded when drawn.

    Raises:
        UsageError: some photographs are unreadable or smaller than the least window.
    """

    def __init__(
        self,
        photos: Sequence[Path],
        degradation: Degradation,
        window: tuple[int, int],
        *,
        skip_bad: bool = False,
        budget: int = BUDGET,
    ) -> None:
        self.window, self._degrade = window, degradation
        decoded: dict[int, ImageU8] = {}
        fits = _bytes(photos, GREATEST_SIDE) <= budget

        def check(index: int) -> None:
            image = open_upright(photos[index])
            _check_side(photos[index], image.shape[1::-1], window[0])
            if fits:
                decoded[index] = image

        kept, self.notes = without_faults(
            [path.name for path in photos],
            _with_progress(check, len(photos), "photo"),
            what="photographs",
            skip_bad=skip_bad,
        )
        chosen = [photos[index] for index in kept]
        self.names = tuple(path.stem for path in chosen)
        self.in_memory = fits
        reads = [partial(open_upright, path) for path in chosen]
        self._read = _reader([decoded[index] for index in kept] if fits else [], reads)

    def __len__(self) -> int:
        return len(self.names)

    def draw(self, index: int, rng: np.random.Generator) -> tuple[ImageU8, ImageU8]:
        """Cut a window from a photograph and degrade it. Arguments are those of `Source.draw`."""
        clean = self._cut(self._read(index), rng)
        degraded = self._degrade(clean * np.float32(1 / 255), rng)
        return np.rint(degraded * np.float32(255)).astype(np.uint8), clean

    def _cut(self, photo: ImageU8, rng: np.random.Generator) -> ImageU8:
        """Take a random window, reduced by a random factor; at least the least window, whatever the photo."""
        limits = photo.shape[:2]
        height, width = (int(rng.integers(self.window[0], min(self.window[1], s) + 1)) for s in limits)
        # no part is larger than the photograph
        most = min(REDUCED, limits[0] / height, limits[1] / width)
        # uniform in the logarithm: each octave of scale is as likely
        scale = float(np.exp(rng.uniform(0.0, np.log(most))))
        part_height, part_width = int(height * scale), int(width * scale)
        top = int(rng.integers(limits[0] - part_height + 1))
        left = int(rng.integers(limits[1] - part_width + 1))
        part = np.ascontiguousarray(photo[top : top + part_height, left : left + part_width])
        if (part_height, part_width) == (height, width):
            return part
        return np.array(Image.fromarray(part).resize((width, height), Image.Resampling.BICUBIC))


class MixedSource:
    """Several sources as one: each draw comes from one of them, chosen at random by weight.

    Args:
        sources: what to draw from.
        weights: one each, positive; None weighs by length, so that every index is as likely.

    Raises:
        UsageError: no sources, or weights that do not fit them.
    """

    def __init__(self, sources: Sequence[Source], weights: Sequence[float] | None = None) -> None:
        shares = [float(len(source)) for source in sources] if weights is None else list(weights)
        if not sources or len(shares) != len(sources) or min(shares) <= 0:
            got = ", ".join(map(str, shares)) or "none"
            raise UsageError(f"{len(sources)} sources need as many weights above 0, got {got}")
        self.names = tuple(name for source in sources for name in source.names)
        self.notes = tuple(note for source in sources for note in source.notes)
        self._sources = tuple(sources)
        self._bounds = list(accumulate(shares))

    def __len__(self) -> int:
        return len(self.names)

    def draw(self, index: int, rng: np.random.Generator) -> tuple[ImageU8, ImageU8]:
        """Draw from a source that is chosen at random. Arguments are those of `Source.draw`."""
        chosen = bisect(self._bounds, rng.random() * self._bounds[-1])
        # rounding may put the draw on the last bound itself
        source = self._sources[min(chosen, len(self._sources) - 1)]
        # lengths differ: an index beyond the shorter source starts again from its beginning
        return source.draw(index % len(source), rng)


def open_source(folder: Path, *, task: str, least: int, skip_bad: bool = False) -> Source:
    """Return what a folder offers for training.

    Args:
        folder: pairs (`low` and `high`, `input` and `target`, or a known dataset, of which the split
            ``train`` is taken), or clean photographs, which are degraded as the task says.
        task: ``lowlight``, ``backlit``, ``underwater`` or ``fundus``; for pairs it can be any.
        least: smallest side of the images that are drawn, in pixels.
        skip_bad: leave out what cannot be used, and say so in `notes`, instead of raising `UsageError`.

    Raises:
        UsageError: no such folder, nothing in it to train on, or images that cannot be used.
    """
    if not folder.is_dir():
        raise UsageError(f"no training data at '{folder}': it must be a folder")
    if has_pairs(folder, "train"):
        pairs, notes = list_pairs(folder, split="train", skip_bad=skip_bad)
        source = PairSource(pairs, least=least, skip_bad=skip_bad)
        source.notes = notes + source.notes
        return source
    photos = list(images_in(folder))
    if not photos:
        raise UsageError(_nothing(folder))
    window = (least, int(least * ENLARGED))
    return PhotoSource(photos, degradation(task), window, skip_bad=skip_bad)


def _nothing(folder: Path) -> str:
    wanted = ", ".join(f"{a}/ and {b}/" for a, b in PAIR_FOLDERS)
    return (
        f"nothing to train on in '{folder}': it must hold pairs ({wanted}, or a known dataset), or clean "
        f"photographs ({READABLE_WORDS}) for a task that has a degradation "
        f"({', '.join(sorted(DEGRADATIONS))})"
    )


def _reader(decoded: list[Item], reads: Sequence[Callable[[], Item]]) -> Callable[[int], Item]:
    """Return what gives an item by index: from memory if it is there, else by reading it."""
    if decoded:
        return decoded.__getitem__
    return lru_cache(CACHE)(lambda index: reads[index]())


def _with_progress(check: Callable[[int], None], total: int, unit: str) -> Callable[[int], None]:
    """Show a bar on standard error while a check runs through its indices."""
    bar = tqdm(total=total, unit=unit, desc="reading", file=sys.stderr, disable=None, leave=False)

    def checked(index: int) -> None:
        try:
            check(index)
        finally:
            bar.update()
            if index == total - 1:
                bar.close()

    return checked


def _bytes(paths: Iterable[Path], side: int | None = None) -> int:
    """Return what images take when decoded, by their headers; those that have none count nothing."""
    total = 0
    for path in paths:
        try:
            width, height = size_of(path)
        except RestorectError:
            continue
        scale = min(1.0, side / max(width, height)) if side else 1.0
        total += int(3 * width * height * scale**2)
    return total


def _check_side(path: Path, size: tuple[int, ...], least: int) -> None:
    if min(size) < least:
        raise UsageError(
            f"'{path}' is {size[0]}×{size[1]}; training needs sides of at least {least} pixels: use smaller "
            "patches, or larger images"
        )


def open_upright(path: Path, greatest_side: int = GREATEST_SIDE) -> ImageU8:
    """Decode the photograph at `path`, turned as EXIF says, its long side at most `greatest_side` pixels."""
    image = open_rgb(path)
    image.thumbnail((greatest_side, greatest_side), Image.Resampling.LANCZOS)
    return np.array(image)
