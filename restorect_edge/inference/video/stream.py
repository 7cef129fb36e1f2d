"""Video: the prior now and then, its latent smoothed in time, the body on every frame."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Manifest
from restorect_edge.errors import UsageError
from restorect_edge.inference.tiling import Size
from restorect_edge.inference.video.brightness import BrightnessTrack
from restorect_edge.inference.video.overlap import Ahead, Gate, Place
from restorect_edge.media.images import ImageLike
from restorect_edge.media.live import Latest

__all__ = ["CUT", "LatentTrack", "Light", "Stream", "VideoRestorer", "changed"]

Array = NDArray[np.float32]

CUT = 0.5
"""`changed` from which a thumbnail shows another scene."""


@dataclass(frozen=True, slots=True)
class Light:
    """What a frame is restored by besides its pixels."""

    feeds: Mapping[str, Array] = field(default_factory=dict)
    """The prior's latent under ``z``, for a split artifact."""
    gain: Callable[[Array], float] | None = None
    """Returns the factor of a restored picture (3, H, W), where it was restored in one piece; None is 1."""


class Restorer(Protocol):
    """What a stream needs of a `Runtime`, which imports this module."""

    info: Manifest

    def _call(
        self, image: ImageLike, tile: int | None, look: Callable[[NDArray[Any], Size], Light], steady: bool, /
    ) -> Any: ...

    def _thumbnail(self, pixels: NDArray[Any], padded: Size, /) -> Array: ...

    def _z(self, seen: Array, /) -> Array: ...

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of each stage of this thread's last call."""

    def _lane(self, at_once: int, /) -> "Restorer": ...

    def _took(self, timings: dict[str, float], /) -> None: ...


def changed(before: Array, after: Array) -> float:
    """Return how different two thumbnails are: mean absolute difference over mean level, 0 to 2.

    Relative, since a cut between dark scenes moves few levels. Of the means alone: deviations, where there
    are any, are noise and texture, which change with a camera's gain.

    Args:
        before: a thumbnail, (1, 3 or 6, S, S).
        after: another.
    """
    before, after = before[:, :3], after[:, :3]
    level = float(before.mean() + after.mean()) / 2
    return float(np.abs(after - before).mean()) / max(level, 1 / 255)


class LatentTrack:
    """The latent of a video, frame by frame.

    Every `prior_every` frames the prior gives a target. The latent goes towards it on every frame,
    ``z ← smooth·z + (1 − smooth)·target``, and is set to it at once at the start and after a cut.

    Args:
        prior_every: frames from one run of the prior to the next, so also how long a cut may go unseen.
        smooth: share of latent and brightness kept from the frame before, from 0 (none) to below 1.

    Raises:
        UsageError: values out of range.
    """

    def __init__(self, prior_every: int, smooth: float) -> None:
        if prior_every < 1:
            raise UsageError(f"prior_every is at least 1 frame, got {prior_every}")
        if not 0.0 <= smooth < 1.0:
            raise UsageError(f"smooth is from 0 to below 1, got {smooth}; 0 switches it off")
        self.prior_every, self.smooth = prior_every, smooth
        self.priors = 0
        """How often the prior ran."""
        self.cuts = 0
        """How many cuts were seen."""
        self.anew = True
        """Whether a scene began since this was last set to False."""
        self._since = 0
        self._seen: Array | None = None
        self._target: Array | None = None
        self._z: Array | None = None

    def step(self, thumbnail: Callable[[], Array], prior: Callable[[Array], Array]) -> Array:
        """Return the latent of the next frame.

        Args:
            thumbnail: computes the frame's thumbnail, (1, 3, S, S); called when it is the prior's turn only.
            prior: runs the prior on it.
        """
        target = self._target
        if target is None or self._since == self.prior_every:
            target = self._update(thumbnail(), prior)
        self._since += 1
        z = self._z
        # after a cut there is nothing that it could be smoothed with
        self._z = target if z is None else self.smooth * z + (1 - self.smooth) * target
        return self._z

    def reset(self) -> None:
        """Forget the scene, so that the next frame's own latent counts."""
        self._seen = self._target = self._z = None
        self.anew = True

    def _update(self, seen: Array, prior: Callable[[Array], Array]) -> Array:
        target = prior(seen)  # first, so that where it fails the next frame finds everything as it was
        if self._seen is not None and changed(self._seen, seen) >= CUT:
            self.cuts += 1
            self._z = None
            self.anew = True
        self._seen, self._target, self._since = seen, target, 0
        self.priors += 1
        return target


class VideoRestorer:
    """Restore the frames of one video, one call each, in order, or all of them by `stream`.

    What it remembers of the frames before makes it one thread's at a time; several videos need one each,
    and may share the runtime.

    Args:
        runtime: what restores them; of a whole artifact every frame is restored by itself.
        prior_every: see `LatentTrack`.
        smooth: see `LatentTrack`.
        tile: as in `Runtime.__call__`.
        fixed_copy: as in `Runtime.stream`.
        at_once: frames that `stream` restores side by side, at least 1.

    Raises:
        UsageError: values out of range, or above their defaults for an artifact without a prior.
    """

    def __init__(
        self,
        runtime: Restorer,
        *,
        prior_every: int = 1,
        smooth: float = 0.0,
        tile: int | None = None,
        fixed_copy: bool = True,
        at_once: int = 1,
    ) -> None:
        self.track = LatentTrack(prior_every, smooth)
        self.brightness = BrightnessTrack(smooth)
        """Of the restored frames; a cut begins it anew."""
        if runtime.info.prior is None and (prior_every > 1 or smooth > 0):
            raise UsageError(
                f"prior_every={prior_every} and smooth={smooth:g} need a prior of its own, and "
                f"'{runtime.info.name}' is one graph here; export it with --form split"
            )
        if at_once < 1:
            raise UsageError(f"at_once is at least 1 frame, got {at_once}")
        self._runtime, self._tile, self._steady = runtime, tile, fixed_copy
        self.at_once = at_once
        self._padded: Size | None = None
        self._lock = threading.Lock()
        self._seen, self._kept = Gate(), Gate()
        self._begun = 0

    @property
    def cuts(self) -> int:
        """How many cuts between scenes were seen so far."""
        return self.track.cuts

    @property
    def priors(self) -> int:
        """How often the prior ran so far."""
        return self.track.priors

    def __call__(self, image: ImageLike) -> Any:
        """Restore the next frame; takes, gives and raises what `Runtime.__call__` does.

        Raises:
            UsageError: another thread's frame is being restored.
        """
        with _alone(self._lock):
            return self._restored(image, self._place(), self._runtime)

    def stream(self, frames: Iterable[ImageLike], *, live: bool = False) -> "Stream":
        """Return what restores `frames`, the next ones; of `live` ones the latest. See `Runtime.stream`."""
        return Stream(frames, self, live=live)

    def ahead(self, frames: Iterator[ImageLike]) -> Ahead[Any]:
        """Restore frames side by side, and give each with the milliseconds of its stages."""
        lane = self._runtime._lane(self.at_once)

        def begin(image: ImageLike) -> Callable[[], Any]:
            return partial(self._timed, image, self._place(), lane)

        return Ahead(frames, begin, self.at_once)

    def _timed(self, image: ImageLike, place: Place, lane: Restorer) -> Any:
        return self._restored(image, place, lane), lane.timings

    def _place(self) -> Place:
        # the brightness of one frame depends on that of the last, where there is any to hold
        gates = (self._seen, self._kept) if self.track.smooth else (self._seen,)
        place, self._begun = Place(self._begun, *gates), self._begun + 1
        return place

    def _restored(self, image: ImageLike, place: Place, lane: Restorer) -> Any:
        try:
            return lane._call(image, self._tile, partial(self._look, place), self._steady)
        finally:
            with place.inside(self._kept) if self.track.smooth else nullcontext():
                self._begin_anew(place)  # of a frame without a gain: it failed, or was restored by tiles
            place.end()

    def _look(self, place: Place, pixels: NDArray[Any], padded: Size) -> Light:
        runtime, track = self._runtime, self.track
        with place.inside(self._seen):
            if padded != self._padded:
                track.reset()
                self._padded = padded
            z = track.step(lambda: runtime._thumbnail(pixels, padded), runtime._z)
            place.anew, track.anew = track.anew, False
        return Light({"z": z}, partial(self._gain, place) if self.track.smooth else None)

    def _gain(self, place: Place, planes: Array) -> float:
        with place.inside(self._kept):
            self._begin_anew(place)
            return self.brightness.step(planes)

    def _begin_anew(self, place: Place) -> None:
        if place.anew:
            self.brightness.reset()
            place.anew = False

    def took(self, timings: dict[str, float]) -> None:
        """Let the runtime's `timings` be those of a frame that another thread restored."""
        self._runtime._took(timings)


@contextmanager
def _alone(lock: threading.Lock) -> Iterator[None]:
    """Refuse a second thread, rather than let it wait: in which order would frames come that two ask for?"""
    if not lock.acquire(blocking=False):
        raise UsageError(
            "this stream is in use by another thread: a video's frames are restored one after the other; "
            "open a stream for each thread, all of one runtime if need be"
        )
    try:
        yield
    finally:
        lock.release()


class Stream(Iterator[Any]):
    """The restored frames of a video, in order; see `Runtime.stream`.

    Use it as a context manager, or `close` it, where it may not be iterated to its end. An exception of the
    source or of a frame closes it. One thread at a time may ask for a frame, another gets a `UsageError`;
    any thread may close it.
    """

    def __init__(self, frames: Iterable[ImageLike], restore: VideoRestorer, *, live: bool) -> None:
        self._restore = restore
        self._latest = Latest(frames) if live else None
        self._frames: Iterator[ImageLike] = self._latest or iter(frames)
        self._ahead = restore.ahead(self._frames) if restore.at_once > 1 else None
        self._lock = threading.Lock()

    @property
    def dropped(self) -> int:
        """How many frames were dropped so far, because the network was slower than the source."""
        return self._latest.dropped if self._latest else 0

    @property
    def cuts(self) -> int:
        """How many cuts between scenes were seen so far, those of frames read ahead included."""
        return self._restore.cuts

    def __next__(self) -> Any:
        with _alone(self._lock):
            try:
                return self._next()
            except BaseException:
                self.close()
                raise

    def _next(self) -> Any:
        if self._ahead is None:
            return self._restore(next(self._frames))
        restored, timings = next(self._ahead)
        self._restore.took(timings)
        return restored

    def close(self) -> None:
        """End the stream; of a live one, once its source gives its next frame."""
        self._frames = iter(())
        if self._latest:
            self._latest.close()
        if self._ahead:
            self._ahead.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
