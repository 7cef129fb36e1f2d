"""Ctrl-C, SIGTERM and SIGHUP end a run alike, and between steps where that matters."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["stoppable", "stopped", "uninterrupted"]


_came = threading.Event()
"""Set once a signal that ends the run has come, in this run of `stoppable`."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    _came.set()
    raise KeyboardInterrupt


STOPS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
"""What schedulers, containers and closed terminals send."""
USUAL = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(STOPS, signal.SIG_DFL)}
"""Handlers that `stoppable` replaces."""
HANDLERS = (signal.default_int_handler, _stop)
"""Signals are held back where one of these handles them."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM, with which schedulers and containers stop a process, and SIGHUP end it as Ctrl-C does.

    Does nothing in other threads than the main one, and leaves alone a signal that something else handles:
    ``nohup``, or a host with a handler of its own.
    """
    usual = USUAL.items() if _in_main_thread() else ()
    ours = {number: handler for number, handler in usual if signal.getsignal(number) is handler}
    if ours:
        _came.clear()
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def stopped() -> bool:
    """Whether a signal came that ends the run, of the last `stoppable`.

    The `KeyboardInterrupt` that it raises can be lost: a library that is in the middle of something may take
    it for a failure of its own.
    """
    return _came.is_set()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back until the block is done, then raise `KeyboardInterrupt`.

    Leaves alone a signal that something else handles: ``nohup``, or a host with a handler of its own. Does
    nothing in other threads than the main one.
    """
    usual = {number: signal.getsignal(number) for number in USUAL if _in_main_thread()}
    held = {number: handler for number, handler in usual.items() if handler in HANDLERS}
    came = threading.Event()
    for number in held:
        signal.signal(number, lambda number, frame: came.set())
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
    if came.is_set():
        _came.set()
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
