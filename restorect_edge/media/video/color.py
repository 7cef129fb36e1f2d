"""Decoded frames to RGB and back, in the matrix, range and depth that a stream names."""

import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import UsageError
from restorect_edge.media.frames import MATRICES as OWN_MATRICES
from restorect_edge.media.frames import FrameFormat, from_rgb, to_rgb
from restorect_edge.media.video.library import pyav

__all__ = ["NUMBERS", "Color", "color_of", "encoded", "has_alpha", "is_transparent", "matrix_of", "rgb_of"]

HD = 720
"""Rows from which a stream that names no matrix is BT.709."""
MATRICES = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
"""By FFmpeg's number; the FCC's of 1953 differs from BT.601 by less than a level."""
NUMBERS = {"bt709": 1, "bt601": 6, "smpte240m": 7, "bt2020": 9}
WEIGHTS = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "smpte240m": (0.212, 0.087),
    "bt2020": (0.2627, 0.0593),
}
"""Shares of red and blue in luma, Kr and Kb."""
SCALES = {True: (0, 255, 255), False: (16, 219, 224)}
"""By whether the range is full: black, and the extents of luma and chroma, of 8 bits."""
UNKNOWN = {0, 2, 3}
"""Numbers that say RGB, or nothing."""
NAMES = {
    8: "YCgCo",
    10: "BT.2020 constant luminance",
    11: "SMPTE 2085",
    12: "chromaticity-derived",
    13: "chromaticity-derived constant luminance",
    14: "ICtCp",
}
PQ, HLG = 16, 18
TRANSFERS = {PQ: "PQ", HLG: "HLG"}
"""Transfer characteristics that make a video HDR, by FFmpeg's number."""
BT2020 = 9
"""Number of the primaries."""
UNSPECIFIED = 2
LAYOUTS = {"yuv420p": "nv12", "yuvj420p": "nv12", "nv12": "nv12", "yuyv422": "yuyv"}
FULL, LIMITED = 2, 1

Pixels: TypeAlias = NDArray[Any]
"""(H, W, 3) uint8, or float32 in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Color:
    """How a frame's numbers stand for colors."""

    matrix: str
    """One of `NUMBERS`."""
    full: bool
    """Whether levels go from 0 to 255, rather than from 16 to 235."""
    transfer: int = UNSPECIFIED
    """FFmpeg's number, which is ITU-T H.273's; so is that of the primaries."""
    primaries: int = UNSPECIFIED
    depth: int = 8
    """Bits per channel."""

    @property
    def hdr(self) -> str:
        """``PQ`` or ``HLG``; empty for SDR."""
        return TRANSFERS.get(self.transfer, "")

    @property
    def range_number(self) -> int:
        """FFmpeg's number of the range."""
        return FULL if self.full else LIMITED


def color_of(frame: Any) -> Color:
    """Return the colors of a decoded frame.

    Raises:
        UsageError: a matrix that cannot be converted.
    """
    primaries = int(frame.color_primaries)
    components = frame.format.components
    return Color(
        matrix=matrix_of(int(frame.colorspace), primaries, frame.height),
        full=int(frame.color_range) == FULL or frame.format.name.startswith("yuvj"),
        transfer=int(frame.color_trc),
        primaries=primaries,
        depth=max((component.bits for component in components), default=8),
    )


def matrix_of(coefficients: int, primaries: int, rows: int) -> str:
    """Return the matrix of a frame by what its stream says, as ``spec/frames`` has the rule.

    Args:
        coefficients: of the matrix, by ITU-T H.273's code, which is FFmpeg's too; 2 where it says nothing.
        primaries: by its code of the primaries.
        rows: of the frame, before it is turned.

    Raises:
        UsageError: a matrix that cannot be converted.
    """
    if coefficients in MATRICES:
        return MATRICES[coefficients]
    if coefficients not in UNKNOWN:
        name = NAMES.get(coefficients, f"matrix {coefficients}")
        raise UsageError(
            f"the video's colors are {name}, which is not converted here; "
            "convert it to BT.709 first: ffmpeg -i IN -vf scale=out_color_matrix=bt709 OUT.mkv"
        )
    return "bt2020" if primaries == BT2020 else "bt709" if rows >= HD else "bt601"


def has_alpha(frame: Any) -> bool:
    """Whether the frame's format has transparency."""
    return any(component.is_alpha for component in frame.format.components)


def is_transparent(frame: Any) -> bool:
    """Whether any pixel of a frame with alpha is not opaque."""
    return int(frame.to_ndarray(format="rgba")[..., 3].min()) < 255


def rgb_of(frame: Any, color: Color) -> Pixels:
    """Return a decoded frame as RGB (H, W, 3), turned as the video says.

    Chroma of 4:2:0 and 4:2:2 in 8 bits is repeated, as `media.frames` says; FFmpeg interpolates that of
    others.

    Args:
        frame: PyAV's.
        color: as `color_of` returns it, or what the caller knows better.

    Returns:
        uint8; of more than 8 bits float32 in [0, 1].
    """
    layout = LAYOUTS.get(frame.format.name) if color.matrix in OWN_MATRICES else None
    if layout is not None and frame.width % 2 == 0 and frame.height % 2 == 0:
        levels = "full" if color.full else "limited"
        shape = FrameFormat(
            layout=layout, width=frame.width, height=frame.height, matrix=color.matrix, range=levels
        )
        rgb: Any = to_rgb(_packed(frame), shape)
    # p0…, p2… and p4… are NV12, NV16 and NV24 of more than 8 bits
    elif frame.format.name.startswith(("yuv", "nv", "p0", "p2", "p4")):
        rgb = _from_yuv(frame, color)
    elif color.depth > 8:
        rgb = frame.to_ndarray(format="rgb48le") / np.float32(65535)
    else:
        rgb = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(_turned(rgb, frame))


def _turned(rgb: Pixels, frame: Any) -> Pixels:
    """Turn and mirror pixels as the frame's display matrix says, to the nearest quarter."""
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return rgb
    # the third number belongs to the perspective, which turns nothing
    a, b, _, c, d = struct.unpack_from("=5i", bytes(found))
    across, down = (a, d) if abs(a) >= abs(b) else (c, b)  # of x and y as shown
    view = rgb if abs(a) >= abs(b) else rgb.swapaxes(0, 1)
    return view[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _from_yuv(frame: Any, color: Color) -> Pixels:
    """Convert Y'CbCr of any layout in floating point; 8 bits are rounded to 8."""
    deep, number = color.depth > 8, color.range_number
    # both ranges are given, or FFmpeg would stretch limited levels to full ones
    whole = frame.reformat(
        format="yuv444p16le" if deep else "yuv444p", src_color_range=number, dst_color_range=number
    )
    # Y'CbCr of 16 bits is that of 8 shifted by 8: one level is 256 of its
    kind, white = (np.uint16, 65536 / 256) if deep else (np.uint8, 1)
    y, cb, cr = (_plane(plane, kind) / np.float32(white) for plane in whole.planes)
    (kr, kb), (low, of_luma, of_chroma) = WEIGHTS[color.matrix], SCALES[color.full]
    y, cb, cr = (y - low) / of_luma, (cb - 128) / of_chroma, (cr - 128) / of_chroma
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    rgb = np.stack([red, (y - kr * red - kb * blue) / (1 - kr - kb), blue], axis=-1)
    values: Pixels = np.clip(rgb, 0, 1).astype(np.float32)
    return values if deep else _levels(values)


def _packed(frame: Any) -> NDArray[np.uint8]:
    """Return the bytes of a 4:2:0 frame as NV12, and of any other as they are, without padding."""
    if frame.format.name in ("nv12", "yuyv422"):
        return np.ascontiguousarray(frame.to_ndarray()).reshape(-1)
    luma, cb, cr = (_plane(plane, np.uint8) for plane in frame.planes)
    return np.concatenate([luma.reshape(-1), np.stack([cb, cr], axis=-1).reshape(-1)])


def _plane(plane: Any, kind: Any) -> NDArray[Any]:
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:, : plane.width]


def encoded(rgb: Pixels, color: Color, pix_fmt: str) -> Any:
    """Return RGB as a frame to encode; sides are even where the format shares chroma samples.

    Args:
        rgb: (H, W, 3) uint8, or float32 in [0, 1].
        color: how to code it.
        pix_fmt: ``yuv420p``, ``yuv420p10le`` or ``yuv422p10le``.
    """
    if pix_fmt == "yuv420p" and color.matrix in OWN_MATRICES:
        frame = _planar(_levels(rgb), color)
    else:
        frame = _to_yuv(rgb, color, pix_fmt)
    frame.colorspace, frame.color_range = NUMBERS[color.matrix], color.range_number
    frame.color_trc, frame.color_primaries = color.transfer, color.primaries
    return frame


def _to_yuv(rgb: Pixels, color: Color, pix_fmt: str) -> Any:
    """Convert to planar Y'CbCr in floating point; a chroma sample is the mean of its block."""
    values = rgb / np.float32(255) if rgb.dtype == np.uint8 else rgb
    (kr, kb), (low, of_luma, of_chroma) = WEIGHTS[color.matrix], SCALES[color.full]
    red, green, blue = np.moveaxis(values, -1, 0)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    # columns are always in pairs, rows in 4:2:0 alone
    down = 2 if "420" in pix_fmt else 1
    # by these divisors Cb and Cr reach from -1/2 to 1/2, whatever the matrix
    chroma = ((blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr))
    blocks = (c.reshape(c.shape[0] // down, down, c.shape[1] // 2, 2).mean(axis=(1, 3)) for c in chroma)
    frame = pyav().VideoFrame(rgb.shape[1], rgb.shape[0], pix_fmt)
    # a level of 8 bits is four of 10 bits, at black and white too
    scale, kind = (4, np.uint16) if "10" in pix_fmt else (1, np.uint8)
    planes = [low + of_luma * y, *(128 + of_chroma * c for c in blocks)]
    for plane, samples in zip(frame.planes, planes, strict=True):
        # FFmpeg aligns rows, which are longer than the picture then
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, : plane.width] = np.clip(np.rint(samples * scale), 0, 256 * scale - 1)
        plane.update(rows.tobytes())
    return frame


def _planar(rgb: NDArray[np.uint8], color: Color) -> Any:
    height, width = rgb.shape[:2]
    levels = "full" if color.full else "limited"
    shape = FrameFormat(layout="nv12", width=width, height=height, matrix=color.matrix, range=levels)
    data = np.frombuffer(from_rgb(rgb, shape), np.uint8)
    chroma = data[height * width :].reshape(-1, 2)
    planar = np.concatenate([data[: height * width], chroma[:, 0], chroma[:, 1]])
    return pyav().VideoFrame.from_ndarray(planar.reshape(-1, width), format="yuv420p")


def _levels(rgb: Pixels) -> NDArray[np.uint8]:
    if rgb.dtype == np.uint8:
        return rgb
    levels: NDArray[np.uint8] = np.rint(rgb * np.float32(255)).astype(np.uint8)
    return levels
