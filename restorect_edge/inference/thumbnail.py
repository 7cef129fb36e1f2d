"""What the prior looks at: means of blocks of pixels and the standard deviations inside them, as a square."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.inference.tiling import Size, Span, cut

__all__ = ["thumbnail"]

STRIP = 1 << 17
"""Pixels that are summed at a time: few enough for a core's cache, enough for NumPy to be busy with."""
WHITE = 255
"""The largest level of a byte."""


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
    moments = _byte_moments if image.dtype == np.uint8 else _float_moments
    cells = moments(image, padded, pool, deviation)
    turned = np.ascontiguousarray(_resample(cells, size).transpose(0, 2, 1))
    return np.ascontiguousarray(_resample(turned, size).transpose(0, 2, 1))[None]


def _byte_moments(image: NDArray[Any], padded: Size, pool: int, deviation: bool) -> NDArray[np.float32]:
    """Return the means of blocks of bytes, then their deviations, (3 or 6, H/pool, W/pool).

    The variance is exact. It follows from products x·(255 − x), as
    n·Σx² − (Σx)² = Σx·(255·n − Σx) − n·Σx·(255 − x). They are even and at most 127·128, so that 16 bits hold
    the sum of eight halves; squares would need 32 bits, and half as many fit in a vector instruction.
    """
    wide, exact = (np.uint16, np.float32) if pool <= 4 else (np.uint32, np.float64)
    count = pool * pool
    cells = np.empty((2 if deviation else 1, 3, padded[0] // pool, padded[1] // pool), exact)
    for strip, sums, spare, out in _strips(image, pool, cells, np.dtype(wide)):
        if deviation:
            np.multiply(strip[0], strip[0], out=strip[1])
        _add_rows(strip, pool, sums)
        if deviation:  # the products of four rows fit in 16 bits, where their squares have wrapped around
            np.multiply(sums[0], wide(WHITE), out=spare[0])
            np.subtract(spare[0], sums[1], out=sums[1])
            sums[1] >>= wide(1)
        _add_columns(sums, pool, spare, out)
        if deviation:
            out[1] *= exact(-2 * count)
            out[1] += (exact(WHITE * count) - out[0]) * out[0]
            np.sqrt(out[1], out=out[1])
        out *= exact(1 / (WHITE * count))
    return cells.reshape(-1, *cells.shape[2:]).astype(np.float32, copy=False)


def _float_moments(image: NDArray[Any], padded: Size, pool: int, deviation: bool) -> NDArray[np.float32]:
    """Return the same of floating point, whose mean is subtracted first: E[x²] − E[x]² would cancel."""
    cells = np.empty((2 if deviation else 1, 3, padded[0] // pool, padded[1] // pool), np.float32)
    for strip, sums, spare, out in _strips(image, pool, cells, np.dtype(np.float32)):
        for kind in range(len(cells)):
            if kind == 1:
                mean = out[0].transpose(1, 2, 0).repeat(pool, 0).repeat(pool, 1)
                np.subtract(strip[0], mean.reshape(strip[0].shape), out=strip[1])
                strip[1] *= strip[1]
            # one kind after the other: deviations need the means finished
            each = slice(kind, kind + 1)
            _add_rows(strip[each], pool, sums[each])
            _add_columns(sums[each], pool, spare[each], out[each])
            out[kind] *= np.float32(1 / (pool * pool))
    if deviation:
        np.sqrt(cells[1], out=cells[1])
    return cells.reshape(-1, *cells.shape[2:])


def _strips(
    image: NDArray[Any], pool: int, cells: NDArray[Any], dtype: np.dtype[Any]
) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Yield strips of the padded image, space for sums of their rows, twice, and the cells of their blocks.

    A strip is (K, rows, 3·W): the pixels, and space for as many values of another kind; sums are
    (K, rows/pool, 3·W), cells (K, 3, rows/pool, W/pool). All but the cells are one allocation, made once:
    fresh memory costs more than the sums.
    """
    kinds, width = len(cells), cells.shape[3] * pool
    # at least one row of blocks, however wide the image
    blocks = min(cells.shape[2], max(1, STRIP // (width * pool)))
    buffer = np.empty((pool + 2, kinds * blocks * 3 * width), dtype)
    for first in range(0, cells.shape[2], blocks):
        out = cells[:, :, first : first + blocks]
        rows = Span(first * pool, (first + out.shape[2]) * pool, 0, 0)
        # the last strip may have fewer rows: it takes the beginning of the buffer
        size = kinds * out.shape[2] * 3 * width
        strip = buffer.reshape(-1)[: pool * size].reshape(kinds, -1, 3 * width)
        sums, spare = (part[:size].reshape(kinds, -1, 3 * width) for part in buffer[pool:])
        np.copyto(strip[0].reshape(-1, width, 3), cut(image, rows, Span(0, width, 0, 0)))
        yield strip, sums, spare, out


def _add_rows(strip: NDArray[Any], pool: int, sums: NDArray[Any]) -> None:
    """Write the sums of every `pool` rows."""
    rows = strip.reshape(len(strip), -1, pool, strip.shape[2])
    np.add(rows[:, :, 0], rows[:, :, 1] if pool > 1 else strip.dtype.type(0), out=sums)
    for row in range(2, pool):
        sums += rows[:, :, row]


def _add_columns(sums: NDArray[Any], pool: int, spare: NDArray[Any], out: NDArray[Any]) -> None:
    """Write the sums of every `pool` pixels of `sums`, (K, n, 3·W), into `out`, (K, 3, n, W/pool).

    Neighbors are added everywhere, twice as far away each time, although most sums are not needed: whole
    rows are added faster than every twelfth value of them. The last two addends are left to the type of
    `out`, which has room for their sum. Overwrites `sums` and `spare`.
    """
    flat, other, near, left = sums.reshape(-1), spare.reshape(-1), 3, pool
    while left > 2 and left % 2 == 0:
        added = np.add(flat[:-near], flat[near:], out=other[: len(flat) - near])
        flat, other, near, left = added, flat, 2 * near, left // 2
    for channel in range(3):
        addends = [flat[channel + near * at :: 3 * pool].reshape(out[:, 0].shape) for at in range(left)]
        np.copyto(out[:, channel], addends[0])
        for addend in addends[1:]:
            out[:, channel] += addend


def _resample(cells: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Area-average the middle axis of (C, n, m) to `size`.

    Not by a matrix product: the weights are mostly zero, and the threads of a BLAS library would wait for
    each other longer than this takes.
    """
    covered, shares = _area(cells.shape[1], size)
    out, part = np.empty((2, len(cells), size, cells.shape[2]), np.float32)
    cells.take(covered[0], axis=1, out=out, mode="clip")
    out *= shares[0]
    for index, share in zip(covered[1:], shares[1:], strict=True):
        cells.take(index, axis=1, out=part, mode="clip")
        part *= share
        out += part
    return out


@lru_cache(maxsize=16)
def _area(cells: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return which cells each of `size` output cells covers, (K, size), and the share of each, (K, size, 1).

    K is the most that one covers; where it covers fewer, a share is 0.
    """
    edges = np.arange(size + 1) * (cells / size)
    first = edges[:-1].astype(np.intp)
    most = int((np.ceil(edges[1:]).astype(np.intp) - first).max())
    covered = first + np.arange(most)[:, None]
    overlap = np.minimum(covered + 1, edges[1:]) - np.maximum(covered, edges[:-1])
    shares = (np.maximum(overlap, 0) * (size / cells)).astype(np.float32)
    # a cell past the end has the share 0, but its index must exist
    return np.minimum(covered, cells - 1), shares[:, :, None]
