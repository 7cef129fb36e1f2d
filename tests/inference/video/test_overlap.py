"""Frames restored side by side: the same pictures in the same order, bounded, and ended without a rest."""

import threading

import numpy as np
import pytest

from restorect_edge import load
from restorect_edge.errors import BackendError, UsageError
from restorect_edge.inference.video.overlap import Ahead, Gate, Place
from restorect_edge.inference.video.stream import VideoRestorer
from restorect_edge.media.photos import photos

SIZE = (64, 96)
PATIENCE = 60
COUNT = 3


@pytest.fixture(scope="module", params=["artifact_split", "artifact_openvino_split", "artifact_litert"])
def runtime(request):
    with load(request.getfixturevalue(request.param).path) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def frames():
    """Two scenes with a sensor's noise, the first of them twice, and frames of another size between."""
    random = np.random.default_rng(3)
    first, second = list(photos(SIZE).values())[:2]
    pictures = [first] * 5 + [second] * 4 + [first] * 2 + [first[:48]] * 3
    return [np.clip(p + random.normal(0, 3, p.shape), 0, 255).astype(np.uint8) for p in pictures]


def lanes():
    return [thread for thread in threading.enumerate() if thread.name.startswith("restorect-lane")]


@pytest.mark.parametrize(
    "options", [{}, {"prior_every": 3}, {"prior_every": 2, "smooth": 0.8}, {"smooth": 0.6, "tile": 32}]
)
def test_frames_side_by_side_are_those_one_after_the_other(runtime, frames, options):
    video = frames if runtime.info.graphs[0].shape is None or len(runtime.info.graphs) > 1 else frames[:11]
    if runtime.info.prior is None:
        options = {}
    options = {**options, "fixed_copy": False}
    alone = list(runtime.stream(video, at_once=1, **options))
    with runtime.stream(video, at_once=COUNT, **options) as stream:
        together = list(stream)
    assert len(together) == len(alone)
    assert all(map(np.array_equal, together, alone))
    assert set(runtime.timings) == {"prepare", "prior", "model", "finish", "total"}
    assert not lanes()


def test_a_source_may_write_into_the_array_that_it_gave(runtime, frames):
    def camera():
        buffer = np.empty_like(frames[0])
        for frame in frames[:6]:
            buffer[:] = frame
            yield buffer

    found = list(runtime.stream(camera(), at_once=COUNT, fixed_copy=False))
    assert all(map(np.array_equal, found, runtime.stream(frames[:6], at_once=1, fixed_copy=False)))


def test_no_more_than_one_frame_is_read_ahead_of_those_that_run(runtime, frames):
    read = []
    source = (read.append(number) or frames[number % 5] for number in range(20))
    with runtime.stream(source, at_once=COUNT, fixed_copy=False) as stream:
        for taken in range(1, 8):
            next(stream)
            assert len(read) <= taken + COUNT
    assert not lanes()


def test_the_error_of_the_source_comes_after_the_frames_before_it(runtime, frames):
    def camera():
        yield from frames[:2]
        raise OSError("unplugged")

    with runtime.stream(camera(), at_once=COUNT, fixed_copy=False) as stream:
        found = [next(stream), next(stream)]
        with pytest.raises(OSError, match="unplugged"):
            next(stream)
        assert list(stream) == []
    assert all(map(np.array_equal, found, map(runtime, frames[:2])))
    assert not lanes()


def test_a_bad_frame_ends_it_after_the_good_ones(runtime, frames):
    with runtime.stream(
        [frames[0], np.zeros((4, 4), np.uint8), frames[1]], at_once=COUNT, fixed_copy=False
    ) as stream:
        assert np.array_equal(next(stream), runtime(frames[0]))
        with pytest.raises(UsageError, match="grayscale"):
            next(stream)
        assert list(stream) == []
    assert not lanes()


def test_an_interruption_leaves_no_thread(runtime, frames):
    def camera():
        yield from frames[:2]
        raise KeyboardInterrupt

    stream = runtime.stream(camera(), at_once=COUNT, fixed_copy=False)
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert not lanes()


def test_closing_the_runtime_closes_what_restores_side_by_side(artifact_split, frames):
    loaded = load(artifact_split.path, device="cpu", threads=2)
    stream = loaded.stream(iter(frames * 9), at_once=2)
    next(stream)
    lane = loaded._lane(2)
    assert (lane.threads, loaded.threads) == (1, 2)
    assert [graph.role for graph in lane._sessions] == ["body"]
    loaded.close()
    with pytest.raises(BackendError, match="is closed; load it again"):
        list(stream)
    assert not lanes()


def test_a_live_source_is_restored_frame_by_frame_unless_told_otherwise(runtime, frames):
    with runtime.stream([frames[0]], live=True) as stream:
        assert stream._restore.at_once == 1
    with runtime.stream([frames[0]]) as stream:
        assert stream._restore.at_once == runtime.best_at_once


@pytest.mark.parametrize("at_once", [0, -1])
def test_at_least_one_frame_runs(runtime, at_once):
    with pytest.raises(UsageError, match=f"at_once is at least 1 frame, got {at_once}"):
        VideoRestorer(runtime, at_once=at_once)


def test_a_backend_with_threads_of_its_own_restores_one_after_the_other():
    with load("lowlight-nano", runtime="torch", device="cpu") as loaded:
        assert loaded.best_at_once == 1
        assert loaded._lane(2) is loaded


def test_frames_pass_a_gate_in_order_though_one_of_them_fails():
    gate, passed = Gate(), []

    def task(number):
        place = Place(number, gate)
        try:
            if number == 1:
                raise UsageError("bad")
            with place.inside(gate):
                passed.append(number)
        finally:
            place.end()

    threads = [threading.Thread(target=task, args=(number,)) for number in (3, 2, 0)]
    for thread in threads:
        thread.start()
    with pytest.raises(UsageError, match="bad"):
        task(1)
    for thread in threads:
        thread.join(PATIENCE)
    assert passed == [0, 2, 3]


def test_another_thread_may_close_it_while_one_waits():
    begun, go = threading.Event(), threading.Event()

    def begin(image):
        return lambda: begun.set() or go.wait(PATIENCE)

    ahead = Ahead(iter(range(9)), begin, 1)
    found = []
    waiting = threading.Thread(target=lambda: found.extend(ahead))
    waiting.start()
    assert begun.wait(PATIENCE)
    closing = threading.Thread(target=ahead.close)
    closing.start()
    go.set()
    for thread in (closing, waiting):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(found) <= 2
