"""Frames of two fields, as television and camcorders record them, made whole by FFmpeg's bwdif."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from restorect_edge.media.video.library import pyav

__all__ = ["Deinterlacer"]

TICK = Fraction(1, 1000)
"""Of the filter's clock, which counts frames."""


class Deinterlacer:
    """Passes frames through, deinterlaced from the first one on that says it is interlaced."""

    def __init__(self) -> None:
        self.used = False
        """Whether a frame was interlaced."""
        self._graph: Any = None
        self._shape: tuple[int, int, str] | None = None
        self._times: dict[int, Fraction] = {}
        self._count = 0

    def feed(self, frame: Any, time: Fraction) -> Iterator[tuple[Any, Fraction]]:
        """Yield the frames that are ready after `frame`, shown at `time` in seconds, each with its own."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame, time
            return
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape:
            yield from self.finish()
            self._open(shape)
        self._times[self._count] = time
        frame.pts, frame.time_base = self._count, TICK
        self._count += 1
        self._graph.push(frame)
        yield from self._pulled()

    def finish(self) -> Iterator[tuple[Any, Fraction]]:
        """Yield what the filter still holds."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled()
            self._graph = None

    def _open(self, shape: tuple[int, int, str]) -> None:
        av = pyav()
        self._graph, self._shape, self.used = av.filter.Graph(), shape, True
        source = self._graph.add_buffer(width=shape[0], height=shape[1], format=shape[2], time_base=TICK)
        # one frame for each (`send_frame`), so that counts and times stay as they are
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def _pulled(self) -> Iterator[tuple[Any, Fraction]]:
        av = pyav()
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield frame, self._times.pop(round(frame.pts * frame.time_base / TICK))
