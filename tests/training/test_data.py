"""Finding and decoding image pairs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.training.data import find_pairs


def save(path: Path, height: int = 16, width: int = 24) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 40, np.uint8)).save(path)


@pytest.mark.parametrize("names", [("low", "high"), ("input", "target")])
def test_pairs_are_matched_by_stem_whatever_the_suffix(tmp_path, names):
    for stem in ("b", "a"):
        save(tmp_path / names[0] / f"{stem}.png")
        save(tmp_path / names[1] / f"{stem}.webp")
    pairs = find_pairs(tmp_path)
    assert [pair.name for pair in pairs] == ["a", "b"]
    degraded, clean = pairs[0].read()
    assert degraded.shape == clean.shape == (16, 24, 3)
    assert degraded.dtype == np.uint8


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"no image pairs in .* low/ and high/ or input/ and target/"):
        find_pairs(tmp_path)


def test_images_without_partner_are_listed(tmp_path):
    save(tmp_path / "low" / "a.png")
    save(tmp_path / "high" / "b.png")
    with pytest.raises(UsageError, match=r"2 images in .* no partner of that name: a, b"):
        find_pairs(tmp_path)


def test_empty_folders_are_an_error(tmp_path):
    (tmp_path / "low").mkdir()
    (tmp_path / "high").mkdir()
    with pytest.raises(UsageError, match="no images"):
        find_pairs(tmp_path)


def test_sizes_must_agree(tmp_path):
    save(tmp_path / "low" / "a.png")
    save(tmp_path / "high" / "a.png", height=20)
    with pytest.raises(UsageError, match=r"24×16 but .* 24×20"):
        find_pairs(tmp_path)[0].read()


def test_a_broken_file_is_named(tmp_path):
    save(tmp_path / "high" / "a.png")
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "a.png").write_bytes(b"not a png")
    with pytest.raises(UsageError, match=r"cannot read .*a\.png"):
        find_pairs(tmp_path)[0].read()
