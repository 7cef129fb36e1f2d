"""Camera and video frames: buffers of bytes to (H, W, 3) uint8 RGB, and back.

`layouts` has the table of what a buffer may hold, `ycbcr` the formulas. Samples of 10 bits are rounded to 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import UsageError
from restorect_edge.media.layouts import ALIASES, LAYOUTS, Layout, PlaneShape
from restorect_edge.media.ycbcr import MATRICES, RANGES, SHIFT, coefficients, from_yuv, luma_of, to_yuv

__all__ = [
    "LAYOUTS",
    "MATRICES",
    "RANGES",
    "SHIFT",
    "FrameFormat",
    "Plane",
    "coefficients",
    "from_rgb",
    "to_rgb",
]

Levels: TypeAlias = NDArray[np.uint8]
Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]

PAGE = 4096
"""Bytes to whose multiples kernels round the size of a buffer."""


class Plane(NamedTuple):
    """Where a plane lies in a buffer."""

    offset: int
    """Byte of its first row."""
    stride: int
    """Bytes from a row to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFormat:
    """What a buffer of bytes holds.

    Raises:
        UsageError: unknown names, no pixels, odd sides where chroma needs even ones, or too short a stride or
            slice height.
    """

    layout: str
    """One of `LAYOUTS`, or of `layouts.ALIASES`."""
    width: int
    height: int
    stride: int = 0
    """Bytes from a row of the first plane to the next, from which those of the other planes follow; 0 for
    rows without padding."""
    matrix: str = "bt601"
    """One of `MATRICES`; means nothing for RGB layouts."""
    range: str = "limited"
    """One of `RANGES`; means nothing for RGB and gray layouts."""
    slice_height: int = 0
    """Rows that the first plane has room for, as of decoders that pad 1080 rows to 1088; 0 for `height`."""
    planes: Sequence[Plane | tuple[int, int]] = ()
    """(offset, stride) of each plane, where they follow from neither `stride` nor `slice_height`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", ALIASES.get(self.layout, self.layout))
        for kind, got, known in (
            ("frame layout", self.layout, LAYOUTS),
            ("color matrix", self.matrix, MATRICES),
            ("range", self.range, RANGES),
        ):
            if got not in known:  # without the nearest name: NV12 for NV21 would swap red and blue
                raise UsageError(f"unknown {kind} '{got}'; known: {', '.join(known)}")
        self._check_sides()
        if len(self.planes):
            self._check_given()
        else:
            self._check_stride(self.row_stride, self.row_bytes)

    def _check_sides(self) -> None:
        if self.width < 1 or self.height < 1:
            raise UsageError(
                f"the frame is empty: {self.width}×{self.height} pixels; both sides are at least 1"
            )
        sides = ("height", self.height), ("width", self.width)
        for (side, length), step in zip(sides, self._layout.block, strict=True):
            if length % step:
                raise UsageError(
                    f"every {self.layout} frame has an even {side}, since {step} pixels share a chroma "
                    f"sample, got {self.width}×{self.height}; crop it to {length - 1}"
                )
        if self.slice_height and self.slice_height < self.height:
            raise UsageError(
                f"slice_height is the rows that the buffer has room for, at least the {self.height} of the "
                f"frame, got {self.slice_height}; 0 for rows without padding"
            )

    def _check_given(self) -> None:
        shapes = self._layout.planes
        if self.stride or self.slice_height or len(self.planes) != len(shapes):
            raise UsageError(
                f"planes are (offset, stride) of each of the {len(shapes)} planes of {self.layout}, without "
                f"stride and slice_height; got {len(self.planes)} with a stride of {self.stride} and a "
                f"slice_height of {self.slice_height}"
            )
        for plane, shape in zip(self.places, shapes, strict=True):
            self._check_stride(plane.stride, self._bytes(shape))
            if plane.offset < 0:
                raise UsageError(f"a plane starts at byte 0 of the buffer or later, got {plane.offset}")

    def _check_stride(self, stride: int, needed: int) -> None:
        if stride < needed:
            raise UsageError(
                f"a row of {self.width} {self.layout} pixels has {needed} bytes, got a stride of {stride}; "
                "the stride is at least that, in bytes, or 0 for rows without padding"
            )

    @property
    def _layout(self) -> Layout:
        return LAYOUTS[self.layout]

    def _bytes(self, shape: PlaneShape) -> int:
        return shape.bytes * self.width // shape.across

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of the first plane, without padding."""
        return self._bytes(self._layout.planes[0])

    @property
    def row_stride(self) -> int:
        """Bytes from a row of the first plane to the next."""
        return self.places[0].stride

    @property
    def places(self) -> tuple[Plane, ...]:
        """Where each plane lies: as given, or one after the other."""
        if len(self.planes):
            return tuple(Plane(*plane) for plane in self.planes)
        return self._packed(self.slice_height or self.height)

    def _packed(self, rows: int) -> tuple[Plane, ...]:
        """Return planes one after the other, the first with room for so many rows."""
        first, *_ = self._layout.planes
        stride, planes, offset = self.stride or self._bytes(first), [], 0
        for shape in self._layout.planes:
            # the same pixels fit into a row of each plane
            own = -(-stride * shape.bytes * first.across // (shape.across * first.bytes))
            planes.append(Plane(offset, own))
            offset += own * -(-rows // shape.down)
        return tuple(planes)

    @property
    def size(self) -> int:
        """Bytes that a buffer has at least: padding after the last row may be missing."""
        return max(
            plane.offset + plane.stride * (self.height // shape.down - 1) + self._bytes(shape)
            for plane, shape in zip(self.places, self._layout.planes, strict=True)
        )

    @property
    def full_size(self) -> int:
        """Bytes of a buffer whose last rows are padded too."""
        return self._full(self.places, self.slice_height or self.height)

    def _full(self, places: Sequence[Plane], rows: int) -> int:
        shapes = self._layout.planes
        return max(p.offset + p.stride * -(-rows // s.down) for p, s in zip(places, shapes, strict=True))

    def slices_of(self, size: int) -> int:
        """Return the rows that a larger buffer of `size` bytes would have room for, were they padded; else 0.

        A buffer rounded up to whole pages has none, nor has a layout of one plane, where padding comes last.
        """
        if len(self.planes) or self.slice_height or len(self._layout.planes) == 1:
            return 0
        spare, down = size - self.full_size, self._layout.block[0]
        step = self._full(self._packed(self.height + down), self.height + down) - self.full_size
        if spare <= 0 or spare % step or (spare < PAGE and size % PAGE == 0):
            return 0
        return self.height + spare // step * down


def to_rgb(data: Buffer, frame: FrameFormat) -> Levels:
    """Convert a frame to RGB.

    Args:
        data: the bytes; what lies behind the frame's size is ignored, as cameras pad to whole pages.
        frame: what they are.

    Returns:
        (H, W, 3) uint8, the caller's own.

    Raises:
        UsageError: no buffer of bytes, one that is too short, or one that has as many bytes as padded rows
            would give it, where nothing says whether there are any.
    """
    channels = _channels(_bytes(data, frame), frame)
    result = np.empty((frame.height, frame.width, 3), np.uint8)
    layout = LAYOUTS[frame.layout]
    if layout.color == "gray":
        result[...] = channels[0][..., None]
    elif layout.yuv:
        y, cb, cr = (_levels(channel, layout) for channel in channels)
        from_yuv((y, cb, cr), result, layout.block, frame.matrix, frame.range)
    else:
        for index, channel in enumerate(channels):
            result[..., index] = channel
    return result


def from_rgb(rgb: Levels, frame: FrameFormat) -> bytes:
    """Convert RGB to a frame, the padding of its rows zero.

    Args:
        rgb: (H, W, 3) uint8.
        frame: what to make; its sides are those of `rgb`.

    Returns:
        `frame.full_size` bytes.

    Raises:
        UsageError: `rgb` is not such an image.
    """
    if rgb.dtype != np.uint8 or rgb.shape != (frame.height, frame.width, 3):
        raise UsageError(
            f"expected ({frame.height}, {frame.width}, 3) uint8 for this frame, got {rgb.shape} {rgb.dtype}"
        )
    data, layout = np.zeros(frame.full_size, np.uint8), LAYOUTS[frame.layout]
    channels = _channels(data, frame)
    for channel, values in zip(channels, _values(rgb, frame), strict=True):
        # 8 bits become the most significant ones, so that they come back as they were
        channel[...] = values.astype(np.uint16) << layout.shift if layout.bits > 8 else values
    if layout.alpha is not None:
        place, step = frame.places[0], layout.planes[0].bytes
        _view(data, Plane(place.offset + layout.alpha, place.stride), step, (frame.height, frame.width))[
            ...
        ] = 255
    return data.tobytes()


def _values(rgb: Levels, frame: FrameFormat) -> Sequence[Levels]:
    """Return the 8-bit samples of each channel."""
    layout = LAYOUTS[frame.layout]
    if layout.color == "gray":
        return (luma_of(rgb, frame.matrix, "full"),)
    if layout.yuv:
        return to_yuv(rgb, layout.block, frame.matrix, frame.range)
    return [rgb[..., channel] for channel in (0, 1, 2)]


def _levels(samples: NDArray[Any], layout: Layout) -> Levels:
    """Round samples of more than 8 bits to 8, half up."""
    if layout.bits == 8:
        return samples
    half = 1 << (layout.shift - 1)
    # what lies above the last half step would round to 256
    levels: Levels = np.minimum((samples.astype(np.int32) + half) >> layout.shift, 255).astype(np.uint8)
    return levels


def _bytes(data: Buffer, frame: FrameFormat) -> Levels:
    """Return the buffer's bytes, once they can be such a frame's."""
    try:
        flat = np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise UsageError(
            "a frame is bytes, a bytearray, a memoryview or an array, in one piece; "
            f"got {type(data).__name__}: {error}"
        ) from error
    what = f"a {frame.width}×{frame.height} {frame.layout} frame with a stride of {frame.row_stride}"
    if flat.size < frame.size:
        raise UsageError(
            f"{what} has {frame.size} bytes, got {flat.size}: the buffer is cut off, or its format is another"
        )
    if rows := frame.slices_of(flat.size):
        raise UsageError(
            f"{what} has {frame.full_size} bytes, got {flat.size}, which is the size with {rows} rows: give "
            f"slice_height={rows} if rows are padded to that, or slice_height={frame.height} if they are not"
        )
    return flat


def _channels(flat: Levels, frame: FrameFormat) -> list[NDArray[Any]]:
    """Return a view of each channel of the buffer."""
    layout, views = LAYOUTS[frame.layout], []
    for channel in layout.channels:
        shape, place = layout.planes[channel.plane], frame.places[channel.plane]
        # Y of YUYV has a sample for each pixel, though its plane counts pairs of pixels
        across = shape.bytes * frame.width // shape.across // channel.step
        start = Plane(place.offset + channel.offset, place.stride)
        kind = np.uint8 if layout.bits == 8 else np.dtype("<u2")
        views.append(_view(flat, start, channel.step, (frame.height // shape.down, across), kind))
    return views


def _view(
    flat: Levels, start: Plane, step: int, shape: tuple[int, int], kind: Any = np.uint8
) -> NDArray[Any]:
    # strides into the buffer instead of copies: a camera's frame is read once
    view: NDArray[Any] = np.ndarray(shape, kind, flat, start.offset, (start.stride, step))
    return view
