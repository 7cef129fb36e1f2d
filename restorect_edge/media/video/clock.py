"""Times from any clock made to rise: what containers and cameras write is often not what a player needs.

Two steps, as in FFmpeg's own tools. `Clock` joins the clocks of all streams of a file where they jump, and
starts them at 0. `Timeline` gives every decoded frame a time after the one before.
"""

from collections import deque
from fractions import Fraction

__all__ = ["Clock", "Timeline"]

BACKWARD = Fraction(1, 10)
"""Seconds that packets of a stream may go back before it counts as another clock."""
FORWARD = Fraction(10)
"""Seconds that a transport stream may leave out before it counts as another clock."""
NUDGE = Fraction(1, 4)
"""Share of a frame's duration between two frames that have the same time."""


class Clock:
    """One clock for all streams of a file, starting at 0.

    Where the file's clock jumps, each stream meets the jump at a packet of its own; the first one decides by
    how much times are moved from there on, so that all streams stay in step.

    Args:
        start: seconds at which the file starts by its own clock.
        jumps: whether large steps forward are jumps of the clock (transport streams) rather than pauses.
    """

    def __init__(self, start: Fraction, *, jumps: bool) -> None:
        self._offsets = [-start]
        self._jumps = jumps
        self._next: dict[int, Fraction] = {}
        self._part: dict[int, int] = {}

    @property
    def joints(self) -> int:
        """How often the clock jumped."""
        return len(self._offsets) - 1

    def offset(self, stream: int, time: Fraction, duration: Fraction) -> Fraction:
        """Return what to add to the times of a stream's next packet, in seconds.

        Args:
            stream: index.
            time: when it is to be decoded, or shown if that is not known, by the file's clock.
            duration: of the packet.
        """
        # a stream that starts late has the clock that the others have by then
        part = self._part.setdefault(stream, self.joints)
        expected = self._next.get(stream)
        if expected is not None:
            step = time + self._offsets[part] - expected
            if step < -BACKWARD - duration or (self._jumps and step > FORWARD):
                # the first stream at a jump decides; others meet it later and are moved by as much
                if part == self.joints:
                    self._offsets.append(self._offsets[part] - step)
                self._part[stream] = part = part + 1
        self._next[stream] = time + self._offsets[part] + duration
        return self._offsets[part]

    def untimed(self, stream: int, duration: Fraction) -> Fraction:
        """Return what to add to the times of a packet that does not say when it is to be decoded.

        MPEG program streams have such packets between those with a time, Matroska before the first one.

        Args:
            stream: index.
            duration: of the packet, in seconds; 0 where it is not known.
        """
        if stream in self._next:
            self._next[stream] += duration
        return self._offsets[self._part.get(stream, self.joints)]


class Timeline:
    """Times of decoded frames, in seconds, each after the one before.

    Args:
        duration: seconds from a frame to the next where neither says.
        in_decoding_order: the container has no presentation times (AVI), only those of packets as they are
            decoded: the first frame shown gets the first packet's.
    """

    def __init__(self, duration: Fraction, *, in_decoding_order: bool) -> None:
        self.repaired = 0
        """How many frames had no time, or one that did not rise."""
        self._duration = duration
        self._queue: deque[Fraction] | None = deque() if in_decoding_order else None
        self._last: Fraction | None = None
        self._last_pts: Fraction | None = None
        self._last_dts: Fraction | None = None
        self._faulty_pts = self._faulty_dts = 0

    def packet(self, dts: Fraction | None) -> None:
        """Take note of a packet that goes to the decoder."""
        if self._queue is not None and dts is not None:
            self._queue.append(dts)

    def lost(self) -> None:
        """Take note of a packet that gave no frame."""
        if self._queue:
            # frames and packets' times must stay in step
            self._queue.popleft()

    def next(self, pts: Fraction | None, dts: Fraction | None, duration: Fraction) -> Fraction:
        """Return the time of the next frame in the order shown.

        Args:
            pts: its presentation time, as the container has it.
            dts: when the packet that completed it was to be decoded.
            duration: of the frame; 0 where it is not known.
        """
        step = duration or self._duration
        found = self._guess(pts, dts)
        if found is None:
            found = Fraction(0) if self._last is None else self._last + step
            self.repaired += 1
        # far less than a frame, so that a right time that follows is still later
        elif self._last is not None and found <= self._last:
            found = self._last + step * NUDGE
            self.repaired += 1
        self._last = found
        return found

    def _guess(self, pts: Fraction | None, dts: Fraction | None) -> Fraction | None:
        """Trust whichever of the two clocks was wrong less often, as FFmpeg's best effort does."""
        if self._queue is not None:
            return self._queue.popleft() if self._queue else None
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
            if dts is None or self._faulty_pts <= self._faulty_dts:
                return pts
        # a time that does not rise is no better than none: `next` counts on instead
        return dts if self._last is None or dts is None or dts > self._last else None
