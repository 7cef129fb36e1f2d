"""Copies of a dynamic graph, each compiled for one size that comes again and again.

A graph of fixed sides takes half the time of one whose sides are free, since its kernels are chosen for them.
"""

import logging
import threading
from collections.abc import Callable

from restorect_edge.inference.tiling import Size
from restorect_edge.targets.openvino.requests import Requests
from restorect_edge.utils.foreign import reason

__all__ = ["AGAIN", "MOST", "FixedCopies"]

AGAIN = 8
"""Frames of one size, in a row or not, after which a copy is worth the second that its making takes."""
MOST = 2
"""Copies at most: each has weights and memory of its own. A tiled frame has up to four sizes of windows, of
which those that come first are served."""


class FixedCopies:
    """Makes copies in a thread of its own, while frames are restored by the dynamic graph.

    Args:
        compile_for: returns the graph compiled for windows of a size.
    """

    def __init__(self, compile_for: Callable[[Size], Requests]) -> None:
        self._compile_for = compile_for
        self._lock = threading.Lock()
        self._seen: dict[Size, int] = {}
        self._ready: dict[Size, Requests] = {}
        self._makers: list[threading.Thread] = []
        self._closed = False

    def of(self, size: Size) -> Requests | None:
        """Return the copy for a size, if there is one by now; count that the size came."""
        with self._lock:
            if (copy := self._ready.get(size)) or self._closed or len(self._makers) == MOST:
                return copy
            if len(self._seen) > 64:  # ever new sizes: none of them comes again
                self._seen.clear()
            self._seen[size] = self._seen.get(size, 0) + 1
            if self._seen[size] == AGAIN:
                # not a daemon: an interpreter that ends must not take a compiler's memory from under it
                maker = threading.Thread(target=self._make, args=(size,), name="restorect fixed copy")
                self._makers.append(maker)
                maker.start()
        return None

    def _make(self, size: Size) -> None:
        try:
            copy = self._compile_for(size)
        except Exception as error:  # the dynamic graph goes on
            logging.getLogger(__name__).warning(
                "no faster copy of the graph for %dx%d: %s", *size, reason(error)
            )
            return
        with self._lock:
            if not self._closed:
                self._ready[size] = copy

    def close(self) -> None:
        """Let go of all copies, once one that is being made is finished."""
        with self._lock:
            self._closed = True
            makers = list(self._makers)
        for maker in makers:
            maker.join()
        self._ready.clear()

    def wait(self) -> None:
        """Wait for the copies that are being made."""
        for maker in list(self._makers):
            maker.join()
