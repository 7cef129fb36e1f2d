"""How cameras lay out pixels in a buffer: one table, the same as `spec/frames/formats.json`.

Names are those that FFmpeg, GStreamer and WebCodecs use, in lower case. A frame has one to three planes, each
with rows of its own. A channel is found by its plane, by the byte of its first sample there and by the bytes
from one sample to the next.
"""

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["ALIASES", "LAYOUTS", "Channel", "Layout", "PlaneShape"]


class PlaneShape(NamedTuple):
    """Rows of a plane: `bytes` for each `across` pixels of a row, a row for each `down` rows of pixels."""

    bytes: int
    across: int = 1
    down: int = 1


class Channel(NamedTuple):
    """Where the samples of a channel are within the rows of its plane, in bytes."""

    plane: int
    offset: int
    step: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How pixels lie in a buffer."""

    color: str
    """``rgb``, ``yuv`` or ``gray``."""
    planes: tuple[PlaneShape, ...]
    channels: tuple[Channel, ...]
    """R, G and B; Y, Cb and Cr; or gray alone."""
    block: tuple[int, int] = (1, 1)
    """(rows, columns) of pixels that a chroma sample stands for; sides are multiples of it."""
    alpha: int | None = None
    """Byte of alpha (or of what is unused) in a pixel: ignored when read, 255 when written."""
    bits: int = 8
    """Of a sample; one of more than 8 bits is a little-endian word of two bytes."""
    shift: int = 0
    """From a word to its 8 most significant bits: (word + half) >> shift, at most 255."""

    @property
    def yuv(self) -> bool:
        """Whether a matrix and a range belong to it."""
        return self.color == "yuv"


def _packed(order: str) -> Layout:
    """Return a layout of one byte a channel, in this order."""
    step = len(order)
    alpha = next((order.index(letter) for letter in "ax" if letter in order), None)
    channels = tuple(Channel(0, order.index(letter), step) for letter in "rgb")
    return Layout("rgb", (PlaneShape(step),), channels, alpha=alpha)


def _semi_planar(
    first: str, down: int, across: int, *, size: int = 1, bits: int = 8, shift: int = 0
) -> Layout:
    """Return a layout of a plane of Y and one of pairs, ``first`` being ``u`` (Cb) or ``v``."""
    planes = PlaneShape(size), PlaneShape(2 * size, across, down)
    u, v = (0, size) if first == "u" else (size, 0)
    channels = Channel(0, 0, size), Channel(1, u, 2 * size), Channel(1, v, 2 * size)
    return Layout("yuv", planes, channels, (down, across), bits=bits, shift=shift)


def _planar(down: int, across: int, *, u: int = 1, size: int = 1, bits: int = 8, shift: int = 0) -> Layout:
    """Return a layout of three planes, that of Cb being the `u`-th."""
    chroma = PlaneShape(size, across, down)
    channels = Channel(0, 0, size), Channel(u, 0, size), Channel(3 - u, 0, size)
    planes = PlaneShape(size), chroma, chroma
    return Layout("yuv", planes, channels, (down, across), bits=bits, shift=shift)


def _interleaved(order: str) -> Layout:
    """Return a 4:2:2 layout of one plane, such as ``yuyv``."""
    channels = (
        Channel(0, order.index("y"), 2),
        Channel(0, order.index("u"), 4),
        Channel(0, order.index("v"), 4),
    )
    return Layout("yuv", (PlaneShape(4, 2),), channels, (1, 2))


LAYOUTS = {
    **{name: _packed(name) for name in ("rgb", "bgr", "bgra")},
    "nv12": _semi_planar("u", 2, 2),
    "yuyv": _interleaved("yuyv"),
    **{name: _packed(name) for name in ("rgba", "argb", "abgr", "rgbx", "bgrx", "xrgb", "xbgr")},
    "gray8": Layout("gray", (PlaneShape(1),), (Channel(0, 0, 1),)),
    "nv21": _semi_planar("v", 2, 2),
    "nv16": _semi_planar("u", 1, 2),
    "nv61": _semi_planar("v", 1, 2),
    "nv24": _semi_planar("u", 1, 1),
    "i420": _planar(2, 2),
    "yv12": _planar(2, 2, u=2),
    "i422": _planar(1, 2),
    "i444": _planar(1, 1),
    **{name: _interleaved(name) for name in ("uyvy", "yvyu", "vyuy")},
    "p010": _semi_planar("u", 2, 2, size=2, bits=10, shift=8),
    "i420p10": _planar(2, 2, size=2, bits=10, shift=2),
}
"""By name, in the order of the C interface's numbers. ``p010`` has its 10 bits at the top of each word,
``i420p10`` at the bottom. ``gray8``: levels as they are, R = G = B."""
ALIASES = {
    "yuy2": "yuyv",
    "gray": "gray8",
    "grey": "gray8",
    "yuv420p": "i420",
    "yuv422p": "i422",
    "yuv444p": "i444",
    "p010le": "p010",
    "yuv420p10le": "i420p10",
}
"""Other names of the same bytes."""
