"""Exact tiling: windows with enough context around what each contributes, and the global thumbnail.

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

__all__ = ["Span", "Window", "best_window", "cut", "plan", "thumbnail"]

Size = tuple[int, int]
STRIP = 64
"""Rows averaged at a time for the thumbnail."""
MOST_WINDOWS = 256
"""Windows along an axis that are considered."""


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a window: what is read, and which part of the result is kept."""

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
        start = min(max(kept - halo, 0), length - window)
        stop = start + window
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
    return min(within, key=lambda c: c[0][0] * c[0][1] * c[1][0] * c[1][1])[1]


def _sides(length: int, halo: int, multiple: int) -> dict[int, int]:
    """Return, for each number of windows along an axis, the side that makes them equally large."""
    sides = {1: length}
    for count in range(2, MOST_WINDOWS):
        read = length + 2 * halo * (count - 1)
        side = -(-read // (count * multiple)) * multiple
        if side < 4 * halo:
            break
        sides[count] = side
    return sides


def cut(image: NDArray[Any], rows: Span, columns: Span) -> NDArray[Any]:
    """Return the window of the padded `image` (H, W, C): a view where it lies inside the image."""
    (height, width), (below, beside) = image.shape[:2], (rows.stop - rows.start, columns.stop - columns.start)
    inside = image[rows.start : min(rows.stop, height), columns.start : min(columns.stop, width)]
    h, w = inside.shape[:2]
    if (h, w) == (below, beside):
        return inside
    window = np.empty((below, beside, image.shape[2]), image.dtype)
    window[:h, :w] = inside
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


def thumbnail(
    image: NDArray[Any], padded: Size, size: int, pool: int, *, deviation: bool = False
) -> NDArray[np.float32]:
    """Return what the prior looks at, in [0, 1], reading the image by strips.

    The same as `restorect_edge.models.blocks.area_thumbnail` of the padded image: means of blocks of
    `pool` pixels, then exact area resampling.

    Args:
        image: (H, W, 3), uint8 or floating point in [0, 1].
        padded: the size that it is padded to, multiples of `pool`.
        size: side of the result.
        pool: side of the blocks, in pixels.
        deviation: append the standard deviation inside each block, resampled in the same way.

    Returns:
        (1, 3, size, size), or (1, 6, size, size) with `deviation`: the means, then the deviations.
    """
    height, width = padded
    cells = np.empty((6 if deviation else 3, height // pool, width // pool), np.float32)
    step = max(1, STRIP // pool) * pool
    for top in range(0, height, step):
        rows = Span(top, min(top + step, height), 0, 0)
        strip = cut(image, rows, Span(0, width, 0, 0))
        _block_moments(strip, pool, cells[:, top // pool : rows.stop // pool])
    cells *= np.float32(1 / (pool * pool * (255 if image.dtype == np.uint8 else 1)))
    turned = np.ascontiguousarray(_resample(cells, size).transpose(0, 2, 1))
    return np.ascontiguousarray(_resample(turned, size).transpose(0, 2, 1))[None]


def _block_moments(strip: NDArray[Any], pool: int, out: NDArray[np.float32]) -> None:
    """Write sums of blocks of a strip (H, W, 3) into `out` (3 or 6, H/pool, W/pool).

    The last three planes, where there are any, are the standard deviations, times the pixels of a block as
    sums are. Of bytes they are exact: with blocks of 16 pixels n·Σx² and (Σx)² stay below 2²⁴.
    """
    _block_sums(strip, pool, out[:3])
    if len(out) == 3:
        return
    if strip.dtype == np.uint8:
        _block_sums(np.multiply(strip, strip, dtype=np.uint16), pool, out[3:])
        out[3:] *= np.float32(pool * pool)
        out[3:] -= out[:3] * out[:3]
    else:  # E[x²] − E[x]² would cancel, so the mean is subtracted first
        count = pool * pool
        mean = (out[:3] * np.float32(1 / count)).transpose(1, 2, 0).repeat(pool, 0).repeat(pool, 1)
        centered = strip.astype(np.float32) - mean
        _block_sums(centered * centered, pool, out[3:])
        out[3:] *= np.float32(count)
    np.sqrt(np.maximum(out[3:], 0, out=out[3:]), out=out[3:])


def _block_sums(strip: NDArray[Any], pool: int, out: NDArray[np.float32]) -> None:
    """Write the sums of blocks of a strip (H, W, 3) into `out` (3, H/pool, W/pool), whole rows first."""
    small = strip.dtype == np.uint8 and pool <= 16
    wide = np.uint16 if small else np.uint32 if strip.dtype.kind == "u" else np.float32
    sums: NDArray[Any] = strip[::pool].astype(wide)
    for row in range(1, pool):
        sums += strip[row::pool]
    blocks = sums.reshape(len(sums), -1, pool, 3)
    for channel in range(3):
        np.copyto(out[channel], blocks[:, :, 0, channel], casting="unsafe")
        for column in range(1, pool):
            out[channel] += blocks[:, :, column, channel]


def _resample(cells: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Area-average the middle axis of (C, n, m) to `size`.

    Slices rather than a matrix product: the weights are mostly zero, and the threads of a BLAS library
    would wait for each other longer than this takes.
    """
    out = np.empty((len(cells), size, cells.shape[2]), np.float32)
    for index, weights in enumerate(area_matrix(cells.shape[1], size)):
        (seen,) = np.nonzero(weights)
        part = slice(seen[0], seen[-1] + 1)
        np.einsum("k,ckm->cm", weights[part], cells[:, part], out=out[:, index])
    return out


def area_matrix(cells: int, size: int) -> NDArray[np.float32]:
    """Weights (size, cells): the share of each input cell in each output cell, rows summing to 1."""
    edges = np.arange(size + 1, dtype=np.float32)[:, None] * np.float32(cells / size)
    left = np.arange(cells, dtype=np.float32)[None, :]
    overlap = np.minimum(left + 1, edges[1:]) - np.maximum(left, edges[:-1])
    weights: NDArray[np.float32] = np.maximum(overlap, 0) * np.float32(size / cells)
    return weights
