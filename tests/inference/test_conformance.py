"""What every backend must do alike, for each pair of backend and target in the table of runtimes."""

import multiprocessing
import os
import re
import shutil
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from restorect_edge import ImageSpec, load
from restorect_edge.artifact import hash_files, native_files
from restorect_edge.errors import BackendError, IncompatibleError, MissingDependencyError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import TARGETS
from restorect_edge.export.verify import golden
from restorect_edge.inference.base import Runtime
from restorect_edge.targets.registry import RUNTIMES, backend_class
from restorect_edge.weights import locate

WEIGHTS = "lowlight-small"
PAIRS = [(name, target) for name, backend in RUNTIMES.items() for target in backend.targets or (None,)]
GATES = {"fp32": 80.0, "fp16": 50.0}
SHAPE = (64, 96)


SIZES = [(64, 96), (40, 64), (57, 91), (1, 1)]
THREADS, ROUNDS = 4, 8
PATIENCE = 60
"""Seconds after which what should end is taken to hang."""


def in_threads(work, arguments):
    """Call `work` with each argument, each in a thread of its own, all at once."""
    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(work, arguments, timeout=PATIENCE))


def in_a_fork(work):
    """Call `work` in a forked process, which must end well and in time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of what is tested here
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
    process.join(PATIENCE)
    hung = process.is_alive()
    process.kill()
    process.join()
    assert (hung, process.exitcode) == (False, 0)


def lacking(name: str) -> str | None:
    """Say why this platform cannot have a backend; None for one that it must have."""
    if name == "coreml" and sys.platform != "darwin":
        return "Core ML predicts on macOS only"
    if name == "tensorrt":
        try:
            backend_class(name).devices()
        except (BackendError, MissingDependencyError) as error:
            return str(error)
    return None


ABSENT = {name: reason for name in RUNTIMES if (reason := lacking(name))}
HERE = [pair for pair in PAIRS if pair[0] not in ABSENT]


class Case:
    """A backend with something that it runs."""

    def __init__(self, name, artifact):
        self.name, self.artifact = name, artifact

    def load(self, **options) -> Runtime:
        return load(self.artifact.path if self.artifact else WEIGHTS, runtime=self.name, **options)


@pytest.fixture(scope="module", params=HERE, ids=lambda pair: "-".join(filter(None, pair)))
def case(request):
    name, target = request.param
    return Case(name, request.getfixturevalue("artifact_of")(target) if target else None)


@pytest.fixture(scope="module")
def runtime(case):
    with case.load() as loaded:
        yield loaded


@pytest.fixture(scope="module")
def reference():
    with load(WEIGHTS) as loaded:
        yield loaded


@pytest.fixture
def levels():
    """A dark picture that is not the same anywhere, (64, 96, 3) uint8."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    texture = np.random.default_rng(5).integers(0, 12, (*SHAPE, 3))
    return (texture + (rows + columns)[..., None] // 4 * (1, 2, 1)).astype(np.uint8)


def test_every_back_end_and_every_target_is_in_a_pair():
    assert {name for name, _ in PAIRS} == set(RUNTIMES)
    assert {target for _, target in HERE if target} == set(TARGETS)


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_an_absent_back_end_says_what_it_needs(name):
    with pytest.raises((BackendError, MissingDependencyError), match=r"GPU|macOS|tensorrt"):
        backend_class(name).devices()
    pytest.skip(f"conformance of {name} is not tested here: {ABSENT[name]}")


class TestConformance:
    @pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64, ">f4"])
    def test_an_array_gives_an_array_of_its_type(self, runtime, levels, dtype):
        image = levels if dtype == np.uint8 else (levels / 255).astype(dtype)
        restored = runtime(image)
        assert isinstance(restored, np.ndarray)
        assert restored.dtype == np.dtype(dtype)
        assert restored.shape == image.shape
        assert 0 <= restored.min() < restored.max() <= (255 if dtype == np.uint8 else 1)

    def test_a_pil_image_and_a_path_give_pil_images(self, runtime, levels, tmp_path):
        picture = Image.fromarray(levels)
        picture.save(tmp_path / "in.png")
        for given in (picture, tmp_path / "in.png", str(tmp_path / "in.png")):
            restored = runtime(given)
            assert isinstance(restored, Image.Image)
            assert np.array_equal(np.asarray(restored), runtime(levels))

    def test_uint8_and_floating_point_agree_to_a_level(self, runtime, levels):
        expected = runtime(levels).astype(int)
        for dtype in (np.float32, np.float64):
            restored = np.rint(runtime((levels / 255).astype(dtype)) * 255)
            assert np.abs(restored - expected).max() <= 1

    def test_the_same_image_gives_the_same_result_to_the_bit(self, runtime, levels):
        image = levels.astype(np.float32) / 255
        first = runtime(image)
        runtime(np.zeros((8, 8, 3), np.uint8))
        assert all(np.array_equal(runtime(image), first) for _ in range(3))

    def test_golden_images_come_out(self, case, runtime, request):
        artifact = case.artifact or request.getfixturevalue("artifact_onnx")
        pairs = list(golden.read(artifact.path))
        assert pairs
        for name, image, expected in pairs:
            off = np.abs(runtime(image).astype(int) - expected)
            beyond = 0.001 if runtime.info.precision == "fp16" else 0.0
            assert np.mean(off > 1) <= beyond, name

    def test_it_agrees_with_the_network(self, runtime, reference, levels):
        image = levels.astype(np.float32) / 255
        gate = GATES["fp16"] if runtime.info.target == "coreml" else GATES[runtime.info.precision]
        assert psnr(runtime(image), reference(image), peak=1.0) >= gate

    @pytest.mark.parametrize("size", [(1, 1), (7, 5), (57, 91), (64, 95)])
    def test_any_size_is_continued_by_reflection_and_cropped(self, runtime, levels, size):
        image = levels[: size[0], : size[1]]
        full = runtime.info.graphs[0].shape or runtime.info.spec.size.padded(*size)
        margins = [(0, whole - part) for whole, part in zip(full, size, strict=True)]
        restored = runtime(image)
        assert restored.shape == (*size, 3)
        continued = np.pad(image, (*margins, (0, 0)), mode="reflect")
        assert np.array_equal(restored, runtime(continued)[: size[0], : size[1]])

    def test_the_input_is_left_alone(self, runtime, levels):
        for image in (levels, levels.astype(np.float32) / 255):
            before = image.copy()
            runtime(image)
            assert np.array_equal(image, before)

    def test_the_result_is_the_callers_own(self, runtime, levels):
        first = runtime(levels)
        kept = first.copy()
        runtime(255 - levels)
        assert np.array_equal(first, kept)
        first[:] = 0

    def test_read_only_and_non_contiguous_arrays_are_taken(self, runtime, levels):
        expected = runtime(levels)
        frozen = levels.copy()
        frozen.setflags(write=False)
        mirrored = levels[::-1, ::-1].copy()[::-1, ::-1]
        wide = np.zeros((SHAPE[0], SHAPE[1], 4), np.uint8)
        wide[..., :3] = levels
        for image in (frozen, mirrored, wide[..., :3], np.asfortranarray(levels)):
            assert np.array_equal(runtime(image), expected)

    def test_it_says_what_it_is_and_what_it_did(self, case, runtime, levels):
        runtime(levels)
        assert runtime.name == case.name
        assert runtime.info.name == WEIGHTS
        assert isinstance(runtime.info.spec, ImageSpec)
        assert runtime.device in runtime.devices()
        assert any(digit.isdigit() for digit in runtime.provider)
        assert WEIGHTS in repr(runtime)
        assert set(runtime.timings) == {"prepare", "prior", "model", "finish", "total"}
        stages = sum(ms for name, ms in runtime.timings.items() if name != "total")
        assert 0 < runtime.timings["model"] <= stages <= runtime.timings["total"]

    def test_timings_are_of_the_last_call(self, runtime, levels):
        runtime(levels)
        before = runtime.timings
        runtime(levels)
        assert runtime.timings is not before

    def test_each_of_many_threads_gets_what_it_would_get_alone(self, runtime, levels):
        pictures = [levels[:height, :width] for height, width in SIZES]
        alone = [runtime(picture) for picture in pictures]

        def work(first):
            for turn in range(first, first + ROUNDS):
                if not np.array_equal(runtime(pictures[turn % len(SIZES)]), alone[turn % len(SIZES)]):
                    return False
                if not 0 < runtime.timings["model"] <= runtime.timings["total"]:
                    return False
            return True

        assert in_threads(work, range(THREADS)) == [True] * THREADS

    def test_many_threads_may_load_it_at_once(self, case, runtime, levels):
        expected = runtime(levels)

        def work(_):
            with case.load() as loaded:
                return np.array_equal(loaded(levels), expected)

        assert in_threads(work, range(3)) == [True] * 3

    def test_times_are_those_of_the_threads_own_call(self, runtime, levels):
        runtime(levels)
        assert in_threads(lambda _: runtime.timings, [0]) == [{}]
        assert runtime.timings

    def test_closing_waits_for_the_calls_that_run(self, case, levels):
        loaded = case.load()
        expected = loaded(levels)
        begun = threading.Barrier(THREADS + 1)

        def work(_):
            begun.wait(PATIENCE)
            while True:
                try:
                    if not np.array_equal(loaded(levels), expected):
                        return "another picture"
                except BackendError as error:
                    return str(error)

        with ThreadPoolExecutor(THREADS) as pool:
            found = [pool.submit(work, index) for index in range(THREADS)]
            begun.wait(PATIENCE)
            loaded.close()
            assert all("closed; load it again" in each.result(PATIENCE) for each in found)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    def test_a_forked_process_is_refused_and_may_load_it_again(self, case, runtime, levels):
        expected = runtime(levels)

        def child():
            with pytest.raises(BackendError, match=r"forked process.*load it again here, or.*'spawn'"):
                runtime(levels)
            with pytest.raises(BackendError, match="forked process"):
                _ = runtime.provider
            runtime.close()
            with case.load() as again:  # MNN chooses its kernels again, some of which round otherwise
                assert np.abs(again(levels).astype(int) - expected).max() <= 1

        in_a_fork(child)
        assert np.array_equal(runtime(levels), expected)

    def test_an_absent_device_is_an_error_that_lists_those_here(self, case, runtime):
        with pytest.raises(BackendError, match=f"device 'warp' is not available.*here: {runtime.device}"):
            case.load(device="warp")

    def test_a_device_that_is_here_is_used(self, case, levels):
        device = backend_class(case.name).devices()[-1]
        with case.load(device=device) as loaded:
            assert loaded.device == device

    def test_one_thread_gives_the_same(self, case, runtime, levels):
        with case.load(threads=1) as loaded:
            assert np.abs(loaded(levels).astype(int) - runtime(levels)).max() <= 1
        with pytest.raises(UsageError, match="threads must be at least 1"):
            case.load(threads=0)

    def test_closed_it_refuses(self, case, levels):
        with case.load() as loaded:
            loaded(levels)
        with pytest.raises(BackendError, match="closed; load it again"):
            loaded(levels)
        with pytest.raises(BackendError, match="closed"):
            _ = loaded.provider
        loaded.close()

    def test_a_truncated_native_file_is_named(self, case, tmp_path):
        """Even where someone signed it again, so that its hash is right."""
        copy = tmp_path / "cut.safetensors"
        if case.artifact is None:
            shutil.copy(locate(WEIGHTS), copy)
            largest = copy
        else:
            shutil.copytree(case.artifact.path, copy)
            files = [f for g in case.artifact.manifest.graphs for f in native_files(copy / g.file)]
            largest = max(files, key=lambda f: f.stat().st_size)
        largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
        if case.artifact is not None:
            manifest = replace(case.artifact.manifest, files=hash_files(copy))
            (copy / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        with pytest.raises((BackendError, IncompatibleError), match=re.escape(str(copy))):
            load(copy, runtime=case.name)

    def test_what_it_cannot_run_is_a_back_end_failure(self, case, runtime):
        (graph, session), *_ = runtime._sessions.items()
        name = "thumbnail" if graph.role == "prior" else "image"
        with pytest.raises((BackendError, IncompatibleError)):
            runtime._run(session, {name: np.zeros((1, 5, 16, 16), np.float32)})

    def test_what_is_not_an_rgb_image_is_refused(self, runtime, levels):
        with pytest.raises(UsageError, match="alpha"):
            runtime(np.dstack([levels, levels[..., :1]]))
        with pytest.raises(UsageError, match="without NaN"):
            runtime(np.full((8, 8, 3), np.nan))
        assert runtime(levels).shape == levels.shape


def test_threads_of_torch_elsewhere_are_left_alone(levels):
    import torch

    before = torch.get_num_threads()
    with load(WEIGHTS, threads=before + 1) as loaded:
        loaded(levels)
        assert torch.get_num_threads() == before
        assert in_threads(lambda _: torch.get_num_threads(), [0]) == [before]
