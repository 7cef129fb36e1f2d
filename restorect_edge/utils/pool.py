"""Things that several threads use in turns."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Generic, TypeVar

__all__ = ["Pool", "cores"]

T = TypeVar("T")

KEPT = 8
"""Things of a pool without a limit that lie idle at most."""


class Pool(Generic[T]):
    """Lends things that one thread at a time may use, and makes one more where all are lent.

    Args:
        make: returns a new one; called in the thread that borrows.
        most: how many there are at once, 1 or more: who finds them all lent waits. None is no limit.
    """

    def __init__(self, make: Callable[[], T], *, most: int | None = None) -> None:
        self._make = make
        self._idle: list[T] = []
        self._kept = most or KEPT
        self._turn: AbstractContextManager[object] = threading.Semaphore(most) if most else nullcontext()

    @contextmanager
    def lend(self) -> Iterator[T]:
        """Lend one until the context ends."""
        with self._turn:
            try:
                # the last one given back is warm in the caches; popping a list needs no lock
                item = self._idle.pop()
            except IndexError:
                item = self._make()
            try:
                yield item
            finally:
                if len(self._idle) < self._kept:
                    self._idle.append(item)

    def clear(self) -> None:
        """Forget those that are not lent."""
        self._idle.clear()


def cores() -> int:
    """Return how many CPUs this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
