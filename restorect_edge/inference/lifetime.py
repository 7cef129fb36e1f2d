"""From loading a runtime to closing it: which calls run, and in which process."""

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from restorect_edge.errors import BackendError

__all__ = ["Lifetime"]


class Lifetime:
    """Counts the calls of a runtime, so that closing waits for them, and refuses those of a forked process.

    Threads do not survive a fork, only the one that forks does: a backend's pool would wait for ever for
    its workers.

    Args:
        what: the runtime, for messages.
        resources: what the backend holds; a forked process keeps it for good, since destroying it would
            wait for those threads too.
    """

    def __init__(self, what: str, resources: object) -> None:
        self._what, self._resources = what, resources
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._running = 0
        self._own = threading.local()
        self._closed = False
        _LIVE.add(self)

    def check(self) -> None:
        """Raise `BackendError` in a process that was forked after loading, or after closing."""
        if self._forked:
            raise BackendError(
                f"{self._what} was loaded in process {self._process}, and a forked process such as this one, "
                f"{os.getpid()}, has none of its threads; load it again here, or start processes by "
                "multiprocessing's 'spawn'"
            )
        if self._closed:
            raise BackendError(f"{self._what} is closed; load it again")

    @property
    def _forked(self) -> bool:
        return os.getpid() != self._process

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold the resources for a call.

        Raises:
            BackendError: as `check`.
        """
        self.check()  # before the lock, which a thread that is not in this process may hold
        with self._changed:
            self.check()
            self._running += 1
        self._own.calls = self._calls + 1
        try:
            yield
        finally:
            self._own.calls -= 1
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @property
    def _calls(self) -> int:
        """How many of the running calls are this thread's, which cannot wait for itself."""
        return getattr(self._own, "calls", 0)

    def close(self, release: Callable[[], None]) -> None:
        """Refuse new calls, wait for those of other threads, and release the resources.

        Args:
            release: lets go of them; nothing happens at a second time.
        """
        if self._forked:
            return
        with self._changed:
            self._closed = True
            # a signal's handler may close in the middle of this thread's own call
            self._changed.wait_for(lambda: self._running <= self._calls)
            if not self._running:
                release()


_LIVE: "weakref.WeakSet[Lifetime]" = weakref.WeakSet()


def _keep_for_good() -> None:
    """Keep what the parent loaded from being destroyed here, even when the interpreter ends."""
    for lifetime in _LIVE:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(lifetime._resources))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_for_good)
