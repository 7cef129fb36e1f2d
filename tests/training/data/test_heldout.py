"""Pairs that a run is validated on."""

import shutil

import numpy as np
import pytest

from restorect_edge.errors import UsageError
from restorect_edge.media.photos import photo_paths
from restorect_edge.training.data.heldout import GREATEST_SIDE, VIEWS, held_out


@pytest.fixture
def clean(tmp_path):
    folder = tmp_path / "clean"
    folder.mkdir()
    for path in sorted((photo_paths()[0].parents[1] / "clean").iterdir())[:2]:
        shutil.copy(path, folder / path.name)
    return folder


def test_pairs_are_taken_as_they_are(pairs, tmp_path):
    found = held_out(pairs, task="lowlight", made=tmp_path / "made")
    assert {pair.degraded.parent for pair in found} == {pairs / "low"}
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("task", ["lowlight", "backlit"])
def test_each_photograph_is_degraded_in_several_ways(clean, tmp_path, task):
    found = held_out(clean, task=task, made=tmp_path / "made")
    assert len(found) == 2 * VIEWS
    assert all(max(pair.size()) <= GREATEST_SIDE for pair in found)
    first, second = (pair.read() for pair in found[:2])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], second[0])
    assert first[0].mean() < first[1].mean()


def test_what_was_made_is_the_same_again_and_is_not_made_anew(clean, tmp_path):
    first = [pair.read()[0] for pair in held_out(clean, task="backlit", made=tmp_path / "a")]
    other = [pair.read()[0] for pair in held_out(clean, task="backlit", made=tmp_path / "b")]
    assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.png")}
    held_out(clean, task="backlit", made=tmp_path / "a")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.png")}


def test_a_folder_with_neither_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no image pairs in"):
        held_out(tmp_path, task="lowlight", made=tmp_path / "made")


def test_a_task_without_a_degradation_is_an_error(clean, tmp_path):
    with pytest.raises(UsageError, match="task with a degradation 'haze'"):
        held_out(clean, task="haze", made=tmp_path / "made")
