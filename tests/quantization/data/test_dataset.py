"""Choosing and decoding the photographs that INT8 is calibrated on."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.quantization.data.dataset import GREATEST_SIDE, calibration_images, tasks


def save(path: Path, height: int = 64, width: int = 96, *, seed: int = 0, flat: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 9, np.uint8) if flat else rng.integers(0, 60, (height, width, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Twenty different photographs."""
    for number in range(20):
        save(tmp_path / "set" / f"{number:02d}.png", seed=number)
    return tmp_path / "set"


@pytest.fixture
def manifest(folder):
    """A manifest of them."""
    images = [
        {"file": f"set/{path.name}", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
    ]
    path = folder.parent / "mine.json"
    path.write_text(json.dumps({"schema": 1, "task": "lowlight", "images": images}))
    return path


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# what is chosen


def test_the_same_seed_chooses_the_same_images(folder):
    first, second = (calibration_images(folder, num=8, seed=3) for _ in range(2))
    assert first.names == second.names
    assert first.sha256 == second.sha256
    assert all(np.array_equal(a, b) for a, b in zip(first.images, second.images, strict=True))


def test_another_seed_chooses_others(folder):
    first, second = (calibration_images(folder, num=8, seed=seed) for seed in (0, 1))
    assert set(first.names) != set(second.names)
    assert first.sha256 != second.sha256


def test_the_choice_does_not_change_with_versions(folder):
    assert calibration_images(folder, num=4).names == ("19.png", "06.png", "02.png", "01.png")


def test_fewer_images_begin_a_larger_choice(folder):
    few, many = (calibration_images(folder, num=num) for num in (5, 17))
    assert many.names[:5] == few.names


def test_images_are_what_the_names_say(folder):
    found = calibration_images(folder, num=3)
    for name, image in zip(found.names, found.images, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(folder / name)))
        assert image.dtype == np.uint8


def test_fewer_than_asked_says_how_many(folder):
    found = calibration_images(folder, num=128)
    assert (found.count, found.available, found.requested) == (20, 20, 128)
    assert found.notes == ()


def test_the_hash_is_of_the_contents_in_their_order(folder):
    found = calibration_images(folder, num=2)
    lines = [hashlib.sha256((folder / name).read_bytes()).hexdigest() + "\n" for name in found.names]
    assert found.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_source_names_no_path(folder):
    assert calibration_images(folder).source == "folder 'set'"


@pytest.mark.parametrize("name", ["low", "input"])
def test_pairs_give_their_degraded_side(tmp_path, name):
    save(tmp_path / name / "a.png", seed=1)
    save(tmp_path / {"low": "high", "input": "target"}[name] / "a.png", seed=2)
    found = calibration_images(tmp_path)
    assert np.array_equal(found.images[0], np.asarray(Image.open(tmp_path / name / "a.png")))
    assert f"({name}/)" in found.source


def test_photographs_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(save(tmp_path / "a.png"))
    image.save(tmp_path / "a.png", exif=exif)
    assert calibration_images(tmp_path).images[0].shape == (96, 64, 3)


def test_large_photographs_are_reduced_in_proportion(tmp_path):
    save(tmp_path / "a.png", 500, 2 * GREATEST_SIDE)
    save(tmp_path / "b.png", 70, 20 * GREATEST_SIDE)
    found = calibration_images(tmp_path)
    shapes = dict(zip(found.names, (image.shape for image in found.images), strict=True))
    assert shapes["a.png"] == (250, GREATEST_SIDE, 3)
    assert shapes["b.png"] == (64, round(20 * GREATEST_SIDE * 64 / 70), 3)
    assert any(note.startswith("2 of 2 photographs were reduced") for note in found.notes)


def test_no_back_end_is_imported():
    code = (
        "import sys; from restorect_edge.quantization.data.dataset import calibration_images as c; "
        "c(num=1); print(sorted({'torch', 'nncf', 'onnx', 'openvino'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# what is refused


@pytest.mark.parametrize("num", [0, -1])
def test_num_is_at_least_one(folder, num):
    with pytest.raises(UsageError, match=f"at least 1 photograph, got {num}"):
        calibration_images(folder, num=num)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no calibration photographs at '.*none': give a folder"):
        calibration_images(tmp_path / "none")


@pytest.mark.parametrize("inner", ["", "low"])
def test_an_empty_folder(tmp_path, inner):
    (tmp_path / inner).mkdir(exist_ok=True)
    with pytest.raises(UsageError, match=r"no images in .*; readable: JPEG, PNG"):
        calibration_images(tmp_path)


def test_unreadable_images_are_named(folder):
    (folder / "03.png").write_bytes(b"not a png")
    content = (folder / "05.png").read_bytes()
    (folder / "05.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UsageError, match=r"2 of 20 photographs .* cannot read .*0[35]\.png.* cannot read"):
        calibration_images(folder)


def test_many_unusable_images_are_counted(folder):
    for number in range(7):
        (folder / f"{number:02d}.png").write_bytes(b"")
    with pytest.raises(UsageError, match=r"7 of 20 photographs .*; and 4 more\. Fix or remove them"):
        calibration_images(folder)


@pytest.mark.parametrize(("height", "width"), [(63, 96), (96, 63)])
def test_small_images_are_named_with_their_size(folder, height, width):
    save(folder / "small.png", height, width)
    with pytest.raises(UsageError, match=rf"small\.png' is {width}×{height}; sides are at least 64"):
        calibration_images(folder)


def test_transparent_photographs_are_refused(folder):
    Image.new("RGBA", (96, 64)).save(folder / "other.png")
    with pytest.raises(UsageError, match=r"other\.png' is partly transparent"):
        calibration_images(folder)


@pytest.mark.parametrize("mode", ["L", "I;16", "P", "CMYK"])
def test_photographs_of_other_modes_are_taken_as_rgb(folder, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new(mode, (96, 64)).save(folder / f"other.{suffix}")
    chosen = calibration_images(folder)
    image = chosen.images[chosen.names.index(f"other.{suffix}")]
    assert (image.shape, image.dtype) == ((64, 96, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 3])
def test_flat_images_alone_carry_no_signal(tmp_path, count):
    for number in range(count):
        save(tmp_path / f"{number}.png", flat=True)
    with pytest.raises(UsageError, match="carries no signal"):
        calibration_images(tmp_path)


# what is said


def test_a_flat_image_among_others_is_noted(folder):
    save(folder / "cap.png", flat=True)
    assert calibration_images(folder).notes == ("'cap.png' is of one color: no signal there",)


def test_copies_and_few_images_are_noted(tmp_path):
    for number in range(20):
        save(tmp_path / f"{number}.png")
    assert calibration_images(tmp_path).notes == (
        "19 of 20 photographs are copies of others",
        "calibrated on 1 photograph; 16 or more are advised",
    )


# manifests


def test_a_manifest_gives_its_images(manifest, folder):
    found = calibration_images(manifest, num=4)
    assert found.source == "manifest 'mine.json'"
    assert found.available == 20
    for name, image in zip(found.names, found.images, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(folder.parent / name)))


def test_edited_images_are_refused(manifest, folder):
    save(folder / "04.png", seed=99)
    with pytest.raises(IncompatibleError, match=r"'set/04\.png' is missing or not the file of that sha256"):
        calibration_images(manifest)


def test_missing_images_are_refused(manifest, folder):
    for number in range(5):
        (folder / f"{number:02d}.png").unlink()
    with pytest.raises(IncompatibleError, match=r"' and 2 more are missing or not"):
        calibration_images(manifest)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"schema": 1, "task": "x", "images": [{"file": "a"}]}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(IncompatibleError, match=r"not a calibration manifest .*: it has schema, task and"):
        calibration_images(path)


def test_another_schema_is_refused(manifest):
    edit(manifest, schema=2)
    with pytest.raises(IncompatibleError, match="schema 2; this version reads 1"):
        calibration_images(manifest)


def test_a_manifest_without_images_is_refused(manifest):
    edit(manifest, images=[])
    with pytest.raises(UsageError, match="lists no images"):
        calibration_images(manifest)


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "set/../../a.png"])
def test_a_manifest_cannot_reach_out_of_its_folder(manifest, name):
    edit(manifest, images=[{"file": name, "sha256": "0" * 64}])
    with pytest.raises(IncompatibleError, match="outside its folder"):
        calibration_images(manifest)


def test_a_manifest_for_another_task_is_noted(manifest):
    notes = calibration_images(manifest, task="underwater").notes
    assert notes == ("manifest 'mine.json' was made for the task 'lowlight', not 'underwater'",)


def test_an_unknown_task_is_named():
    assert tasks() == ["backlit", "lowlight", "underwater"]
    with pytest.raises(UsageError, match=r"is shipped for the task 'low-light' \(there are: backlit, low"):
        calibration_images(task="low-light")
