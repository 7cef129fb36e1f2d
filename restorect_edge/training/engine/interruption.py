"""Ctrl-C and SIGTERM end a run between steps, never within one."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["stoppable", "uninterrupted"]


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


HANDLERS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _stop}
"""Signals that are held back, where this is what handles them."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM, with which schedulers and containers stop a process, end it as Ctrl-C does.

    Does nothing in other threads than the main one, or in a host that has a handler of its own.
    """
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block is done, then raise `KeyboardInterrupt`.

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
