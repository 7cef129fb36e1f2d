"""Locks that outlive a fork."""

import os
import threading

__all__ = ["ForkLock"]


class ForkLock:
    """A lock for a module's own state: free in a forked process, whichever thread held it before.

    A lock that another thread held during the fork would stay locked for good, for that thread is not in
    the new process. Use it as a context manager; the thread that holds it may take it again.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
