"""The brightness of video: held where nothing moves, left alone where something does."""

import numpy as np
import pytest

from restorect_edge.inference.video.brightness import STREAK, BrightnessTrack


@pytest.fixture
def picture():
    return np.random.default_rng(0).uniform(0.1, 0.9, (3, 40, 56)).astype(np.float32)


def test_a_scene_that_stands_still_keeps_its_brightness(picture):
    track = BrightnessTrack(0.75)
    gains = [track.step(np.float32(share) * picture) for share in (1.0, 1.1, 0.9, 1.0, 1.1)]
    expected, level = [1.0] * STREAK, 1.0
    for number, share in enumerate((1.1, 0.9, 1.0, 1.1), start=1):
        if number >= STREAK:
            expected.append(level / share)
        level = 0.75 * level + 0.25 * share
    assert gains == pytest.approx(expected, rel=1e-5)


def test_what_moves_before_the_camera_does_not_count(picture):
    track, moved = BrightnessTrack(0.9), picture.copy()
    moved[:, :10, :14] *= 2
    gains = [track.step(frame) for frame in [picture] * STREAK + [moved]]
    assert gains == pytest.approx([1.0] * len(gains), abs=1e-5)


def test_a_camera_that_moves_is_left_alone(picture):
    track = BrightnessTrack(0.9)
    assert [track.step(np.roll(picture, 3 * at, axis=2)) for at in range(8)] == [1.0] * 8


def test_a_scene_that_becomes_brighter_by_itself_is_left_alone(picture):
    track = BrightnessTrack(0.9)
    assert [track.step(frame) for frame in [0.6 * picture] * 8 + [picture] * 3][-3:] == [1.0] * 3


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 5, 300), (3, 8, 8)])
def test_frames_of_any_size_have_a_brightness(shape):
    track, frame = BrightnessTrack(0.5), np.zeros(shape, np.float32)
    assert [track.step(frame) for _ in range(5)] == [1.0] * 5


def test_no_smoothing_is_no_gain(picture):
    track = BrightnessTrack(0.0)
    assert [track.step(np.float32(share) * picture) for share in (1, 1.1, 0.9, 1, 1.1)] == [1.0] * 5
