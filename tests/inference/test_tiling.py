"""Tiles cover the image once, and give what the whole gives."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from restorect_edge import ImageSpec, SizeRequirements, UsageError, load
from restorect_edge.artifact import GraphFile, Manifest
from restorect_edge.errors import BackendError, IncompatibleError
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.fit import LARGEST_WINDOW, fit
from restorect_edge.inference.tiling import Span, Window, best_window, cut, plan
from restorect_edge.models import build

quick = settings(max_examples=60, deadline=None)
slow = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_windows_are_those_of_the_vectors(repository):
    cases = json.loads((repository / "spec" / "vectors" / "tiles.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        padded = tuple(case["padded"])
        best = best_window(padded, case["limit"], case["halo"], case["multiple"])
        assert case["asked"] or list(best) == case["window"], case["name"]
        if case["rows"] is None:
            with pytest.raises(UsageError, match="keeps nothing"):
                list(plan(padded, tuple(case["window"]), case["halo"]))
            continue
        expected = [
            Window(Span(*rows), Span(*columns)) for rows in case["rows"] for columns in case["columns"]
        ]
        assert list(plan(padded, tuple(case["window"]), case["halo"])) == expected, case["name"]


@st.composite
def layouts(draw):
    """Multiple, halo, padded size and window, such as the runtime makes them."""
    multiple = draw(st.sampled_from([1, 2, 8]))
    halo = multiple * draw(st.integers(0, 5))
    padded = tuple(multiple * draw(st.integers(1, 40)) for _ in range(2))
    window = tuple(2 * halo + multiple * draw(st.integers(1, 12)) for _ in range(2))
    return multiple, halo, padded, window


@quick
@given(layouts())
def test_every_pixel_is_kept_once_and_has_its_context(layout):
    multiple, halo, padded, window = layout
    kept = np.zeros(padded, int)
    for part in plan(padded, window, halo):
        assert part.size == window
        kept[part.rows.keep_from : part.rows.keep_to, part.columns.keep_from : part.columns.keep_to] += 1
        for span, length in ((part.rows, padded[0]), (part.columns, padded[1])):
            assert 0 <= span.start <= span.keep_from < span.keep_to
            assert span.keep_to <= min(span.stop, length)
            assert span.start == 0 or span.keep_from - span.start >= halo
            assert span.stop >= length or span.stop - span.keep_to >= halo
            assert span.stop <= max(length, span.stop - span.start)
            assert span.start % multiple == 0
    assert (kept == 1).all()


@quick
@given(layouts(), st.integers(1, 40_000))
def test_the_best_window_keeps_to_its_limit_and_to_the_grid(layout, limit):
    multiple, halo, padded, _ = layout
    window = best_window(padded, limit, halo, multiple)
    assert all(side % multiple == 0 and side <= whole for side, whole in zip(window, padded, strict=True))
    parts = list(plan(padded, window, halo))
    smallest = 6 * halo + multiple
    if window[0] * window[1] > limit:
        assert all(side <= smallest or side == whole for side, whole in zip(window, padded, strict=True))
    if padded[0] * padded[1] <= limit:
        assert (window, len(parts)) == (padded, 1)


@quick
@given(st.tuples(st.integers(1, 6000), st.integers(1, 8000)), st.integers(1, 4), st.integers(0, 40))
def test_what_a_window_gives_is_bounded_at_any_scale(size, scale, halo):
    spec = ImageSpec(scale=scale, halo=halo)
    free = ModuleRuntime(nn.Identity(), spec).info
    _, window = fit(free, size, None)
    assert window[0] * window[1] * scale**2 <= LARGEST_WINDOW or window == size


def test_large_windows_read_little_twice():
    parts = list(plan((6000, 8000), best_window((6000, 8000), 2 << 20, 72, 8), 72))
    assert sum(part.size[0] * part.size[1] for part in parts) < 1.25 * 6000 * 8000


@pytest.mark.parametrize("window", [1, 16, 80])
def test_a_window_that_keeps_nothing_is_refused(window):
    with pytest.raises(UsageError, match=r"keeps nothing: this network needs 40 pixels of context.*than 80"):
        list(plan((200, 200), (window, 200), 40))


@quick
@given(
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(0, 24), st.integers(1, 24)),
    st.tuples(st.integers(0, 24), st.integers(1, 24)),
)
def test_cutting_is_reflecting_and_slicing(size, rows, columns):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    rows, columns = (
        (min(s, n - 1), min(s, n - 1) + k) for (s, k), n in zip((rows, columns), size, strict=True)
    )
    margins = [(0, max(0, stop - n)) for (_, stop), n in zip((rows, columns), size, strict=True)]
    expected = np.pad(image, (*margins, (0, 0)), mode="reflect")[slice(*rows), slice(*columns)]
    window = cut(image, Span(*rows, 0, 0), Span(*columns, 0, 0))
    assert np.array_equal(window, expected)
    inside = rows[1] <= size[0] and columns[1] <= size[1]
    assert np.shares_memory(window, image) == inside


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """A runtime of random weights in which z has a say."""
    student = build("nano", seed=7)
    torch.manual_seed(7)
    for layer in (student.body.exposure, student.body.colour, student.body.modulation):
        nn.init.normal_(layer.weight, std=0.3)
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_file(student.state_dict(), path, metadata={"config": json.dumps({"preset": "nano"})})
    with load(path, threads=1) as runtime:
        yield runtime


def assert_tiles_agree(runtime, size, tile):
    """Tiled equals whole to 1e-5; in 8 bits it is identical but where a value lies at a rounding tie."""
    levels = np.random.default_rng(size[1]).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = levels.astype(np.float32) / 255
    whole, tiled = runtime(image, tile=max(size)), runtime(image, tile=tile)
    assert np.abs(whole - tiled).max() <= 1e-5
    whole_levels, tiled_levels = runtime(levels, tile=max(size)), runtime(levels, tile=tile)
    off = whole_levels != tiled_levels
    assert np.abs(whole_levels.astype(int) - tiled_levels)[off].max(initial=0) <= 1
    assert np.abs(whole[off] * 255 % 1 - 0.5).max(initial=0) <= 0.01


@slow
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 96))
def test_tiles_of_a_student_give_the_whole(nano, height, width, tile):
    assert_tiles_agree(nano, (height, width), tile)


def test_more_than_one_window_is_run(nano):
    calls = []
    run = nano._run
    nano._run = lambda session, feeds: (calls.append(set(feeds)), run(session, feeds))[1]
    try:
        nano(np.zeros((200, 280, 3), np.uint8), tile=64)
    finally:
        del nano._run
    assert calls.count({"thumbnail"}) == 1, "the prior looks once"
    assert calls.count({"image", "z"}) > 4


def test_the_shipped_network_tiles_too():
    with load("lowlight-small", threads=1) as runtime:
        assert_tiles_agree(runtime, (331, 205), 24)


def test_tiles_of_an_exported_body_give_the_whole(artifact_split):
    with load(artifact_split.path, threads=1) as runtime:
        assert runtime.info.spec.tileable
        assert_tiles_agree(runtime, (331, 205), 24)


class ModuleRuntime(Runtime):
    """Runs a module as it is."""

    name = "module"

    def __init__(self, module, spec, shape=None):
        self.module = module.eval()
        graph = GraphFile(role="whole", file="none", shape=shape)
        super().__init__(
            Manifest(
                name="own",
                task="custom",
                target="torch",
                precision="fp32",
                form="whole",
                spec=spec,
                graphs=(graph,),
            ),
            Path(),
        )

    @classmethod
    def devices(cls):
        return ("cpu",)

    def _open(self, path):
        return self.module

    def _run(self, session, feeds):
        with torch.inference_mode():
            return session(torch.from_numpy(feeds["image"])).numpy()

    def _provider(self, session):
        return "module 1"


def local_network(scale=1, layers=3):
    """Convolutions without a negative weight, so that every pixel within reach counts."""
    torch.manual_seed(0)
    widths = [3, *[4] * (layers - 1), 3 * scale**2]
    convolutions = [nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)]
    for layer in convolutions:
        nn.init.uniform_(layer.weight, 0.5 / layer.weight[0].numel(), 1.5 / layer.weight[0].numel())
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*convolutions, nn.PixelShuffle(scale))


@slow
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.sampled_from([1, 2, 3]))
def test_a_network_of_ones_own_tiles_with_the_halo_it_declares(height, width, tile, scale):
    runtime = ModuleRuntime(local_network(scale), ImageSpec(scale=scale, halo=3))
    assert runtime(np.zeros((height, width, 3), np.uint8)).shape == (scale * height, scale * width, 3)
    assert_tiles_agree(runtime, (height, width), tile)


def test_too_small_a_halo_shows():
    image = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    honest, wrong = (ModuleRuntime(local_network(), ImageSpec(halo=halo)) for halo in (3, 2))
    whole = honest(image, tile=64)
    assert np.abs(honest(image, tile=16) - whole).max() <= 1e-5
    assert np.abs(wrong(image, tile=16) - whole).max() > 1e-3


def test_fixed_windows_tile_a_local_network():
    network, image = local_network(2), np.random.default_rng(0).random((70, 100, 3), dtype=np.float32)
    spec = ImageSpec(scale=2, halo=3)
    fixed, free = ModuleRuntime(network, spec, (32, 48)), ModuleRuntime(network, spec)
    assert np.abs(fixed(image) - free(image)).max() <= 1e-5
    with pytest.raises(UsageError, match="sides are fixed at 32x48"):
        fixed(image, tile=16)


def test_windows_are_no_smaller_than_the_network_takes():
    spec = ImageSpec(size=SizeRequirements(minimum=48), halo=3)
    assert_tiles_agree(ModuleRuntime(local_network(), spec), (100, 20), 8)


def test_a_network_that_looks_everywhere_is_not_tiled():
    runtime = ModuleRuntime(local_network(), ImageSpec(), (32, 48))
    with pytest.raises(IncompatibleError, match=r"an image of 70x100 does not fit.*32x48.*--form split"):
        runtime(np.zeros((70, 100, 3), np.uint8))
    runtime = ModuleRuntime(local_network(), ImageSpec())
    with pytest.raises(UsageError, match="looks at the whole image"):
        runtime(np.zeros((70, 100, 3), np.uint8), tile=16)
    with pytest.raises(UsageError, match="at least 1 pixel, got 0"):
        ModuleRuntime(local_network(), ImageSpec(halo=3))(np.zeros((70, 100, 3), np.uint8), tile=0)


@pytest.mark.parametrize(
    ("sides", "shape"),
    [((32, 48), (48, 32)), ((32, 48), (40, 20)), ((48, 32), (30, 41)), ((32, 32), (20, 31))],
    ids=["portrait", "smaller portrait", "landscape", "square"],
)
@pytest.mark.parametrize("scale", [1, 2])
def test_fixed_sides_take_an_image_of_the_other_orientation_by_turning_it(sides, shape, scale):
    network, image = local_network(scale), np.random.default_rng(0).random((*shape, 3), dtype=np.float32)
    runtime = ModuleRuntime(network, ImageSpec(scale=scale), sides)
    restored = runtime(image)
    assert restored.shape == (scale * shape[0], scale * shape[1], 3)
    upright = shape[0] <= sides[0] and shape[1] <= sides[1]
    seen = image if upright else np.rot90(image)
    direct = runtime(seen)
    assert np.array_equal(restored, direct if upright else np.rot90(direct, -1))


def test_what_fits_no_way_round_is_refused():
    runtime = ModuleRuntime(local_network(), ImageSpec(), (32, 48))
    with pytest.raises(IncompatibleError, match=r"image of 49x20 does not fit.*32x48.*upright or turned"):
        runtime(np.zeros((49, 20, 3), np.uint8))


def test_an_output_of_another_size_than_declared_is_an_error():
    runtime = ModuleRuntime(local_network(scale=2), ImageSpec(scale=3))
    with pytest.raises(IncompatibleError, match=r"gave \(1, 3, 32, 32\).*expected \(1, 3, 48, 48\).*scale 3"):
        runtime(np.zeros((16, 16, 3), np.uint8))


def test_values_that_are_not_numbers_are_an_error():
    class Broken(nn.Module):
        def forward(self, x):
            return x / 0.0

    for image in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(BackendError, match="NaN"):
            ModuleRuntime(Broken(), ImageSpec())(image)


def test_memory_is_bounded(artifact_split, repository):
    """6 megapixels grow the peak by one window of 2 megapixels and the image itself, twice.

    In one piece they grow it by about 800 MB.
    """
    peaks = {}
    for size in ("400x500", "2000x3000"):
        command = [sys.executable, repository / "benchmarks/memory.py", "--child", artifact_split.path, size]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[size] = json.loads(done.stdout.splitlines()[-1])["peak_mb"]
    assert peaks["2000x3000"] - peaks["400x500"] < 400
