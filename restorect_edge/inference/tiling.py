"""Exact tiling: windows with enough context around what each contributes.

An image is thought of as padded at the bottom and right, by reflection, to the size that the network
takes. Windows never leave that padded image, and touch its border exactly where it has one, so that a
convolution's own zero padding acts as it does on the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import UsageError

__all__ = ["Span", "Window", "best_window", "cut", "kept_part", "plan"]

Size = tuple[int, int]
MOST_WINDOWS = 256
"""Windows along an axis that are considered."""


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a window in pixels: what is read, and which part of the result is kept."""

    start: int
    stop: int
    keep_from: int
    keep_to: int


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle to restore and the part of it that is kept, in pixels of the padded image."""

    rows: Span
    columns: Span

    @property
    def size(self) -> Size:
        """(height, width) of what is read."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def plan(padded: Size, window: Size, halo: int) -> Iterator[Window]:
    """Cover a padded image with windows of one size.

    Args:
        padded: (height, width) of the padded image.
        window: (height, width) read at a time; where it is no smaller than the image, one window does.
        halo: context that a kept pixel needs on each side, a multiple of the network's grid.

    Raises:
        UsageError: the window is too small to keep anything besides its halo.
    """
    for rows in _spans(padded[0], window[0], halo):
        for columns in _spans(padded[1], window[1], halo):
            yield Window(rows, columns)


def _spans(length: int, window: int, halo: int) -> Iterator[Span]:
    if window >= length:
        yield Span(0, window, 0, length)
        return
    if window <= 2 * halo:
        raise UsageError(
            f"a window of {window} pixels keeps nothing: this network needs {halo} pixels of context "
            f"on each side, so windows must be larger than {2 * halo}"
        )
    kept = 0
    while kept < length:
        # the last window moves back into the image: graphs of a fixed shape need all of one size
        start = min(max(kept - halo, 0), length - window)
        stop = start + window
        # the image's own end is no cut, so it needs no context
        keep_to = length if stop == length else stop - halo
        yield Span(start, stop, kept, keep_to)
        kept = keep_to


def best_window(padded: Size, limit: int, halo: int, multiple: int) -> Size:
    """Return the window of at most `limit` pixels that covers a padded image with the least work.

    Fewer and larger windows read less context twice. No side is cut below four halos, of which a window
    keeps two, even where `limit` asks for less.

    Args:
        padded: (height, width) of the padded image.
        limit: pixels that a window may read.
        halo: context on each side, a multiple of `multiple`.
        multiple: what sides must be a multiple of.
    """
    rows, columns = (_sides(length, halo, multiple) for length in padded)
    choices = [(counts, (rows[counts[0]], columns[counts[1]])) for counts in product(rows, columns)]
    within = [c for c in choices if c[1][0] * c[1][1] <= limit]
    if not within:
        return min((sides for _, sides in choices), key=lambda sides: sides[0] * sides[1])
    # pixels read in all; of equals the first, which has the fewest rows, then columns
    return min(within, key=lambda c: c[0][0] * c[0][1] * c[1][0] * c[1][1])[1]


def _sides(length: int, halo: int, multiple: int) -> dict[int, int]:
    """Return, for each number of windows along an axis, the side that makes them equally large."""
    sides = {1: length}
    for count in range(2, MOST_WINDOWS):
        read = length + 2 * halo * (count - 1)
        side = -(-read // (count * multiple)) * multiple
        # more than half of such a window would be context, computed again by its neighbors
        if side < 4 * halo:
            break
        sides[count] = side
    return sides


def cut(image: NDArray[Any], rows: Span, columns: Span) -> NDArray[Any]:
    """Return a window of a padded image: a view where it lies inside the image.

    Args:
        image: (H, W, C), not padded; what is beyond it is its reflection.
        rows: of the padded image.
        columns: of the padded image.
    """
    (height, width), (below, beside) = image.shape[:2], (rows.stop - rows.start, columns.stop - columns.start)
    inside = image[rows.start : min(rows.stop, height), columns.start : min(columns.stop, width)]
    h, w = inside.shape[:2]
    if (h, w) == (below, beside):
        return inside
    window = np.empty((below, beside, image.shape[2]), image.dtype)
    window[:h, :w] = inside
    # most windows lie inside; only what is outside pays for fancy indexing
    columns_read = _reflected(columns.start, columns.stop, width)
    window[:h, w:] = image[rows.start : rows.start + h, columns_read[w:]]
    rows_read = _reflected(rows.start + h, rows.stop, height)
    window[h:] = image[rows_read[:, None], columns_read]
    return window


def _reflected(start: int, stop: int, length: int) -> NDArray[np.int64]:
    """Indices start … stop−1 of an axis of `length` pixels continued by reflection about its ends."""
    if length == 1:
        return np.zeros(stop - start, dtype=np.int64)
    period = 2 * (length - 1)
    index = np.arange(start, stop) % period
    return np.where(index < length, index, period - index)


def kept_part(span: Span, length: int, scale: int) -> tuple[slice, slice]:
    """Return where a window's kept part goes in the result, and where it is in the network's output.

    Args:
        span: of one axis.
        length: of that axis of the image, in pixels; what a window keeps beyond it is dropped.
        scale: output pixels per pixel.
    """
    start, stop = span.keep_from * scale, min(span.keep_to, length) * scale
    return slice(start, stop), slice(start - span.start * scale, stop - span.start * scale)
