"""What one call of a runtime has to itself, so that calls in several threads never meet."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

__all__ = ["STAGES", "Call", "Planes"]

STAGES = ("prepare", "prior", "model", "finish")


class Planes:
    """The network's input image, a buffer that is kept while its size stays the same."""

    def __init__(self) -> None:
        self._array = np.empty((1, 3, 0, 0), np.float32)

    def of(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the buffer, (1, 3, *size)."""
        if self._array.shape[2:] != size:
            self._array = np.empty((1, 3, *size), np.float32)
        return self._array


class Call:
    """One call: its buffer and its times.

    Args:
        planes: nobody else's until the call ends.
        steady: whether it is one of many of the same size, such as a video's frames.
        clip: keep the result within [0, 1]; see `Runtime.unclipped`.
    """

    def __init__(self, planes: Planes, steady: bool = False, *, clip: bool = True) -> None:
        self.planes, self.steady = planes, steady
        self.clip = clip
        self.timings = dict.fromkeys(STAGES, 0.0)
        """Milliseconds by stage, and in ``total`` once it is `finished`."""
        self._started = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time until the context ends to a stage."""
        started = time.perf_counter()
        yield
        self.timings[name] += 1e3 * (time.perf_counter() - started)

    def finished(self) -> dict[str, float]:
        """Return the milliseconds of all stages and since the call began."""
        self.timings["total"] = 1e3 * (time.perf_counter() - self._started)
        return self.timings
