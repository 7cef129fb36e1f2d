"""What the prior looks at: as the vectors say, as the network does, of every size, type and layout."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from restorect_edge.inference import thumbnail as module
from restorect_edge.inference.thumbnail import thumbnail
from restorect_edge.models.blocks import POOL, area_thumbnail


@pytest.fixture(scope="module")
def vectors(repository, pictures):
    """Name, picture, case and expected planes of each vector."""
    folder = repository / "spec" / "vectors"
    values = np.fromfile(folder / "thumbnail.bin", "<f4")
    found = []
    for case in json.loads((folder / "thumbnail.json").read_text(encoding="utf-8"))["cases"]:
        count = 6 * case["side"] ** 2
        planes = values[case["offset"] : case["offset"] + count].reshape(6, case["side"], -1)
        found.append((pictures.picture(case["picture"]), case, planes))
    return found


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("deviation", [False, True])
def test_it_is_that_of_the_vectors(vectors, dtype, deviation):
    for levels, case, expected in vectors:
        assert levels.sum(dtype=int) == case["sum"]
        image = levels if dtype == np.uint8 else (levels / 255).astype(dtype)
        found = thumbnail(image, tuple(case["padded"]), case["side"], case["pool"], deviation=deviation)
        assert found.dtype == np.float32
        assert found.shape == (1, 6 if deviation else 3, case["side"], case["side"])
        assert np.abs(found[0] - expected[: found.shape[1]]).max() <= 2e-6, case["name"]


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
    st.sampled_from([np.uint8, np.float32]),
    st.sampled_from([16, 64]),
    st.booleans(),
)
def test_the_thumbnail_is_that_of_the_network(size, dtype, side, deviation):
    noise = np.random.default_rng(size[0])
    levels = noise.integers(0, 256, (*size, 3), dtype=np.uint8)
    image = levels if dtype == np.uint8 else levels.astype(np.float32) / 255
    padded = tuple(-(-n // 8) * 8 for n in size)
    margins = [(0, p - n) for p, n in zip(padded, size, strict=True)]
    whole = np.pad(levels.astype(np.float32) / 255, (*margins, (0, 0)), mode="reflect")
    expected = area_thumbnail(torch.from_numpy(whole).permute(2, 0, 1)[None], side, deviation=deviation)
    found = thumbnail(image, padded, side, POOL, deviation=deviation)
    assert found.shape == (1, 6 if deviation else 3, side, side)
    assert np.abs(found - expected.numpy()).max() <= 1e-6


@pytest.mark.parametrize("pool", [1, 3, 16, 100])
def test_blocks_of_any_side_are_averaged(pool):
    image = np.random.default_rng(1).integers(0, 256, (2 * pool, 3 * pool, 3), dtype=np.uint8)
    found = thumbnail(image, (2 * pool, 3 * pool), 1, pool)
    assert np.allclose(found[0, :, 0, 0], image.mean((0, 1)) / 255, atol=1e-6)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_flat_picture_deviates_nowhere(level):
    flat = np.full((24, 32, 3), level, np.uint8)
    assert not thumbnail(flat, (24, 32), 4, POOL, deviation=True)[0, 3:].any()


@pytest.mark.parametrize("strip", [1, 100, 1 << 20])
def test_strips_of_any_size_give_the_same(monkeypatch, strip):
    image = np.random.default_rng(2).integers(0, 256, (45, 61, 3), dtype=np.uint8)
    expected = thumbnail(image, (48, 64), 16, POOL, deviation=True)
    monkeypatch.setattr(module, "STRIP", strip)
    assert np.array_equal(thumbnail(image, (48, 64), 16, POOL, deviation=True), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_views_give_the_same_as_copies(dtype):
    image = np.random.default_rng(3).integers(0, 256, (90, 61, 4), dtype=np.uint8)
    image = image if dtype == np.uint8 else (image / 255).astype(dtype)
    view = image[::-2, ::-1, 2::-1]
    expected = thumbnail(np.ascontiguousarray(view), (48, 64), 16, POOL, deviation=True)
    assert np.array_equal(thumbnail(view, (48, 64), 16, POOL, deviation=True), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_noise_keeps_its_deviation_however_bright(dtype):
    """Squares less the square of the mean would lose it to rounding."""
    for level in (2, 254):
        noise = np.random.default_rng(4).integers(-1, 2, (64, 64, 3))
        small = dtype == np.uint8
        image = (level + noise).astype(dtype) if small else ((level + noise / 64) / 256).astype(dtype)
        blocks = image.astype(float).reshape(16, 4, 16, 4, 3) / (255 if small else 1)
        found = thumbnail(image, (64, 64), 16, POOL, deviation=True)[0, 3:]
        assert np.allclose(found, blocks.std((1, 3)).transpose(2, 0, 1), rtol=2e-3, atol=1e-7)
