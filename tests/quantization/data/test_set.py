"""The shipped calibration sets: what they hold, where they come from, that an installed package has them."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from restorect_edge.evaluation.metrics import psnr
from restorect_edge.media.photos import TASKS, clean, of_task, photos
from restorect_edge.quantization.data.dataset import calibration_images, tasks

LARGEST_TOTAL = 6_000_000
"""Bytes that all sets may take together."""
OF_VERIFICATION = {"04", "07", "15", "23"}


@pytest.fixture(scope="module")
def root(repository):
    return repository / "calibration"


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return request.param


@pytest.fixture(scope="module")
def entries(root, task):
    return listed_in(root, task)


def listed_in(root, task):
    manifest = json.loads((root / f"{task}.json").read_text(encoding="utf-8"))
    assert (manifest["schema"], manifest["task"]) == (1, task)
    return manifest["images"]


def test_a_set_is_shipped_for_every_task_with_photographs_to_verify_on():
    assert tuple(tasks()) == TASKS


def test_every_file_is_listed_with_its_hash(root, task, entries):
    listed = {entry["file"]: entry["sha256"] for entry in entries}
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / task).iterdir()
    }
    assert listed == found
    assert len(listed) == len(entries) >= 48
    assert len(set(listed.values())) == len(listed)


def test_every_image_has_source_license_and_how_it_was_made(entries):
    for entry in entries:
        assert entry["source"]
        assert entry["license"] in {
            "released by the Eastman Kodak Company for unrestricted use",
            "CC0-1.0",
            "public domain",
        }
    assert len({entry["seed"] for entry in entries}) == len(entries)


def test_the_sets_are_small(root):
    files = [path for path in root.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST_TOTAL


def test_low_light_has_the_promised_exposures(root):
    assert all(0.01 <= entry["exposure"] <= 0.3 for entry in listed_in(root, "lowlight"))


def test_images_are_of_the_promised_size(entries, root):
    for entry in entries:
        with Image.open(root / entry["file"]) as image:
            assert 300 <= max(image.size) <= 600
            assert min(image.size) >= 200


def test_no_scene_of_verification_is_among_them(task, entries):
    kodak = {entry["source"][-2:] for entry in entries if entry["source"].startswith("Kodak")}
    assert len(kodak) == 20
    assert not kodak & OF_VERIFICATION
    assert {name[5:7] for name in photos(folder=of_task(task))} == OF_VERIFICATION


def test_the_set_is_dark_but_not_of_one_darkness(root):
    means = [image.mean() for image in calibration_images().images]
    assert 10 < np.median(means) < 20
    assert min(means) < 5
    assert max(means) > 50


def test_the_sea_is_blue_or_green():
    shares = [image.mean((0, 1)) / image.mean() for image in calibration_images(task="underwater").images]
    red, green, blue = np.median(shares, axis=0)
    assert red < 0.8
    assert min(green, blue) > 1.0


def test_a_backlit_picture_is_dark_in_part_and_bright_in_part():
    means = [image.mean(axis=2) for image in calibration_images(task="backlit").images]
    assert np.median([np.percentile(mean, 25) for mean in means]) < 50
    assert np.median([np.percentile(mean, 98) for mean in means]) > 150


def test_nothing_is_to_be_said_of_them(task):
    found = calibration_images(task=task)
    assert found.notes == ()
    assert found.count == found.available == (96 if task == "lowlight" else 48)


def test_the_clean_targets_fit_the_photographs(task):
    targets, dark = clean(task=task), photos(folder=of_task(task))
    assert targets.keys() == dark.keys()
    for name, target in targets.items():
        assert target.shape == dark[name].shape == (400, 600, 3)
        assert correlation(target, dark[name]) > 0.75
        others = [correlation(target, image) for other, image in dark.items() if other != name]
        assert max(others) < 0.5


def test_a_task_without_photographs_is_verified_on_dark_ones():
    assert of_task("fundus") == of_task("lowlight")


def test_clean_targets_can_be_cut_to_size():
    assert all(image.shape == (96, 128, 3) for image in clean((96, 128)).values())


def correlation(a, b) -> float:
    return float(np.corrcoef(np.sqrt(a.mean(axis=2)).ravel(), np.sqrt(b.mean(axis=2)).ravel())[0, 1])


# how it is made


@pytest.fixture(scope="module")
def script(root):
    return loaded(root / "darken.py")


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
    return module


def test_darkening_is_reproducible_and_scales_light(script):
    grey = np.full((64, 64, 3), 200, np.uint8)
    first, second = (script.darken(grey, 0.1, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
    linear = ((first / 255 + 0.055) / 1.055) ** 2.4
    assert linear.mean() == pytest.approx(0.1 * ((200 / 255 + 0.055) / 1.055) ** 2.4, rel=0.12)


@pytest.mark.parametrize("other", ["backlit", "underwater"])
def test_a_view_of_another_task_is_made_again(root, other, tmp_path):
    from skimage import data

    entry = next(entry for entry in listed_in(root, other) if entry["file"] == f"{other}/chelsea-1.webp")
    degrade, path = loaded(root / "degrade.py"), tmp_path / "again.webp"
    made = degrade.view(other, Image.fromarray(data.chelsea()), degrade.VIEWS[1], entry["seed"], path)
    assert (made["seed"], made["crop"]) == (entry["seed"], entry["crop"])
    again, shipped = (np.asarray(Image.open(file)) for file in (path, root / entry["file"]))
    assert psnr(again, shipped) > 45


def test_a_view_of_the_manifest_is_made_again(script, root, tmp_path):
    from skimage import data

    found = listed_in(root, "lowlight")
    entry = next(entry for entry in found if entry["file"] == "lowlight/chelsea-0.webp")
    path = tmp_path / "again.webp"
    made = script.view(Image.fromarray(data.chelsea()), script.VIEWS[0], entry["seed"], path)
    assert {key: made[key] for key in ("exposure", "seed", "crop")} == {
        key: entry[key] for key in ("exposure", "seed", "crop")
    }
    again, shipped = (np.asarray(Image.open(file)) for file in (path, root / entry["file"]))
    assert psnr(again, shipped) > 45  # the codec's version may differ


# where it is found


def test_an_installed_wheel_has_the_sets(repository, tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=repository, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import restorect_edge; "
        "from restorect_edge.quantization.data.dataset import calibration_images as c; "
        "from restorect_edge.media.photos import TASKS, clean; "
        "print(restorect_edge.__file__, *(c(task=t).sha256 + str(len(clean(task=t))) for t in TASKS))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    where, *digests = done.stdout.split()
    assert where.startswith(str(tmp_path / "site"))
    assert digests == [f"{calibration_images(task=name).sha256}4" for name in TASKS]
