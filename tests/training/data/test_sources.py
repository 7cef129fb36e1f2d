"""What the training loop draws: pairs, degraded photographs, and mixtures of both."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.training.data.degradations import NOISELESS, LowLight
from restorect_edge.training.data.folders import find_pairs
from restorect_edge.training.data.sources import MixedSource, PairSource, PhotoSource, open_source


def save(path: Path, size: tuple[int, int] = (60, 48), level: int = 120, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.add.outer(np.arange(size[1]), np.arange(size[0])) % 100
    Image.fromarray(np.stack([ramp + level, ramp, ramp + 50], axis=-1).astype(np.uint8)).save(path, **options)


@pytest.fixture
def pairs(tmp_path):
    for number in range(3):
        save(tmp_path / "pairs" / "low" / f"{number}.png", level=10 + number)
        save(tmp_path / "pairs" / "high" / f"{number}.png", level=100 + number)
    return tmp_path / "pairs"


@pytest.fixture
def photos(tmp_path):
    for number in range(3):
        save(tmp_path / "photos" / f"{number}.png", (150, 110), level=100 + number)
    return tmp_path / "photos"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([3, seed])


def test_a_folder_of_pairs_is_drawn_as_it_is(pairs):
    source = open_source(pairs, task="lowlight", least=48)
    assert isinstance(source, PairSource)
    assert source.names == ("0", "1", "2")
    assert len(source) == 3
    degraded, clean = source.draw(1, rng())
    assert np.array_equal(degraded, np.asarray(Image.open(pairs / "low" / "1.png")))
    assert np.array_equal(clean, np.asarray(Image.open(pairs / "high" / "1.png")))


def test_pairs_that_do_not_fit_are_read_when_drawn(pairs):
    found = find_pairs(pairs)
    small = PairSource(found, least=8, budget=1000)
    large = PairSource(found, least=8)
    assert (small.in_memory, large.in_memory) == (False, True)
    for index in (0, 2, 0):
        for one, other in zip(small.draw(index, rng()), large.draw(index, rng()), strict=True):
            assert np.array_equal(one, other)


def test_pairs_in_memory_outlive_their_files(pairs):
    source = open_source(pairs, task="lowlight", least=8)
    (pairs / "low" / "0.png").unlink()
    assert source.draw(0, rng())[0].shape == (48, 60, 3)


def spoil(pairs: Path) -> None:
    whole = (pairs / "low" / "0.png").read_bytes()
    (pairs / "low" / "0.png").write_bytes(whole[: len(whole) // 2])
    save(pairs / "high" / "1.png", (60, 50))


def test_bad_pairs_are_all_named(pairs):
    spoil(pairs)
    with pytest.raises(UsageError, match=r"2 of 3 pairs cannot be used: .*0\.png.*; pair '1'.*60×48.*60×50"):
        open_source(pairs, task="lowlight", least=8)


def test_bad_pairs_are_skipped_if_asked_and_noted(pairs):
    spoil(pairs)
    save(pairs / "low" / "lonely.png")
    source = open_source(pairs, task="lowlight", least=8, skip_bad=True)
    assert source.names == ("2",)
    assert [note.split(" in ")[0].split(" cannot")[0] for note in source.notes] == [
        "skipped: 1 images",
        "skipped: 2 of 3 pairs",
    ]


def test_small_pairs_are_named(pairs):
    with pytest.raises(UsageError, match=r"3 of 3 pairs .* is 60×48; training needs sides of at least 64"):
        open_source(pairs, task="lowlight", least=64)


def test_the_training_split_of_a_dataset_is_taken(tmp_path):
    for part, name in (("our485", "train"), ("eval15", "test")):
        for side in ("low", "high"):
            save(tmp_path / "LOL" / part / side / f"{name}.png")
    assert open_source(tmp_path / "LOL", task="lowlight", least=8).names == ("train",)


def test_a_dataset_without_clean_images_cannot_be_trained_on(tmp_path):
    save(tmp_path / "DICM" / "1.png")
    with pytest.raises(UsageError, match="is DICM, which has no clean images"):
        open_source(tmp_path / "DICM", task="lowlight", least=8)


@pytest.mark.parametrize("task", ["lowlight", "backlit", "underwater", "fundus"])
def test_photographs_are_degraded_on_the_fly(photos, task):
    source = open_source(photos, task=task, least=40)
    assert isinstance(source, PhotoSource)
    shapes = set()
    for index in range(30):
        degraded, clean = source.draw(index % 3, rng(index))
        assert degraded.shape == clean.shape
        assert degraded.dtype == clean.dtype == np.uint8
        assert 40 <= min(clean.shape[:2]) <= max(clean.shape[:2]) <= 80
        assert not np.array_equal(degraded, clean)
        shapes.add(clean.shape)
    assert len(shapes) > 10


def test_windows_are_reduced_at_random(photos):
    source = PhotoSource(sorted(photos.iterdir()), LowLight(), (16, 16))
    gradients = [np.abs(np.diff(source.draw(0, rng(i))[1][:, :, 1].astype(int))).max() for i in range(20)]
    assert len(set(gradients)) > 3


def test_the_same_generator_gives_the_same_window(photos):
    source = open_source(photos, task="lowlight", least=40)
    first, again, other = (source.draw(1, rng(seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[1].shape != other[1].shape or not np.array_equal(first[1], other[1])


def test_a_photograph_as_small_as_the_window_is_taken_whole(tmp_path):
    save(tmp_path / "a.png", (40, 40))
    clean = LowLight(exposure=(1, 1), red=(1, 1), blue=(1, 1), tone=(1, 1), camera=NOISELESS)
    degraded, whole = PhotoSource([tmp_path / "a.png"], clean, (40, 80)).draw(0, rng())
    assert np.array_equal(whole, np.asarray(Image.open(tmp_path / "a.png")))
    assert np.abs(degraded.astype(int) - whole).max() <= 1


def test_photographs_that_do_not_fit_are_read_when_drawn(photos):
    files = sorted(photos.iterdir())
    small, large = (PhotoSource(files, LowLight(), (40, 60), budget=b) for b in (1000, 10**9))
    assert (small.in_memory, large.in_memory) == (False, True)
    for one, other in zip(small.draw(2, rng()), large.draw(2, rng()), strict=True):
        assert np.array_equal(one, other)


def test_large_photographs_are_reduced_and_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "wide.jpg", (2000, 400), exif=exif)
    source = PhotoSource([tmp_path / "wide.jpg"], LowLight(), (300, 1600))
    shapes = [source.draw(0, rng(i))[1].shape for i in range(12)]
    assert max(shape[1] for shape in shapes) <= 307
    assert 600 < max(shape[0] for shape in shapes) <= 1536


def test_bad_photographs_are_named_or_skipped(photos):
    (photos / "0.png").write_bytes(b"no picture")
    save(photos / "small.png", (30, 30))
    with pytest.raises(UsageError, match=r"2 of 4 photographs cannot be used: cannot read .*0\.png.*30×30"):
        open_source(photos, task="lowlight", least=40)
    source = open_source(photos, task="lowlight", least=40, skip_bad=True)
    assert source.names == ("1", "2")
    assert "2 of 4 photographs" in source.notes[0]


def test_photographs_need_a_task_with_a_degradation(photos):
    with pytest.raises(UsageError, match=r"unknown task with a degradation 'haze'; known: backlit, fundus"):
        open_source(photos, task="haze", least=40)


def test_an_empty_folder_says_what_it_may_hold(tmp_path):
    with pytest.raises(UsageError, match=r"nothing to train on .*low/ and high/.*WebP.*underwater"):
        open_source(tmp_path, task="lowlight", least=40)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match="no training data at"):
        open_source(tmp_path / "nowhere", task="lowlight", least=40)


def test_a_mixture_draws_by_weight(pairs, photos):
    sources = [open_source(folder, task="lowlight", least=40) for folder in (pairs, photos)]
    mixed = MixedSource(sources, [3, 1])
    assert len(mixed) == 6
    assert mixed.names == ("0", "1", "2", "0", "1", "2")
    shapes = [mixed.draw(i % 6, rng(i))[1].shape for i in range(400)]
    assert np.mean([shape == (48, 60, 3) for shape in shapes]) == pytest.approx(0.75, abs=0.07)


def test_a_mixture_weighs_by_length_unless_told(pairs, tmp_path):
    save(tmp_path / "one" / "a.png", (100, 100))
    sources = [open_source(folder, task="lowlight", least=40) for folder in (pairs, tmp_path / "one")]
    mixed = MixedSource(sources)
    shapes = [mixed.draw(i % 4, rng(i))[1].shape for i in range(400)]
    assert np.mean([shape == (48, 60, 3) for shape in shapes]) == pytest.approx(0.75, abs=0.07)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -2.0]])
def test_weights_must_fit_the_sources(pairs, weights):
    source = open_source(pairs, task="lowlight", least=8)
    with pytest.raises(UsageError, match="2 sources need as many weights above 0"):
        MixedSource([source, source], weights)


def test_a_mixture_of_nothing_is_an_error():
    with pytest.raises(UsageError, match="0 sources"):
        MixedSource([])
