"""Several frames of a video restored side by side, in order as far as one depends on another."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np

from restorect_edge.errors import BackendError
from restorect_edge.media.images import ImageLike

__all__ = ["Ahead", "Gate", "Place"]

T = TypeVar("T")
Task = Callable[[], T]


class Gate:
    """Lets numbered frames through one at a time, in the order of their numbers."""

    def __init__(self) -> None:
        self._next = 0
        self._changed = threading.Condition()

    def wait(self, number: int) -> None:
        """Wait until all frames before it are through."""
        with self._changed:
            self._changed.wait_for(lambda: self._next >= number)

    def leave(self, number: int) -> None:
        """Let the next one through; a frame that left before changes nothing."""
        with self._changed:
            self._next = max(self._next, number + 1)
            self._changed.notify_all()


class Place:
    """A frame's place in the order of its video.

    Args:
        number: from 0, without a gap.
        gates: that every frame goes through, whether it is restored or fails.
    """

    def __init__(self, number: int, *gates: Gate) -> None:
        self.number, self._gates = number, gates
        self.anew = False
        """Whether a scene begins with it, which the last of the gates has not been told yet."""

    @contextmanager
    def inside(self, gate: Gate) -> Iterator[None]:
        """Go through a gate once the frames before it have, and hold it until the context ends."""
        gate.wait(self.number)
        try:
            yield
        finally:
            gate.leave(self.number)

    def end(self) -> None:
        """Go through the gates that are left, so that no later frame waits for this one."""
        for gate in self._gates:
            gate.wait(self.number)
            gate.leave(self.number)


class Ahead(Iterator[T], Generic[T]):
    """Restore frames side by side and hand them over in order.

    One frame more than are restored at once is read ahead, and no more of them are in memory. Arrays are
    copied, since a source may write its next frame where the last one was. An exception of the source is
    raised after the frames before it.

    Args:
        frames: asked in the thread that asks for a result.
        begin: given a frame, in order, returns what restores it, which a thread of the pool calls.
        count: how many are restored at once.
    """

    def __init__(
        self, frames: Iterator[ImageLike], begin: Callable[[ImageLike], Task[T]], count: int
    ) -> None:
        self._frames, self._begin, self._most = frames, begin, count + 1
        self._waiting: deque[Future[T]] = deque()
        self._pool = ThreadPoolExecutor(count, "restorect-lane")
        self._process = os.getpid()
        self._ended = False

    def __next__(self) -> T:
        if os.getpid() != self._process:
            raise BackendError(
                f"process {self._process} restores these frames, and a forked process such as this one, "
                f"{os.getpid()}, has none of its threads; open the stream here"
            )
        while not self._ended and len(self._waiting) < self._most:
            self._read()
        if not self._waiting:
            raise StopIteration
        try:
            return self._waiting.popleft().result()
        except CancelledError:  # closed by another thread
            raise StopIteration from None

    def _read(self) -> None:
        try:
            frame = next(self._frames)
        except StopIteration:
            self._ended = True
        except Exception as error:
            self._ended = True
            failed: Future[T] = Future()
            failed.set_exception(error)
            self._waiting.append(failed)
        else:
            if not self._ended:
                own = frame.copy() if isinstance(frame, np.ndarray) else frame
                self._waiting.append(self._pool.submit(self._begin(own)))

    def close(self) -> None:
        """Give up the frames that have not begun and wait for those that have."""
        self._ended = True
        self._waiting.clear()
        if os.getpid() == self._process:
            self._pool.shutdown(cancel_futures=True)
