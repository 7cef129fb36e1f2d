"""The infer requests of a graph, for calls from several threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Requests"]

KEPT = 4
"""Requests of a compiled graph that lie idle at most; each has the memory of its last output."""


class _Compiled:
    """A compiled graph, which runs one request at a time, and its requests."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.idle = [model.create_infer_request()]
        self.lent = 0


class Requests:
    """Lends infer requests, each of which is one call's at a time.

    A graph compiled for low latency runs one request after the other, with all of its threads; a second
    request overlaps only what comes before and after. Where a call has fewer threads than there are CPUs,
    the graph is compiled again for the next call that finds none at rest: not before, since each compiled
    graph has memory of its own.

    Args:
        compile_model: returns a newly compiled graph.
        most: how often to compile at most.
    """

    def __init__(self, compile_model: Callable[[], Any], most: int) -> None:
        self._compile, self._most = compile_model, most
        self._compiled = [_Compiled(compile_model())]
        self._lock, self._compiling = threading.Lock(), threading.Lock()
        self.copies: Any = None
        """`copies.FixedCopies` of a dynamic graph, for the sizes that come again and again."""

    @property
    def model(self) -> Any:
        """The graph as it was compiled first."""
        return self._compiled[0].model

    @contextmanager
    def lend(self) -> Iterator[Any]:
        """Lend a request, and with it its output, until the context ends."""
        if self._all_run() and self._compiling.acquire(blocking=False):
            try:
                self._grow()
            finally:
                self._compiling.release()
        compiled, request = self._borrow()
        try:
            yield request
        finally:
            with self._lock:
                compiled.lent -= 1
                if len(compiled.idle) < KEPT:
                    compiled.idle.append(request)

    def _all_run(self) -> bool:
        with self._lock:
            return len(self._compiled) < self._most and all(each.lent for each in self._compiled)

    def _grow(self) -> None:
        if self._all_run():  # still, now that nobody else compiles
            another = _Compiled(self._compile())  # takes long; the others go on meanwhile
            with self._lock:
                self._compiled.append(another)

    def _borrow(self) -> tuple[_Compiled, Any]:
        with self._lock:
            compiled = min(self._compiled, key=lambda each: each.lent)
            compiled.lent += 1
            request = compiled.idle.pop() if compiled.idle else compiled.model.create_infer_request()
        return compiled, request
