"""Photographs restored, the next ones decoded and the last ones encoded meanwhile."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.batch.jobs import Job
from restorect_edge.batch.journal import FAILED, Row
from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.media.decoding import as_sdr, read
from restorect_edge.media.encoding import check_holds, write
from restorect_edge.media.opening import MAX_PIXELS
from restorect_edge.media.photo import Photo
from restorect_edge.utils.options import option

__all__ = ["Settings", "blended", "restore_all", "restore_one"]

LUMA = np.array((0.299, 0.587, 0.114), np.float32)
STAGES = ("prepare", "prior", "model", "finish")
"""Of a runtime's timings, as the row has them."""
SAMPLED = 1 << 20
"""Pixels that a mean brightness is taken of."""

Restore = Callable[..., NDArray[Any]]
"""What restores (H, W, 3) uint8 or float32 in [0, 1], such as a `Runtime`; takes ``tile``."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the outputs besides the network.

    Raises:
        UsageError: a number out of range.
    """

    tile: int | None = option(None, metavar="N")
    """Side of what each tile contributes, in pixels."""
    quality: int = option(95, metavar="Q", group="photographs and folders")
    """Of JPEG, WebP, AVIF and HEIC, 1 to 100."""
    strength: float = option(1.0, metavar="S")
    """Share of the restored picture, 0 (the input) to 1."""
    max_pixels: int = option(MAX_PIXELS, python_only=True)
    """Most pixels of a photograph."""
    tone_map: bool = option(False, group="photographs and folders")
    """Whether HDR (PQ, HLG) is brought to BT.709; otherwise it is an error."""

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"--quality is 1 to 100, got {self.quality}")
        if not 0 <= self.strength <= 1:
            raise UsageError(f"--strength is 0 (the input) to 1 (fully restored), got {self.strength:g}")


@dataclass(slots=True)
class _Task:
    """A photograph on its way."""

    job: Job
    photo: Photo
    row: Row


def restore_one(
    restore: Restore, job: Job, settings: Settings, *, before_rename: Callable[[Row], None] | None = None
) -> Row:
    """Restore one file and return its row.

    Args:
        restore: called with the image and its ``tile``.
        job: what to restore.
        settings: see `Settings`.
        before_rename: called with the row once the output is complete and before it has its name.

    Raises:
        RestorectError: it cannot be read, restored or written.
    """
    task = _load(job, settings)
    return _store(task, _compute(restore, task, settings), settings, before_rename)


def restore_all(
    restore: Restore,
    jobs: Sequence[Job],
    settings: Settings,
    *,
    workers: int = 2,
    at_once: int = 1,
    before_rename: Callable[[Row], None] | None = None,
) -> Iterator[tuple[Row, RestorectError | None]]:
    """Restore files and yield the row of each, with the error of one that failed, in the order of `jobs`.

    At most ``workers + at_once`` photographs wait decoded, and as many are restored and encoded, so memory
    is bounded.

    Args:
        restore: called by as many threads as are to be restored at once.
        jobs: what to restore.
        settings: see `Settings`.
        workers: threads that decode and encode; 0 does everything in turn.
        at_once: threads that restore; 1 is this thread.
        before_rename: called with the row of an output that is complete and gets its name next.
    """
    if workers == 0:
        for job in jobs:
            once = partial(restore_one, restore, job, settings, before_rename=before_rename)
            yield _outcome(job, once)
        return
    # what is restored is written, come what may: the pool of files outlives the other
    with ThreadPoolExecutor(workers, "restorect-files") as pool, ThreadPoolExecutor(at_once) as lanes:
        stored = partial(_stored, pool, restore, settings=settings, before_rename=before_rename)
        begin = partial(lanes.submit, stored) if at_once > 1 else partial(_in_this_thread, stored)
        yield from _overlapped(pool, begin, jobs, settings, workers + at_once)


def _in_this_thread(
    stored: Callable[["Future[_Task]"], "Future[Row]"], loaded: "Future[_Task]"
) -> "Future[Future[Row]]":
    begun: Future[Future[Row]] = Future()
    begun.set_result(stored(loaded))
    return begun


def _overlapped(
    pool: ThreadPoolExecutor,
    begin: Callable[["Future[_Task]"], "Future[Future[Row]]"],
    jobs: Sequence[Job],
    settings: Settings,
    ahead: int,
) -> Iterator[tuple[Row, RestorectError | None]]:
    waiting = iter(jobs)
    loading: deque[tuple[Job, Future[_Task]]] = deque()
    storing: deque[tuple[Job, Future[Future[Row]]]] = deque()
    try:
        while True:
            # decoded ahead, while the one before is restored
            while len(loading) < ahead and (job := next(waiting, None)) is not None:
                loading.append((job, pool.submit(_load, job, settings)))
            if not loading:
                break
            job, loaded = loading.popleft()
            storing.append((job, begin(loaded)))
            # in the order of the jobs; beyond so many that are not written yet, restoring waits
            while len(storing) > ahead or (storing and _is_stored(storing[0][1])):
                done, future = storing.popleft()
                yield _outcome(done, _row_of(future))
        for done, future in storing:
            yield _outcome(done, _row_of(future))
    finally:
        for _, loaded in loading:
            loaded.cancel()
        for _, begun in storing:
            begun.cancel()


def _is_stored(future: "Future[Future[Row]]") -> bool:
    return future.done() and future.result().done()


def _row_of(future: "Future[Future[Row]]") -> Callable[[], Row]:
    return lambda: future.result().result()


def _stored(
    pool: ThreadPoolExecutor,
    restore: Restore,
    loaded: "Future[_Task]",
    *,
    settings: Settings,
    before_rename: Callable[[Row], None] | None,
) -> "Future[Row]":
    """Run the network on a decoded photograph and have it encoded; an error waits in the future."""
    failed: Future[Row] = Future()
    try:
        task = loaded.result()
        return pool.submit(_store, task, _compute(restore, task, settings), settings, before_rename)
    except RestorectError as error:
        failed.set_exception(error)
    return failed


def _outcome(job: Job, result: Callable[[], Row]) -> tuple[Row, RestorectError | None]:
    try:
        return result(), None
    except RestorectError as error:
        row = Row(source=str(job.source), destination=str(job.destination), status=FAILED, reason=str(error))
        return row, error


def _load(job: Job, settings: Settings) -> _Task:
    started = time.perf_counter()
    photo = read(job.source, max_pixels=settings.max_pixels)
    photo = as_sdr(photo, str(job.source), tone_map=settings.tone_map)
    check_holds(job.destination, photo)
    height, width = photo.pixels.shape[:2]
    row = Row(
        source=str(job.source),
        destination=str(job.destination),
        width=width,
        height=height,
        brightness_before=_brightness(photo.pixels),
        read_ms=_since(started),
    )
    return _Task(job, photo, row)


def _compute(restore: Restore, task: _Task, settings: Settings) -> NDArray[Any]:
    image = task.photo.image
    restored = restore(image, tile=settings.tile)
    timings = getattr(restore, "timings", {})
    stages = {f"{stage}_ms": round(timings[stage], 1) for stage in STAGES if stage in timings}
    if settings.strength < 1:
        restored = blended(image, restored, settings.strength)
    task.row = replace(task.row, brightness_after=_brightness(restored), **stages)
    return restored


def _store(
    task: _Task, restored: NDArray[Any], settings: Settings, before_rename: Callable[[Row], None] | None
) -> Row:
    started = time.perf_counter()
    rows: list[Row] = []

    def complete(size: int, notes: tuple[str, ...]) -> None:
        reason = "; ".join((*task.photo.notes, *notes))
        rows.append(replace(task.row, write_ms=_since(started), bytes=size, reason=reason))
        if before_rename is not None:
            before_rename(rows[-1])

    write(task.job.destination, restored, like=task.photo, quality=settings.quality, before_rename=complete)
    return rows[-1]


def blended(before: NDArray[Any], after: NDArray[Any], strength: float) -> NDArray[Any]:
    """Return the restored picture with a share of the input's.

    Args:
        before: (H, W, 3) uint8 or floating point in [0, 1].
        after: the same of what was restored.
        strength: 0 gives `before`, 1 `after`.

    Raises:
        UsageError: the network enlarges, so the two have different sizes.
    """
    if before.shape != after.shape:
        raise UsageError("--strength needs a network that keeps the size; this one enlarges the picture")
    mixed = before.astype(np.float32)
    mixed += np.float32(strength) * (after.astype(np.float32) - mixed)
    if after.dtype == np.uint8:
        np.rint(mixed, out=mixed)
    return mixed.astype(after.dtype)


def _brightness(pixels: NDArray[Any]) -> float:
    """Return the mean luma in 0 to 1, of every so manieth pixel of a large picture."""
    # a mean of a million pixels is as good, and does not hold up the others
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / SAMPLED) ** 0.5))
    white = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1
    mean = pixels[::step, ::step].reshape(-1, 3).mean(axis=0, dtype=np.float64)
    return round(float(mean @ LUMA) / white, 4)


def _since(started: float) -> float:
    return round(1e3 * (time.perf_counter() - started), 1)
