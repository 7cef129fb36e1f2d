"""PyTorch with a number of threads of its own."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from restorect_edge.utils.locks import ForkLock
from restorect_edge.utils.pool import cores

__all__ = ["TorchThreads"]

P = ParamSpec("P")
T = TypeVar("T")


class TorchThreads:
    """Calls functions that use PyTorch, with that many threads, which nobody else notices.

    PyTorch has one number of threads for each thread that calls it, and one that new threads begin with. A
    context that sets it and sets it back in the caller's thread meets that of another caller, so where the
    number is not the caller's own, functions run in threads that were given it once and for all.

    In a forked process they run in threads of their own anyway: OpenMP goes on to wait for the workers of
    a thread that forked, which are gone, but a new thread gets new ones.

    Args:
        count: threads of one call, 1 or more; None is as many as the caller has.
    """

    def __init__(self, count: int | None) -> None:
        import torch

        here = torch.get_num_threads()
        own = None if count in (None, here) else count
        at_once = max(1, cores() // (count or here))  # more would only take the CPUs from each other
        self._turns = threading.Semaphore(at_once)
        self._workers: ThreadPoolExecutor | None = None
        if own is not None or _forked:
            self._workers = ThreadPoolExecutor(
                at_once, thread_name_prefix="restorect-torch", initializer=_take_threads, initargs=(own,)
            )

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function gives, or raise what it raises."""
        if self._workers is None:
            with self._turns:
                return function(*args, **kwargs)
        return self._workers.submit(function, *args, **kwargs).result()

    def close(self) -> None:
        """End the threads."""
        if self._workers is not None:
            self._workers.shutdown()


def _take_threads(count: int | None) -> None:
    """Give this thread a number of threads, and leave as it was the number that new threads begin with."""
    if count is None:
        return
    import torch

    with _lock:
        beginning = _in_a_new_thread(torch.get_num_threads)
        torch.get_num_threads()  # at its first use a thread takes the common number, even over its own
        torch.set_num_threads(count)
        _in_a_new_thread(lambda: torch.set_num_threads(beginning))


def _in_a_new_thread(function: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as one:
        return one.submit(function).result()


_lock = ForkLock()
_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
