"""Camera and video frames: buffers of bytes to (H, W, 3) uint8 RGB, and back.

Y'CbCr (ITU-R BT.601-7 and BT.709-6, 8 bits; full range as in JFIF, ITU-T T.871). With Kr, Kb of the matrix,
Kg = 1 − Kr − Kb, d = Y − 16, s = 255/219 and t = 255/224 in limited range, d = Y and s = t = 1 in full range,
u = Cb − 128 and v = Cr − 128:

    R = s·d + 2(1 − Kr)·t·v
    G = s·d − 2(1 − Kb)(Kb/Kg)·t·u − 2(1 − Kr)(Kr/Kg)·t·v
    B = s·d + 2(1 − Kb)·t·u

Each coefficient c becomes the integer ⌊2²⁰·c + ½⌋; the sum of the products has 2¹⁹ added, is shifted right by
20 bits, which rounds down (so half goes up), and is limited to 0 … 255. Every sum fits into 32 bits. The way
back is made likewise from
Y = 16 + (Kr·R + Kg·G + Kb·B)/s, Cb = 128 + (B − Y')/(2(1 − Kb))/t and Cr = 128 + (R − Y')/(2(1 − Kr))/t.

A chroma sample stands for its block of pixels, 2×2 in NV12 and 2×1 in YUYV: it is repeated there, not
interpolated, and made as the block's mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import UsageError, unknown_name

__all__ = ["LAYOUTS", "MATRICES", "RANGES", "SHIFT", "FrameFormat", "coefficients", "from_rgb", "to_rgb"]

Levels: TypeAlias = NDArray[np.uint8]
Buffer: TypeAlias = bytes | bytearray | memoryview | Levels

MATRICES = {
    "bt601": (Fraction(299, 1000), Fraction(114, 1000)),
    "bt709": (Fraction(2126, 10000), Fraction(722, 10000)),
}
"""Kr and Kb."""
RANGES = ("full", "limited")
SHIFT = 20
"""Fractional bits of the coefficients."""
CACHED = 1 << 15
"""Pixels converted at a time, so that several passes over them stay in the cache."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How pixels lie in a buffer."""

    bytes_per_pixel: int
    """In a row of the buffer (of luma, where chroma has rows of its own)."""
    block: tuple[int, int] = (1, 1)
    """(height, width) of what a chroma sample stands for; sides are multiples of it."""
    yuv: bool = False


LAYOUTS = {
    "rgb": Layout(3),
    "bgr": Layout(3),
    "bgra": Layout(4),
    "nv12": Layout(1, (2, 2), yuv=True),
    "yuyv": Layout(2, (1, 2), yuv=True),
}
"""``bgra``: alpha is ignored, and written as 255. ``nv12``: rows of Y, then rows of Cb Cr pairs of the same
stride, one for two of Y. ``yuyv``: Y Cb Y Cr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFormat:
    """What a buffer of bytes holds.

    Raises:
        UsageError: unknown names, no pixels, odd sides where chroma needs even ones, or too short a stride.
    """

    layout: str
    """One of `LAYOUTS`."""
    width: int
    height: int
    stride: int = 0
    """Bytes from a row to the next; 0 for rows without padding."""
    matrix: str = "bt601"
    """One of `MATRICES`; means nothing for RGB layouts."""
    range: str = "limited"
    """One of `RANGES`; means nothing for RGB layouts."""

    def __post_init__(self) -> None:
        for kind, got, known in (
            ("frame layout", self.layout, LAYOUTS),
            ("colour matrix", self.matrix, MATRICES),
            ("range", self.range, RANGES),
        ):
            if got not in known:
                raise unknown_name(kind, got, known)
        if self.width < 1 or self.height < 1:
            raise UsageError(
                f"the frame is empty: {self.width}×{self.height} pixels; both sides are at least 1"
            )
        for side, length, step in zip(("height", "width"), self._sides, self._layout.block, strict=True):
            if length % step:
                raise UsageError(
                    f"a {self.layout} frame has an even {side}, since {step} pixels share a chroma sample, "
                    f"got {self.width}×{self.height}; crop it to {length - 1}"
                )
        if self.stride and self.stride < self.row_bytes:
            raise UsageError(
                f"a row of {self.width} {self.layout} pixels has {self.row_bytes} bytes, got a stride of "
                f"{self.stride}; the stride is at least that, in bytes, or 0 for rows without padding"
            )

    @property
    def _layout(self) -> Layout:
        return LAYOUTS[self.layout]

    @property
    def _sides(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without padding."""
        return self._layout.bytes_per_pixel * self.width

    @property
    def row_stride(self) -> int:
        """Bytes from a row to the next."""
        return self.stride or self.row_bytes

    @property
    def rows(self) -> int:
        """Rows of the buffer: of NV12, those of chroma too."""
        return self.height + self.height // 2 if self.layout == "nv12" else self.height

    @property
    def size(self) -> int:
        """Bytes that a buffer has at least: padding after the last row may be missing."""
        return self.row_stride * (self.rows - 1) + self.row_bytes


def to_rgb(data: Buffer, frame: FrameFormat) -> Levels:
    """Convert a frame to RGB.

    Args:
        data: the bytes; what lies behind the frame's size is ignored, as cameras pad to whole pages.
        frame: what they are.

    Returns:
        (H, W, 3) uint8, the caller's own.

    Raises:
        UsageError: the buffer is too short.
    """
    rows = _rows(data, frame)
    result = np.empty((frame.height, frame.width, 3), np.uint8)
    if LAYOUTS[frame.layout].yuv:
        _from_yuv(*_YUV_PLANES[frame.layout](rows, frame), result, frame)
    else:
        step = LAYOUTS[frame.layout].bytes_per_pixel
        for channel in range(3):
            result[..., channel] = rows[:, _offset(frame, channel) :: step]
    return result


def from_rgb(rgb: Levels, frame: FrameFormat) -> bytes:
    """Convert RGB to a frame, the padding of its rows zero.

    Args:
        rgb: (H, W, 3) uint8.
        frame: what to make; its sides are those of `rgb`.

    Raises:
        UsageError: `rgb` is not such an image.
    """
    if rgb.dtype != np.uint8 or rgb.shape != (frame.height, frame.width, 3):
        raise UsageError(
            f"expected ({frame.height}, {frame.width}, 3) uint8 for this frame, got {rgb.shape} {rgb.dtype}"
        )
    data = np.zeros(frame.row_stride * frame.rows, np.uint8)
    rows = _rows(data, frame)
    if LAYOUTS[frame.layout].yuv:
        _to_yuv(rgb, *_YUV_PLANES[frame.layout](rows, frame), frame)
    else:
        step = LAYOUTS[frame.layout].bytes_per_pixel
        for channel in range(3):
            rows[:, _offset(frame, channel) :: step] = rgb[..., channel]
        if step == 4:
            rows[:, 3::4] = 255
    return data.tobytes()


@lru_cache
def coefficients(matrix: str, range: str) -> tuple[int, int, int, int, int]:
    """Return the integers that multiply d (all channels), v (R), u (G), v (G) and u (B), see the module."""
    kr, kb = MATRICES[matrix]
    kg = 1 - kr - kb
    light, colour = _scales(range)
    red, blue = 2 * (1 - kr) * colour, 2 * (1 - kb) * colour
    exact = (light, red, -blue * kb / kg, -red * kr / kg, blue)
    light_, red_, green_u, green_v, blue_ = map(_fixed, exact)
    return light_, red_, green_u, green_v, blue_


def _rows(data: Buffer, frame: FrameFormat) -> Levels:
    """Return a view (rows, bytes of a row) of the buffer."""
    flat = np.frombuffer(data, np.uint8)
    if flat.size < frame.size:
        raise UsageError(
            f"a {frame.width}×{frame.height} {frame.layout} frame with a stride of {frame.row_stride} has "
            f"{frame.size} bytes, got {flat.size}: the buffer is cut off, or its format is another"
        )
    rows: Levels = np.ndarray((frame.rows, frame.row_bytes), np.uint8, flat, 0, (frame.row_stride, 1))
    return rows


def _offset(frame: FrameFormat, channel: int) -> int:
    return channel if frame.layout == "rgb" else 2 - channel


def _nv12_planes(rows: Levels, frame: FrameFormat) -> tuple[Levels, Levels, Levels]:
    return rows[: frame.height], rows[frame.height :, ::2], rows[frame.height :, 1::2]


def _yuyv_planes(rows: Levels, frame: FrameFormat) -> tuple[Levels, Levels, Levels]:
    return rows[:, ::2], rows[:, 1::4], rows[:, 3::4]


_YUV_PLANES: dict[str, Callable[[Levels, FrameFormat], tuple[Levels, Levels, Levels]]] = {
    "nv12": _nv12_planes,
    "yuyv": _yuyv_planes,
}
"""Views of Y, Cb and Cr."""


def _from_yuv(luma: Levels, cb: Levels, cr: Levels, out: Levels, frame: FrameFormat) -> None:
    down, across = LAYOUTS[frame.layout].block
    light, red_v, green_u, green_v, blue_u = _tables(frame.matrix, frame.range)
    step = max(1, CACHED // frame.width) * down
    for top in range(0, frame.height, step):
        rows, blocks = slice(top, top + step), slice(top // down, (top + step) // down)
        bright = light[luma[rows]]
        u, v = cb[blocks], cr[blocks]
        for channel, colour in enumerate((red_v[v], green_u[u] + green_v[v], blue_u[u])):
            values = bright.reshape(colour.shape[0], down, colour.shape[1], across) + colour[:, None, :, None]
            np.right_shift(values, SHIFT, out=values)
            np.clip(values, 0, 255, out=values)
            np.copyto(out[rows, :, channel], values.reshape(bright.shape), casting="unsafe")


def _to_yuv(rgb: Levels, luma: Levels, cb: Levels, cr: Levels, frame: FrameFormat) -> None:
    (down, across), offset = LAYOUTS[frame.layout].block, _offset_of_luma(frame.range)
    for_luma, for_cb, for_cr = _forward(frame.matrix, frame.range)
    shape = (frame.height // down, down, frame.width // across, across)
    channels = [rgb[..., channel].astype(np.int32) for channel in range(3)]
    sums = [plane.reshape(shape).sum(axis=(1, 3), dtype=np.int32) for plane in channels]
    bits = SHIFT + (down * across).bit_length() - 1
    for out, planes, weights, shift, zero in (
        (luma, channels, for_luma, SHIFT, offset),
        (cb, sums, for_cb, bits, 128),
        (cr, sums, for_cr, bits, 128),
    ):
        values = sum((plane * weight for plane, weight in zip(planes, weights, strict=True)), np.int32(0))
        values = (values + np.int32(1 << (shift - 1)) >> shift) + zero
        np.copyto(out, np.clip(values, 0, 255), casting="unsafe")


@lru_cache
def _tables(matrix: str, range: str) -> tuple[NDArray[np.int32], ...]:
    """Return, by level, the products of `coefficients`; the first with half a unit added."""
    light, *colours = coefficients(matrix, range)
    levels = np.arange(256, dtype=np.int32)
    bright = (levels - _offset_of_luma(range)) * np.int32(light) + np.int32(1 << (SHIFT - 1))
    return (bright, *((levels - 128) * np.int32(colour) for colour in colours))


@lru_cache
def _forward(matrix: str, range: str) -> tuple[tuple[int, ...], ...]:
    """Return the integers that multiply R, G and B for Y, Cb and Cr; grey gives no colour at all."""
    kr, kb = MATRICES[matrix]
    light, colour = _scales(range)
    luma = tuple(_fixed(k / light) for k in (kr, 1 - kr - kb, kb))
    own = _fixed(1 / (2 * colour))
    red_in_cb, blue_in_cr = _fixed(-kr / (2 * (1 - kb)) / colour), _fixed(-kb / (2 * (1 - kr)) / colour)
    cb = (red_in_cb, -red_in_cb - own, own)
    cr = (own, -own - blue_in_cr, blue_in_cr)
    return luma, cb, cr


def _scales(range: str) -> tuple[Fraction, Fraction]:
    return (Fraction(1), Fraction(1)) if range == "full" else (Fraction(255, 219), Fraction(255, 224))


def _offset_of_luma(range: str) -> int:
    return 0 if range == "full" else 16


def _fixed(value: Any) -> int:
    return int((value * 2**SHIFT + Fraction(1, 2)) // 1)
