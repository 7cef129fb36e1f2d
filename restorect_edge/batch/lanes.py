"""Pictures restored side by side, each with its share of the threads."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from restorect_edge.batch.pipeline import blended
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.video.stream import VideoRestorer

__all__ = ["Blended", "SideBySide"]

LARGE = 4_000_000
"""Pixels from which a picture is restored with all threads, one such picture at a time: memory is bounded."""


class SideBySide:
    """Restores pictures of several threads, as `Runtime` does and with equal results.

    Args:
        runtime: what restores them.
        at_once: how many there are at a time.
    """

    def __init__(self, runtime: Runtime, at_once: int) -> None:
        self._runtime, self._at_once = runtime, at_once
        self._large = threading.Lock()

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of each stage of this thread's last picture."""
        return self._runtime.timings

    def __call__(self, image: NDArray[Any], *, tile: int | None = None) -> Any:
        """Restore a picture; takes, gives and raises what `Runtime.__call__` does."""
        runtime = self._runtime
        if image.shape[0] * image.shape[1] >= LARGE:
            with self._large:
                return runtime(image, tile=tile)
        lane = runtime._lane(self._at_once)
        restored = lane._call(image, tile, runtime._look)
        runtime._took(lane.timings)
        return restored


class Blended:
    """Restores the frames of a video by a share, see `blended`.

    Args:
        restore: what restores them whole.
        strength: share of the restored frame, 0 to 1.
    """

    def __init__(self, restore: VideoRestorer, strength: float) -> None:
        self._restore, self._strength = restore, strength

    def __call__(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Restore the next frame."""
        return blended(frame, self._restore(frame), self._strength)

    def stream(self, frames: Iterable[NDArray[Any]]) -> "_BlendedStream":
        """Return the restored frames."""
        return _BlendedStream(self._restore, frames, self._strength)


class _BlendedStream(Iterator[NDArray[Any]]):
    def __init__(self, restore: VideoRestorer, frames: Iterable[NDArray[Any]], strength: float) -> None:
        self._before: deque[NDArray[Any]] = deque()
        self._strength = strength
        self._stream = restore.stream(self._kept(frames))

    def _kept(self, frames: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        for frame in frames:
            self._before.append(frame)
            yield frame

    def __next__(self) -> NDArray[Any]:
        after = next(self._stream)
        return blended(self._before.popleft(), after, self._strength)

    def __enter__(self) -> "_BlendedStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
