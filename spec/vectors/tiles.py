"""The windows of an image, by definition."""

from itertools import product
from typing import Any

__all__ = ["TILES", "tiles"]

MOST = 255
"""Windows along an axis that are considered."""


def _case(
    name: str, padded: list[int], limit: int, halo: int, multiple: int, window: list[int] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "padded": padded,
        "halo": halo,
        "multiple": multiple,
        "limit": limit,
        "asked": window,
    }


TILES: tuple[dict[str, Any], ...] = (
    _case("an image within the limit is one window", [400, 600], 1 << 21, 40, 8),
    _case("an image of just the limit is one window", [1024, 2048], 1 << 21, 40, 8),
    _case("a row more makes two windows", [1032, 2048], 1 << 21, 40, 8),
    _case("twelve megapixels", [3024, 4032], 1 << 21, 40, 8),
    _case("a portrait is cut as its landscape turned", [4032, 3024], 1 << 21, 40, 8),
    _case("a panorama is cut along one axis", [512, 16384], 1 << 21, 40, 8),
    _case("sides are multiples of 4", [300, 500], 40000, 20, 4),
    _case("a network of one pixel needs no context", [256, 320], 20000, 0, 1),
    _case("no side below four halos, whatever the limit", [400, 640], 1000, 32, 8),
    _case("too short to be cut", [96, 2000], 60000, 40, 8),
    _case("a window that was asked for", [400, 600], 1 << 21, 40, 8, [208, 336]),
    _case("its last window reaches back to stay inside", [250, 100], 1 << 21, 8, 2, [100, 100]),
    _case("one as large as the image", [250, 100], 1 << 21, 8, 2, [250, 100]),
    _case("one larger than the image is read beyond its end", [48, 64], 1 << 21, 40, 8, [512, 512]),
    _case("one that keeps two pixels at a time", [40, 24], 1 << 21, 8, 2, [18, 24]),
    _case("one of two halos keeps nothing", [400, 600], 1 << 21, 40, 8, [80, 600]),
)


def tiles(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case with the window that is best or was asked for, and its spans along rows and columns.

    Spans are null where the window keeps nothing.
    """
    window = case["asked"] or _best(case["padded"], case["limit"], case["halo"], case["multiple"])
    spans = [_spans(n, w, case["halo"]) for n, w in zip(case["padded"], window, strict=True)]
    rows, columns = spans if None not in spans else (None, None)
    return {**case, "window": window, "rows": rows, "columns": columns}


def _spans(length: int, window: int, halo: int) -> list[list[int]] | None:
    """Return [start, stop, keep_from, keep_to] of each window along an axis."""
    if window >= length:
        return [[0, window, 0, length]]
    step = window - 2 * halo
    if step <= 0:
        return None
    starts = [*range(0, length - window, step), length - window]
    ends = [start + window - halo for start in starts[:-1]] + [length]
    return [
        [start, start + window, kept, end] for start, kept, end in zip(starts, [0, *ends], ends, strict=False)
    ]


def _best(padded: list[int], limit: int, halo: int, multiple: int) -> list[int]:
    """Return the (height, width) within the limit that reads fewest pixels in all; the first of equals."""
    found = []
    for down, across in product(range(1, MOST + 1), repeat=2):
        height, width = (_side(n, k, halo, multiple) for n, k in zip(padded, (down, across), strict=True))
        if height is not None and width is not None:
            found.append((height * width <= limit, down * across * height * width, [height, width]))
    within = [(work, window) for fits, work, window in found if fits]
    if within:
        return min(within, key=lambda each: each[0])[1]
    return min((window for _, _, window in found), key=lambda sides: sides[0] * sides[1])


def _side(length: int, count: int, halo: int, multiple: int) -> int | None:
    """Return the side of so many equal windows along an axis; None for less than four halos."""
    if count == 1:
        return length
    side = -(-(length + 2 * halo * (count - 1)) // (count * multiple)) * multiple
    return side if side >= 4 * halo else None
