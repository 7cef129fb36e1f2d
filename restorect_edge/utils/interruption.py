"""Ctrl-C, SIGTERM and SIGHUP end a run alike, and between steps where that matters."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["stoppable", "uninterrupted"]


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


STOPS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
"""What schedulers, containers and closed terminals send."""
HANDLERS = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(STOPS, _stop)}
"""Signals that are held back, where this is what handles them."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM, with which schedulers and containers stop a process, and SIGHUP end it as Ctrl-C does.

    Does nothing in other threads than the main one, and leaves alone a signal that something else handles:
    ``nohup``, or a host with a handler of its own.
    """
    ours = [n for n in STOPS if _in_main_thread() and signal.getsignal(n) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back until the block is done, then raise `KeyboardInterrupt`.

    Leaves alone a signal that something else handles: ``nohup``, or a host with a handler of its own. Does
    nothing in other threads than the main one.
    """
    usual = HANDLERS.items() if _in_main_thread() else ()
    held = [number for number, handler in usual if signal.getsignal(number) is handler]
    came = threading.Event()
    for number in held:
        signal.signal(number, lambda number, frame: came.set())
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, HANDLERS[number])
    if came.is_set():
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
