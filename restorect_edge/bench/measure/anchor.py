"""A fixed workload that takes turns with what is measured: where it is slower too, the machine is.

It is numpy's, not a backend's, so that an upgrade of a backend cannot slow it down with the artifact. It
uses as many threads as the artifact may, so that work beside it disturbs both.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from restorect_edge.bench.measure.protocol import Anchor

__all__ = ["SIDE", "STACK", "anchor", "describe"]

SIDE = 48
"""Of the matrices: so small that numpy's library multiplies each in the thread that asks."""
STACK = 1200
"""Products per call and machine: a few milliseconds, and more values than a core's cache holds."""

Matrices = NDArray[np.float32]


def describe(threads: int | None) -> str:
    """Say what the anchor is, for `Protocol.anchor`: only reports with the same one can be compared by it."""
    return f"{STACK} float32 products of {SIDE}x{SIDE} matrices by numpy in {_count(threads)} threads"


@contextmanager
def anchor(threads: int | None = None) -> Iterator[Anchor]:
    """Yield the workload as a call; `threads` None takes one per core.

    The work is cut into pieces which the threads take one after the other, as backends do.
    """
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal((STACK, SIDE, SIDE), np.float32) for _ in range(2))
    result = np.empty_like(left)
    pieces = np.array_split(np.arange(STACK), 8 * _count(threads))

    def multiply(piece: NDArray[np.intp]) -> None:
        part = slice(piece[0], piece[-1] + 1)
        np.matmul(left[part], right[part], out=result[part])

    with ThreadPoolExecutor(_count(threads)) as pool:
        yield lambda: list(pool.map(multiply, pieces))


def _count(threads: int | None) -> int:
    return threads or os.cpu_count() or 1
