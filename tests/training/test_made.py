"""Pictures that no photograph stands in for are written as training reads them, the same every time."""

import runpy
from pathlib import Path

import numpy as np

from restorect_edge.training.data.pairs import images_in
from restorect_edge.training.data.sources import open_upright

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "training" / "made.py"))


def test_a_folder_of_pictures_is_written(tmp_path):
    assert SCRIPT["main"]([str(tmp_path / "made")]) == 0
    found = {path.stem: open_upright(path) for path in images_in(tmp_path / "made")}
    made = dict(SCRIPT["pictures"]())
    assert found.keys() == made.keys() and len(made) == 12
    assert all(np.array_equal(found[name], made[name]) for name in made)


def test_grains_have_their_size_and_flat_frames_one_level():
    made = dict(SCRIPT["pictures"]())
    assert all(levels.shape == (384, 576, 3) and levels.dtype == np.uint8 for levels in made.values())
    assert len(np.unique(made["noise-8"][:8, :8].reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(made["noise-8"][:16, :8].reshape(-1, 3), axis=0)) == 2
    assert np.unique(made["flat-32"]).tolist() == [32]
