"""A queue between a camera and a network that is slower than it: the oldest frame is dropped."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from restorect_edge.errors import BackendError

__all__ = ["QUEUE", "Latest"]

T = TypeVar("T")

QUEUE = 2
"""Frames that wait at most: one would leave the network idle between two frames of the camera."""


class _Queue(Generic[T]):
    """What both threads know; the reading thread must not keep the `Latest` itself alive."""

    def __init__(self, length: int) -> None:
        self.items: deque[T] = deque()
        self.length = length
        self.dropped = 0
        self.error: BaseException | None = None
        self.ended = self.stopped = False
        self.changed = threading.Condition()
        self.process = os.getpid()

    @property
    def forked(self) -> bool:
        """Whether this process is a fork, which has no reading thread and may have its lock, locked."""
        return os.getpid() != self.process

    def put(self, item: T) -> None:
        with self.changed:
            if len(self.items) == self.length:
                self.items.popleft()
                self.dropped += 1
            self.items.append(item)
            self.changed.notify()

    def end(self, error: BaseException | None) -> None:
        with self.changed:
            self.ended, self.error = True, error
            self.changed.notify_all()

    def stop(self) -> None:
        if self.forked:
            return
        with self.changed:
            self.stopped = True
            self.items.clear()
            self.changed.notify_all()


class Latest(Generic[T], Iterator[T]):
    """Iterate over `items` from a thread of their own, in order, skipping what comes too fast.

    Use it as a context manager, or `close` it; it closes itself at the end of the items and on errors. An
    exception of the items is raised here, after the items before it. A process that is forked afterwards
    cannot go on with it: that is a `BackendError`.

    Args:
        items: such as the frames of a camera. They are asked for in the other thread.
        length: how many wait at most; one more drops the oldest.
    """

    def __init__(self, items: Iterable[T], *, length: int = QUEUE) -> None:
        self._queue: _Queue[T] = _Queue(length)
        self._thread = threading.Thread(
            target=_fill, args=(self._queue, items), name="restorect-frames", daemon=True
        )
        # bound to the queue: a method of this object would keep it alive
        weakref.finalize(self, self._queue.stop)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many items were dropped so far."""
        return self._queue.dropped

    def __next__(self) -> T:
        queue = self._queue
        if queue.forked:
            raise BackendError(
                f"process {queue.process} reads these frames, and a forked process such as this one, "
                f"{os.getpid()}, has none of its threads; open the source here"
            )
        with queue.changed:
            queue.changed.wait_for(lambda: queue.items or queue.ended or queue.stopped)
            if queue.items:
                return queue.items.popleft()
        self.close()
        # raised once; whoever asks again is at the end
        error, queue.error = queue.error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Stop the thread and wait for it: until the source gives its next item, at the longest."""
        self._queue.stop()
        # the source itself may close it, in that thread
        if not self._queue.forked and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> "Latest[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _fill(queue: _Queue[T], items: Iterable[T]) -> None:
    error = None
    try:
        for item in items:
            if queue.stopped:
                break
            queue.put(item)
    except BaseException as raised:  # it belongs to whoever iterates
        error = raised
    queue.end(error)
