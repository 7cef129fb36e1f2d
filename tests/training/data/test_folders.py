"""Finding, decoding and checking image pairs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.training.data.folders import find_pairs, list_pairs
from restorect_edge.training.data.pairs import without_faults


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
    assert pairs[0].size() == (24, 16)


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"no image pairs in .* low/ and high/ or input/ and target/"):
        find_pairs(tmp_path)


def test_images_without_partner_are_listed(tmp_path):
    save(tmp_path / "low" / "a.png")
    save(tmp_path / "high" / "b.png")
    with pytest.raises(UsageError, match=r"2 images in .* no partner of that name: a, b"):
        find_pairs(tmp_path)


def test_images_without_partner_are_skipped_if_asked(tmp_path):
    for name in ("low/a", "high/a", "low/b", "high/c"):
        save(tmp_path / f"{name}.png")
    pairs, notes = list_pairs(tmp_path, skip_bad=True)
    assert [pair.name for pair in pairs] == ["a"]
    assert len(notes) == 1
    assert "skipped: 2 images" in notes[0]
    assert "b, c" in notes[0]


def test_only_the_first_few_are_named(tmp_path):
    save(tmp_path / "high" / "z.png")
    for number in range(8):
        save(tmp_path / "low" / f"{number}.png")
    with pytest.raises(UsageError, match=r"9 images .*: 0, 1, 2, 3, 4, … \(4 more\)"):
        find_pairs(tmp_path)


def test_empty_folders_are_an_error(tmp_path):
    (tmp_path / "low").mkdir()
    (tmp_path / "high").mkdir()
    with pytest.raises(UsageError, match="no images"):
        find_pairs(tmp_path)


@pytest.mark.parametrize("look", ["read", "size"])
def test_sizes_must_agree(tmp_path, look):
    save(tmp_path / "low" / "a.png")
    save(tmp_path / "high" / "a.png", height=20)
    with pytest.raises(UsageError, match=r"24×16 but .* 24×20"):
        getattr(find_pairs(tmp_path)[0], look)()


@pytest.mark.parametrize("look", ["read", "size"])
def test_a_broken_file_is_named(tmp_path, look):
    save(tmp_path / "high" / "a.png")
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "a.png").write_bytes(b"not a png")
    with pytest.raises(UsageError, match=r"cannot read .*a\.png"):
        getattr(find_pairs(tmp_path)[0], look)()


def odd_is_bad(index: int) -> None:
    if index % 2:
        raise UsageError(f"number {index} is odd")


def test_faults_are_counted_and_named():
    with pytest.raises(UsageError, match=r"2 of 4 pairs cannot be used: number 1 is odd; number 3 is odd"):
        without_faults(list("abcd"), odd_is_bad, what="pairs", skip_bad=False)


def test_faults_are_skipped_if_asked():
    kept, notes = without_faults(list("abcd"), odd_is_bad, what="pairs", skip_bad=True)
    assert kept == [0, 2]
    assert notes == ("skipped: 2 of 4 pairs cannot be used: number 1 is odd; number 3 is odd",)


def test_nothing_but_faults_is_an_error_in_any_case():
    with pytest.raises(UsageError, match="2 of 2 pairs cannot be used"):
        without_faults(list("ab"), lambda i: odd_is_bad(2 * i + 1), what="pairs", skip_bad=True)
