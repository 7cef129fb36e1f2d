"""A video file read: frames with times that rise, the packets of other tracks in step, damage counted."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError
from restorect_edge.media.video.clock import Clock, Timeline
from restorect_edge.media.video.interlace import Deinterlacer
from restorect_edge.media.video.library import pyav

__all__ = ["Reader", "opened", "rate_of"]

USUAL_RATE = Fraction(30)
"""Frames per second of a video that does not say."""
FASTEST = 1000
"""Above it the rate is the clock's, not the frames'."""
EARLY = 25
"""Damaged frames after which a file that has too many is given up."""
MICROSECONDS = 1_000_000
MISSING = Fraction(1, 2)
"""Seconds that a file may end before the length that it states."""


@contextmanager
def opened(name: str) -> Iterator[Any]:
    """Open a video file.

    Raises:
        UsageError: FFmpeg cannot read it.
    """
    av = pyav()
    try:
        container = av.open(name, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UsageError(f"cannot read '{name}' as a video: {_reason(error, name)}") from error
    with container:
        yield container


def _reason(error: Exception, name: str) -> str:
    """Return why a file cannot be opened, beyond FFmpeg's "invalid data" for all that a recorder left."""
    path = Path(name)
    if path.is_file() and not path.stat().st_size:
        return "the file is empty"
    words = str(getattr(error, "strerror", None) or error)
    if not path.is_file():
        return words
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    return (
        f"{words}; an MP4 or MOV without its index, as of a recording that was cut off" if is_mp4 else words
    )


def rate_of(video: Any) -> Fraction:
    """Return a stream's frames per second."""
    for rate in (video.average_rate, video.guessed_rate):
        if rate and 0 < rate <= FASTEST:
            return Fraction(rate)
    return USUAL_RATE


class Reader:
    """Iterate over a file: ``(frame, time)`` for pictures, ``(packet, None)`` for other tracks.

    Args:
        name: of the file, for messages.
        container: opened.
        video: its stream of pictures.
        others: streams whose packets are wanted.
        deinterlace: see `VideoOptions`.
        max_damaged: see `VideoOptions`.
    """

    def __init__(
        self,
        name: str,
        container: Any,
        video: Any,
        others: Sequence[Any],
        *,
        deinterlace: bool,
        max_damaged: float,
    ) -> None:
        self.frames = self.damaged = self.suspect = 0
        self.ended = ""
        """Why the file could not be read to its end; empty if it was."""
        self.cut_off: tuple[float, float] | None = None
        """Seconds that were there, and that the file says it lasts, if it ends well before."""
        self._until = Fraction(0)
        self._name, self._container, self._video, self._others = name, container, video, others
        flags = container.format.flags
        start = Fraction(container.start_time or 0, MICROSECONDS)
        self.clock = Clock(start, jumps=bool(flags & pyav().format.Flags.ts_discont.value))
        in_order = container.format.name == "avi"
        self.timeline = Timeline(1 / rate_of(video), in_decoding_order=in_order)
        self.fields = Deinterlacer()
        self._deinterlace, self._max_damaged = deinterlace, max_damaged

    def __iter__(self) -> Iterator[tuple[Any, Fraction | None]]:
        """Read the file once.

        Raises:
            UsageError: too much of it is damaged.
        """
        for packet in self._packets():
            if packet.stream is not self._video:
                yield packet, None
                continue
            self.suspect += bool(packet.is_corrupt)  # by the container; what decodes is shown all the same
            for frame in self._decoded(packet):
                yield from self._timed(frame)
        for frame, time in self.fields.finish():
            yield frame, time
        self.cut_off = self._cut_off()
        self._check_damage(at_end=True)

    def _cut_off(self) -> tuple[float, float] | None:
        stated = Fraction(self._container.duration or 0, MICROSECONDS)
        start = Fraction(max(0, self._container.start_time or 0), MICROSECONDS)  # Matroska counts it in
        # sound that is not read may be what lasts as long as the file states
        whole = set(self._container.streams.audio) <= set(self._others)
        short = stated - start - self._until > max(MISSING, stated / 50)
        return (float(self._until), float(stated)) if short and whole and not self.clock.joints else None

    def _packets(self) -> Iterator[Any]:
        packets = iter(self._container.demux([self._video, *self._others]))
        while True:
            try:
                packet = next(packets, None)
            except pyav().FFmpegError as error:
                self.ended = error.strerror or str(error)
                packet = None
            if packet is None:
                break
            self._shift(packet)
            yield packet
        if self.ended:
            # frames that the header counts and the demuxer never reached
            self.damaged += max(0, self._video.frames - self.frames - self.damaged)
            yield _FlushPacket(self._video)

    def _shift(self, packet: Any) -> None:
        """Bring a packet's times to the common clock."""
        index, base = packet.stream.index, packet.time_base
        duration = Fraction(packet.duration or 0) * base
        time = packet.dts
        if time is None and not getattr(packet.stream.codec_context, "has_b_frames", False):
            time = packet.pts
        if time is None:  # of reordered pictures pts go back and forth, which is no jump of the clock
            ticks = round(self.clock.untimed(index, duration) / base)
        else:
            ticks = round(self.clock.offset(index, time * base, duration) / base)
        if packet.pts is not None or time is not None:
            shown = packet.pts if packet.pts is not None else time
            self._until = max(self._until, (shown + ticks) * base + duration)
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
        if packet.stream is self._video:
            self.timeline.packet(None if packet.dts is None else packet.dts * base)

    def _decoded(self, packet: Any) -> Iterable[Any]:
        try:
            frames: list[Any] = packet.decode()
        except pyav().FFmpegError:
            self.damaged += 1
            self.timeline.lost()
            self._check_damage(at_end=False)
            return []
        return frames

    def _timed(self, frame: Any) -> Iterator[tuple[Any, Fraction]]:
        if frame.is_corrupt:
            self.damaged += 1
            self.timeline.lost()
            return
        self.frames += 1
        base = frame.time_base or self._video.time_base
        pts, dts = (None if value is None else value * base for value in (frame.pts, frame.dts))
        time = self.timeline.next(pts, dts, Fraction(frame.duration or 0) * base)
        if self._deinterlace:
            yield from self.fields.feed(frame, time)
        else:
            yield frame, time

    def _check_damage(self, *, at_end: bool) -> None:
        if not self.frames and at_end:
            what = "is damaged: it" if self.damaged else "is no whole video: it"
            words = f" ({self.ended})" if self.ended else ""
            raise UsageError(
                f"'{self._name}' {what} holds no frame that can be decoded{words}; is it cut off?"
            )
        whole = self.frames + self.damaged
        if self.damaged > self._max_damaged * whole and (at_end or self.damaged > EARLY):
            raise UsageError(
                f"'{self._name}' is damaged: {self.damaged} of {whole} frames cannot be decoded, more than "
                f"{self._max_damaged:.0%}; --max-damaged 1 restores what there is"
            )


class _FlushPacket:
    """What ends a stream where the demuxer could not."""

    is_corrupt = False

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def decode(self) -> list[Any]:
        frames: list[Any] = self.stream.codec_context.decode(None)
        return frames
