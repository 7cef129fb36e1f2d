"""How a run is stopped: Ctrl-C, ``kill``, a connection that ends; and what must not be cut in two."""

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["INTERRUPTED", "Interrupted", "Stop"]

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
SILENCE_S = 20.0
"""Without a sign of life for this long, whoever attends the run is taken for gone."""
WORDS: dict[int, str] = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "told to stop",
    signal.SIGHUP: "the connection ended",
}


class Interrupted(BaseException):
    """Someone asked the run to stop. Not an `Exception`: what fixes a failed row must let it pass."""


class Stop:
    """Turns the first signal into `Interrupted`, outside of what is `shielded`; later ones do nothing."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._shields = 0

    @contextmanager
    def listening(self, *, attended: bool = False) -> Iterator[None]:
        """Listen while the block runs.

        Args:
            attended: stop as well when standard input ends, or gives no sign of life for `SILENCE_S`.
        """
        before = {number: signal.signal(number, self._signalled) for number in WORDS}
        if attended:
            threading.Thread(target=self._attend, daemon=True).start()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Let nothing stop the block; `Interrupted` comes after it."""
        told = self.reason
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.reason != told and not self._shields:
            raise Interrupted(self.reason)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        if self.reason is not None:
            return
        self.reason = WORDS[number]
        if not self._shields:
            raise Interrupted(self.reason)

    def _attend(self) -> None:
        stdin = sys.stdin.fileno()
        while select.select([stdin], [], [], SILENCE_S)[0] and os.read(stdin, 4096):
            pass
        os.kill(os.getpid(), signal.SIGHUP)
