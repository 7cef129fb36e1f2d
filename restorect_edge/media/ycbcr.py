"""Y'CbCr to RGB and back, in integers (ITU-R BT.601-7, BT.709-6, BT.2020-2, SMPTE 240M; full range as in
JFIF, ITU-T T.871).

With Kr, Kb of the matrix, Kg = 1 − Kr − Kb, d = Y − 16, s = 255/219 and t = 255/224 in limited range, d = Y
and s = t = 1 in full range, u = Cb − 128 and v = Cr − 128:

    R = s·d + 2(1 − Kr)·t·v
    G = s·d − 2(1 − Kb)(Kb/Kg)·t·u − 2(1 − Kr)(Kr/Kg)·t·v
    B = s·d + 2(1 − Kb)·t·u

Each coefficient c becomes the integer ⌊2²⁰·c + ½⌋; the sum of the products has 2¹⁹ added, is shifted right by
20 bits, which rounds down (so half goes up), and is limited to 0 … 255. Every sum fits into 32 bits. The way
back is made likewise from
Y = 16 + (Kr·R + Kg·G + Kb·B)/s, Cb = 128 + (B − Y')/(2(1 − Kb))/t and Cr = 128 + (R − Y')/(2(1 − Kr))/t.

A chroma sample stands for its block of pixels, 2×2 in 4:2:0 and 2 in 4:2:2: it is repeated there, not
interpolated, and made as the block's mean.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MATRICES", "RANGES", "SHIFT", "coefficients", "from_yuv", "luma_of", "to_yuv"]

Levels: TypeAlias = NDArray[np.uint8]
Planes: TypeAlias = tuple[Levels, Levels, Levels]

MATRICES = {
    "bt601": (Fraction(299, 1000), Fraction(114, 1000)),
    "bt709": (Fraction(2126, 10000), Fraction(722, 10000)),
    "bt2020": (Fraction(2627, 10000), Fraction(593, 10000)),
    "smpte240m": (Fraction(212, 1000), Fraction(87, 1000)),
}
"""Kr and Kb; of BT.2020, non-constant luminance."""
RANGES = ("full", "limited")
SHIFT = 20
"""Fractional bits of the coefficients."""
CACHED = 1 << 15
"""Pixels converted at a time, so that several passes over them stay in the cache."""


def from_yuv(planes: Planes, out: Levels, block: tuple[int, int], matrix: str, range: str) -> None:
    """Convert to RGB.

    Args:
        planes: Y (H, W), and Cb and Cr (H / rows of a block, W / columns of a block).
        out: (H, W, 3), written.
        block: (rows, columns) of pixels that share a chroma sample.
        matrix: one of `MATRICES`.
        range: one of `RANGES`.
    """
    (luma, cb, cr), (down, across) = planes, block
    light, red_v, green_u, green_v, blue_u = _tables(matrix, range)
    height, width = luma.shape
    step = max(1, CACHED // width) * down
    for top in np.arange(0, height, step):
        rows, blocks = slice(top, top + step), slice(top // down, (top + step) // down)
        bright = light[luma[rows]]
        u, v = cb[blocks], cr[blocks]
        for channel, colour in enumerate((red_v[v], green_u[u] + green_v[v], blue_u[u])):
            # a chroma sample is broadcast over its block: no plane of full size is made of it
            values = bright.reshape(colour.shape[0], down, colour.shape[1], across) + colour[:, None, :, None]
            np.right_shift(values, SHIFT, out=values)
            np.clip(values, 0, 255, out=values)
            np.copyto(out[rows, :, channel], values.reshape(bright.shape), casting="unsafe")


def to_yuv(rgb: Levels, block: tuple[int, int], matrix: str, range: str) -> Planes:
    """Return Y (H, W) of `rgb` (H, W, 3), and Cb and Cr by blocks.

    Args:
        rgb: (H, W, 3), sides multiples of the block's.
        block: (rows, columns) of pixels that share a chroma sample.
        matrix: one of `MATRICES`.
        range: one of `RANGES`.
    """
    height, width, _ = rgb.shape
    down, across = block
    _, for_cb, for_cr = _forward(matrix, range)
    shape = (height // down, down, width // across, across)
    sums = [rgb[..., channel].reshape(shape).sum(axis=(1, 3), dtype=np.int32) for channel in (0, 1, 2)]
    # a block's mean is part of the one shift, so there is one rounding, not two
    bits = SHIFT + (down * across).bit_length() - 1
    chroma = (_weighted(sums, weights, bits, 128) for weights in (for_cb, for_cr))
    return (luma_of(rgb, matrix, range), *chroma)  # type: ignore[return-value]


def luma_of(rgb: Levels, matrix: str, range: str) -> Levels:
    """Return Y (H, W) of `rgb` (H, W, 3); `matrix` is one of `MATRICES`, `range` one of `RANGES`."""
    channels = [rgb[..., channel].astype(np.int32) for channel in (0, 1, 2)]
    return _weighted(channels, _forward(matrix, range)[0], SHIFT, _offset_of_luma(range))


def _weighted(planes: list[NDArray[np.int32]], weights: tuple[int, ...], shift: int, zero: int) -> Levels:
    values = sum((plane * weight for plane, weight in zip(planes, weights, strict=True)), np.int32(0))
    values = (values + np.int32(1 << (shift - 1)) >> shift) + zero
    levels: Levels = np.clip(values, 0, 255).astype(np.uint8)
    return levels


@lru_cache
def coefficients(matrix: str, range: str) -> tuple[int, int, int, int, int]:
    """Return the integers that multiply d (all channels), v (R), u (G), v (G) and u (B), see the module.

    Args:
        matrix: one of `MATRICES`.
        range: one of `RANGES`.
    """
    kr, kb = MATRICES[matrix]
    kg = 1 - kr - kb
    light, colour = _scales(range)
    red, blue = 2 * (1 - kr) * colour, 2 * (1 - kb) * colour
    exact = (light, red, -blue * kb / kg, -red * kr / kg, blue)
    light_, red_, green_u, green_v, blue_ = map(_fixed, exact)
    return light_, red_, green_u, green_v, blue_


@lru_cache
def _tables(matrix: str, range: str) -> tuple[NDArray[np.int32], ...]:
    """Return, by level, the products of `coefficients`; the first with half a unit added."""
    light, *colours = coefficients(matrix, range)
    levels = np.arange(256, dtype=np.int32)
    bright = (levels - _offset_of_luma(range)) * np.int32(light) + np.int32(1 << (SHIFT - 1))
    return (bright, *((levels - 128) * np.int32(colour) for colour in colours))


@lru_cache
def _forward(matrix: str, range: str) -> tuple[tuple[int, ...], ...]:
    """Return the integers that multiply R, G and B for Y, Cb and Cr; gray gives no color at all."""
    kr, kb = MATRICES[matrix]
    light, colour = _scales(range)
    luma = tuple(_fixed(k / light) for k in (kr, 1 - kr - kb, kb))
    own = _fixed(1 / (2 * colour))
    red_in_cb, blue_in_cr = _fixed(-kr / (2 * (1 - kb)) / colour), _fixed(-kb / (2 * (1 - kr)) / colour)
    # green takes what is left: three rounded weights might not add up to 0
    cb = (red_in_cb, -red_in_cb - own, own)
    cr = (own, -own - blue_in_cr, blue_in_cr)
    return luma, cb, cr


def _scales(range: str) -> tuple[Fraction, Fraction]:
    return (Fraction(1), Fraction(1)) if range == "full" else (Fraction(255, 219), Fraction(255, 224))


def _offset_of_luma(range: str) -> int:
    return 0 if range == "full" else 16


def _fixed(value: Any) -> int:
    # fractions are exact: no platform's floating point has a say in the integers
    return int((value * 2**SHIFT + Fraction(1, 2)) // 1)
