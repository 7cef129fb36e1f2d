"""The latent and the brightness of video are those of the vectors that every language passes."""

import json

import numpy as np
import pytest

from restorect_edge.inference.video.brightness import BrightnessTrack
from restorect_edge.inference.video.stream import LatentTrack


@pytest.fixture
def vectors(repository):
    """`vectors(name)` returns the tolerance and the cases of one rule."""

    def read(name):
        path = repository / "spec" / "vectors" / f"{name}.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        return data["tolerance"], data["cases"]

    return read


def test_the_latent(vectors):
    tolerance, cases = vectors("latent")
    for case in cases:
        track = LatentTrack(case["prior_every"], case["smooth"])
        for number, frame in enumerate(case["frames"]):
            if frame["reset"]:
                track.reset()
            thumbnail = np.array(frame["levels"], np.float32)[None, :, None, None].repeat(2, 2).repeat(2, 3)
            z = track.step(lambda made=thumbnail: made, lambda _, z=frame["prior"]: np.array(z, np.float32))
            assert np.abs(z - frame["z"]).max() <= tolerance, (case["name"], number)
            assert (track.priors, track.cuts) == (frame["priors"], frame["cuts"]), (case["name"], number)


def test_the_brightness(vectors, pictures):
    tolerance, cases = vectors("brightness")
    for case in cases:
        track = BrightnessTrack(case["smooth"])
        for number, frame in enumerate(case["frames"]):
            gain = track.step(pictures.planes(frame))
            assert gain == pytest.approx(frame["gain"], abs=tolerance), (case["name"], number)


def test_a_prior_that_fails_leaves_the_track_as_it_was():
    def fail(_):
        raise OSError("unplugged")

    dark, bright = (np.full((1, 3, 2, 2), level, np.float32) for level in (0.1, 0.9))
    track = LatentTrack(1, 0.9)
    track.step(lambda: dark, lambda _: np.zeros(2, np.float32))
    for _ in range(2):
        with pytest.raises(OSError, match="unplugged"):
            track.step(lambda: bright, fail)
    assert (track.priors, track.cuts) == (1, 0)
    assert track.step(lambda: bright, lambda _: np.ones(2, np.float32)).tolist() == [1.0, 1.0]
    assert (track.priors, track.cuts) == (2, 1)
