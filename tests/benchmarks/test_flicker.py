"""Flicker and streams: what is filmed, how it is judged, and that the committed result keeps its limits."""

from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.media.photos import clean

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def nano():
    with restorect_edge.load("lowlight-nano", device="cpu", threads=1) as runtime:
        yield runtime


def filmed(script, scene, count=6):
    return list(script("_scenes").filmed(next(iter(clean().values())), scene, count))


def test_frames_of_a_scene_share_what_they_say(script):
    """Their means differ by noise alone, and by the lamps; whole frames of a hand differ by more."""
    spread = {
        scene: np.std([frame.shared(frame.pixels).mean() for frame in filmed(script, scene)])
        for scene in script("_scenes").SCENES
    }
    assert max(spread["static"], spread["shake"]) < 0.1 < spread["mains"]
    shaken = filmed(script, "shake")
    assert np.std([frame.pixels.mean() for frame in shaken]) > 2 * spread["shake"]
    assert len({frame.shared(frame.pixels).shape for frame in shaken}) == 1


def test_frames_are_dark_noisy_and_the_same_in_every_run(script):
    first, second = filmed(script, "static", 2)
    assert first.pixels.mean() < 40
    assert 0.3 < np.abs(first.pixels.astype(int) - second.pixels).mean() < 10
    assert np.array_equal(first.pixels, filmed(script, "static", 1)[0].pixels)


def test_the_latents_part_is_none_where_the_latent_is_kept(script, nano):
    frames = filmed(script, "static", 3)
    picture, latent = script("flicker").brightness(nano, frames, 3, 0.0)
    assert np.ptp(latent) == 0 < np.ptp(picture)
    assert np.ptp(script("flicker").brightness(nano, frames, 1, 0.0)[1]) > 0


def test_a_cut_is_followed_with_the_next_prior(script, nano):
    first, second = list(clean().values())[:2]
    ((before,), (after,)) = (script("_scenes").filmed(photo, "static", 1) for photo in (first, second))
    old, new = [before.pixels], [after.pixels] * 4
    followed = script("flicker")._followed
    assert followed(nano, old, new, (3, 0.8)) == 2
    assert followed(nano, old * 3, new, (3, 0.8)) == 0
    assert followed(nano, old, new, (1, 0.0)) == 0


def test_a_stream_is_timed_against_one_with_the_prior_on_every_frame(script, artifact_split):
    with restorect_edge.load(artifact_split.path, threads=1) as runtime:
        rows = script("stream").compare(runtime, 6, lambda: None)
    assert [row["prior_every"] for row in rows] == [1, 8, 8]
    assert rows[0]["share"] == 1
    assert all(row["share_low"] <= row["share"] <= row["share_high"] and row["frame_ms"] > 0 for row in rows)


def test_the_committed_result_is_within_its_limits(script):
    (path,) = FOLDER.rglob("flicker--host.json")
    rows = script("_results").read(path)["rows"]
    flicker = script("flicker")

    def levels(scene, setting):
        return np.mean([row["picture_levels"] for row in rows if flicker._is(row, scene, setting)])

    alone = flicker.SETTINGS[0]
    for setting in flicker.SMOOTHED:
        for scene, other in (("static", alone), ("shake", alone), ("mains", flicker.HELD)):
            assert levels(scene, setting) <= flicker.LIMIT * levels(scene, other)
    assert all(r["frames_after_a_cut"] <= r["prior_every"] for r in rows if r["scene"] == "cut")
    assert len(rows) == 3 * 4 * 5 + 2 * 4
    assert (FOLDER.parent / "docs" / "flicker.png").stat().st_size < 100_000
