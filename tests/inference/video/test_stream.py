"""Video: the prior every K frames, its latent smoothed, cuts, order, dropping and shutdown."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from restorect_edge import load
from restorect_edge.errors import UsageError
from restorect_edge.inference.video.brightness import STREAK
from restorect_edge.inference.video.stream import CUT, LatentTrack, VideoRestorer, changed
from restorect_edge.media.photos import photos

SIZE = (64, 96)
PATIENCE = 60
WHOLE = ["onnx", "openvino", "coreml"]


@pytest.fixture(scope="module")
def scenes():
    """Two pictures of different scenes."""
    first, second = list(photos(SIZE).values())[:2]
    return first, second


@pytest.fixture(scope="module", params=["torch", "onnxruntime"])
def runtime(request):
    source = "lowlight-small" if request.param == "torch" else request.getfixturevalue("artifact_split").path
    with load(source, device="cpu", threads=1) as loaded:
        yield loaded


def noisy(scene, count, seed=0):
    random = np.random.default_rng(seed)
    return [np.clip(scene + random.normal(0, 3, scene.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def thumb(level):
    return np.full((1, 3, 4, 4), level, np.float32)


class Prior:
    """Counts its calls; its latent is what it sees."""

    def __init__(self):
        self.calls = 0

    def __call__(self, seen):
        self.calls += 1
        return seen[:, 0, 0, :1].copy()


@pytest.mark.parametrize(("every", "frames", "runs"), [(1, 5, 5), (4, 9, 3), (8, 8, 1), (8, 9, 2)])
def test_the_prior_runs_every_so_many_frames(every, frames, runs):
    track, prior, thumbnails = LatentTrack(every, 0.0), Prior(), []
    for _ in range(frames):
        track.step(lambda: thumbnails.append(0) or thumb(0.5), prior)
    assert prior.calls == track.priors == len(thumbnails) == runs


def test_the_latent_is_smoothed_by_the_formula():
    track, prior = LatentTrack(2, 0.75), Prior()
    found = [
        float(track.step(lambda level=level: thumb(level), prior)[0, 0]) for level in (0.4, 9, 0.5, 9, 0.5)
    ]
    expected, z = [], 0.4
    for target in (0.4, 0.4, 0.5, 0.5, 0.5):
        z = 0.75 * z + 0.25 * target
        expected.append(z)
    assert found == pytest.approx(expected, abs=1e-6)
    assert track.cuts == 0


def test_a_cut_is_taken_at_once():
    track, prior = LatentTrack(3, 0.9), Prior()
    levels = [0.1] * 4 + [0.6] * 3
    found = [float(track.step(lambda level=level: thumb(level), prior)[0, 0]) for level in levels]
    assert found[:6] == pytest.approx([0.1] * 6, abs=1e-6)
    assert found[6] == pytest.approx(0.6, abs=1e-6)
    assert track.cuts == 1


def test_scenes_differ_by_more_than_noise(runtime, scenes):
    first, second = (runtime._thumbnail(scene, SIZE) for scene in scenes)
    again = runtime._thumbnail(noisy(scenes[0], 1)[0], SIZE)
    assert changed(first, second) >= CUT > 2 * changed(first, again)


def test_every_frame_alone_is_the_default(runtime, scenes):
    frames = [*noisy(scenes[0], 2), *noisy(scenes[1], 2)]
    for restored, frame in zip(runtime.stream(frames), frames, strict=True):
        assert np.array_equal(restored, runtime(frame))


def test_a_cut_recovers_within_the_frames_between_two_priors(runtime, scenes):
    """Wherever it falls, frame K − 1 after it at the latest is as if restored alone, despite smoothing."""
    every = 4
    for before in range(1, every + 1):
        frames = [scenes[0]] * before + [scenes[1]] * every
        with runtime.stream(frames, prior_every=every, smooth=0.9) as stream:
            last = list(stream)[-1]
            assert stream.cuts == 1
        assert np.abs(last.astype(int) - runtime(scenes[1])).max() <= 1, before


def brightness(stream):
    return np.array([frame.mean() for frame in stream])


def flicker(levels):
    return np.sqrt(np.mean(np.diff(levels) ** 2))


def test_smoothing_halves_the_flicker_of_a_static_noisy_scene(runtime, scenes):
    frames = noisy(scenes[0], 24)
    alone, smoothed = (brightness(runtime.stream(frames, smooth=smooth)) for smooth in (0.0, 0.9))
    assert flicker(smoothed[STREAK:]) < 0.5 * flicker(alone[STREAK:])


def test_smoothing_takes_the_flicker_out_of_lamps(runtime, scenes):
    light = 1 + 0.05 * np.sin(np.arange(24) * 2 * np.pi / 3)
    frames = [noisy(share * scenes[0], 1, seed)[0] for seed, share in enumerate(light)]
    held, smoothed = (
        brightness(runtime.stream(frames, prior_every=8, smooth=smooth)) for smooth in (0.0, 0.8)
    )
    assert flicker(smoothed[STREAK:]) < 0.3 * flicker(held[STREAK:])


def test_tiles_have_no_brightness_of_their_own(scenes):
    with load("lowlight-nano", device="cpu", threads=1) as loaded:
        restore = VideoRestorer(loaded, smooth=0.5, tile=32)
        restore(np.tile(scenes[0], (2, 2, 1)))
        assert restore.brightness._expected is None


def test_another_size_is_another_scene(runtime, scenes):
    small = scenes[0][:32, :48].copy()
    restore = VideoRestorer(runtime, prior_every=8)
    found = [restore(frame) for frame in (scenes[0], scenes[0], small)]
    assert np.array_equal(found[2], runtime(small))
    assert (restore.cuts, restore.priors) == (0, 2)


@pytest.mark.parametrize("target", WHOLE)
def test_a_whole_artifact_streams_and_says_what_it_cannot(target, scenes, request):
    artifact = request.getfixturevalue(f"artifact_{target}")
    with load(artifact.path, runtime="mil" if target == "coreml" else None) as whole:
        (restored,) = whole.stream([scenes[0]])
        assert np.array_equal(restored, whole(scenes[0]))
        for options in ({"prior_every": 8}, {"smooth": 0.5}):
            with pytest.raises(UsageError, match=r"need a prior of its own.*export it with --form split"):
                whole.stream([scenes[0]], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior_every": 0}, "prior_every is at least 1 frame, got 0"),
        ({"smooth": 1.0}, "smooth is from 0 to below 1, got 1.0; 0 switches it off"),
        ({"smooth": -0.1}, "smooth is from 0 to below 1, got -0.1"),
        ({"smooth": float("nan")}, "smooth is from 0 to below 1, got nan"),
    ],
)
def test_numbers_out_of_range(runtime, options, message):
    with pytest.raises(UsageError, match=message):
        runtime.stream([], **options)


def test_a_slow_network_drops_the_oldest_of_a_live_source(runtime, scenes):
    """The camera gives ten frames while the first is restored: the two newest of them are restored next."""
    given = threading.Event()
    random = np.random.default_rng(1)
    frames = [random.integers(0, 90, (*SIZE, 3), dtype=np.uint8) for _ in range(10)]

    def camera():
        yield from frames
        given.set()

    with runtime.stream(camera(), live=True) as stream:
        assert given.wait(10)
        found = list(stream)
        assert stream.dropped == 8
    assert len(found) == 2
    for restored, frame in zip(found, frames[-2:], strict=True):
        assert np.array_equal(restored, runtime(frame))


@pytest.mark.parametrize("live", [False, True])
def test_a_bad_frame_ends_the_stream_with_its_error(runtime, scenes, live):
    with runtime.stream([np.zeros((4, 4), np.uint8)], live=live) as stream:
        with pytest.raises(UsageError, match="got \\(4, 4\\): grayscale"):
            next(stream)
        assert list(stream) == []
    assert not [t for t in threading.enumerate() if t.name == "restorect-frames"]


def test_closing_ends_it(runtime, scenes):
    stream = runtime.stream([scenes[0]] * 3)
    next(stream)
    stream.close()
    assert list(stream) == []


def test_two_threads_that_share_a_stream_are_told(runtime, scenes):
    """The second is refused, the first goes on."""
    asked, refused = threading.Event(), threading.Event()

    def camera():
        asked.set()
        assert refused.wait(PATIENCE)
        yield scenes[0]

    with runtime.stream(camera()) as stream, ThreadPoolExecutor(1) as pool:
        first = pool.submit(next, stream)
        assert asked.wait(PATIENCE)
        with pytest.raises(UsageError, match=r"in use by another thread: .*open a stream for each thread"):
            next(stream)
        refused.set()
        assert np.array_equal(first.result(PATIENCE), runtime(scenes[0]))


def test_two_threads_that_share_a_frame_restorer_are_told(runtime, scenes):
    restore, inside, refused = VideoRestorer(runtime, smooth=0.5), threading.Event(), threading.Event()

    def slow(planes):
        inside.set()
        assert refused.wait(PATIENCE)
        return 1.0

    restore.brightness.step = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(restore, scenes[0])
        assert inside.wait(PATIENCE)
        with pytest.raises(UsageError, match="in use by another thread"):
            restore(scenes[1])
        refused.set()
        assert np.array_equal(first.result(PATIENCE), runtime(scenes[0]))


def test_streams_of_one_runtime_run_side_by_side(runtime, scenes):
    videos = [noisy(scene, 6, seed) for seed, scene in enumerate(scenes)]

    def restored(video):
        return list(runtime.stream(video, prior_every=2, smooth=0.5))

    alone = [restored(video) for video in videos]
    with ThreadPoolExecutor(len(videos)) as pool:
        assert np.array_equal(list(pool.map(restored, videos)), alone)


def test_a_stream_goes_from_one_thread_to_another(runtime, scenes):
    with runtime.stream(scenes) as stream, ThreadPoolExecutor(1) as pool:
        for scene in scenes:
            assert np.array_equal(pool.submit(next, stream).result(PATIENCE), runtime(scene))
