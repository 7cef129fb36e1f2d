"""The pictures that are computed: the same everywhere, and each of its kind at any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorect_edge.media.photos import clean, generated

SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40))
KINDS = {"noise": generated.noise, "saturated": generated.saturated, "gradient": generated.gradient}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(size=SIDES)
def test_each_is_the_same_at_every_call_and_of_the_size_asked_for(kind, size):
    picture = KINDS[kind](size)
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, KINDS[kind](size))


@settings(max_examples=20)
@given(size=SIDES, level=st.sampled_from(generated.FLAT_LEVELS))
def test_flat_frames_have_one_level(size, level):
    assert np.unique(generated.flat(size, level)).tolist() == [level]


def test_flat_frames_are_named_by_what_they_look_like():
    names = [generated.flat_name(level) for level in generated.FLAT_LEVELS]
    assert len(set(names)) == len(names)
    assert {"black", "mid-gray", "white"} < set(names)


def test_pure_colors_are_the_corners_that_are_no_gray():
    frames = {name: np.unique(generated.pure((4, 6), name).reshape(-1, 3), axis=0) for name in generated.PURE}
    assert [frames[name].tolist() for name in ("red", "yellow", "cyan")] == [
        [[255, 0, 0]],
        [[255, 255, 0]],
        [[0, 255, 255]],
    ]
    assert len({tuple(*frame) for frame in frames.values()}) == 6


def test_saturated_patches_are_the_corners_of_the_color_cube():
    colors = np.unique(generated.saturated((32, 48)).reshape(-1, 3), axis=0)
    assert len(colors) == 8
    assert set(np.unique(colors)) == {0, 255}


def test_the_gradient_and_noise_have_every_level():
    for picture in (generated.gradient((256, 256)), generated.noise((64, 96))):
        assert all(len(np.unique(picture[..., channel])) == 256 for channel in range(3))


def test_a_brightened_photograph_is_brighter():
    photo = next(iter(clean((32, 48)).values()))
    assert generated.brightened(photo).mean() > photo.mean() + 20
    assert (generated.brightened(photo) >= photo).all()
