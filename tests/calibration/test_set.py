"""The shipped calibration set: what it holds, where it comes from, and that an installed package has it."""

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

from restorect_edge.calibration.dataset import calibration_images
from restorect_edge.metrics import psnr
from restorect_edge.photos import clean, photos

LARGEST_TOTAL = 6_000_000
"""Bytes that the whole set may take."""
OF_VERIFICATION = {"04", "07", "15", "23"}


@pytest.fixture(scope="module")
def root(repository):
    return repository / "calibration"


@pytest.fixture(scope="module")
def entries(root):
    return json.loads((root / "lowlight.json").read_text(encoding="utf-8"))["images"]


def test_every_file_is_listed_with_its_hash(root, entries):
    listed = {entry["file"]: entry["sha256"] for entry in entries}
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / "lowlight").iterdir()
    }
    assert listed == found
    assert len(listed) == len(entries) >= 64
    assert len(set(listed.values())) == len(listed)


def test_every_image_has_source_licence_and_how_it_was_made(entries):
    for entry in entries:
        assert entry["source"]
        assert entry["licence"] in {
            "released by the Eastman Kodak Company for unrestricted use",
            "CC0-1.0",
            "public domain",
        }
        assert 0.01 <= entry["exposure"] <= 0.3
    assert len({entry["seed"] for entry in entries}) == len(entries)


def test_the_set_is_small(root):
    files = [root / "lowlight.json", *(root / "lowlight").iterdir()]
    assert sum(path.stat().st_size for path in files) <= LARGEST_TOTAL


def test_images_are_of_the_promised_size(entries, root):
    for entry in entries:
        with Image.open(root / entry["file"]) as image:
            assert 300 <= max(image.size) <= 600
            assert min(image.size) >= 200


def test_no_scene_of_verification_is_among_them(entries):
    kodak = {entry["source"][-2:] for entry in entries if entry["source"].startswith("Kodak")}
    assert len(kodak) == 20
    assert not kodak & OF_VERIFICATION
    assert {name[5:7] for name in photos()} == OF_VERIFICATION


def test_the_set_is_dark_but_not_of_one_darkness(root):
    means = [image.mean() for image in calibration_images().images]
    assert 10 < np.median(means) < 20
    assert min(means) < 5
    assert max(means) > 50


def test_nothing_is_to_be_said_of_it():
    found = calibration_images()
    assert found.notes == ()
    assert found.count == found.available == 96


def test_the_clean_targets_fit_the_dark_photographs():
    targets, dark = clean(), photos()
    assert targets.keys() == dark.keys()
    for name, target in targets.items():
        assert target.shape == dark[name].shape == (400, 600, 3)
        assert correlation(target, dark[name]) > 0.85
        others = [correlation(target, image) for other, image in dark.items() if other != name]
        assert max(others) < 0.5


def test_clean_targets_can_be_cut_to_size():
    assert all(image.shape == (96, 128, 3) for image in clean((96, 128)).values())


def correlation(a, b) -> float:
    return float(np.corrcoef(np.sqrt(a.mean(axis=2)).ravel(), np.sqrt(b.mean(axis=2)).ravel())[0, 1])


# how it is made


@pytest.fixture(scope="module")
def script(root):
    spec = importlib.util.spec_from_file_location("darken_script", root / "darken.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_darkening_is_reproducible_and_scales_light(script):
    grey = np.full((64, 64, 3), 200, np.uint8)
    first, second = (script.darken(grey, 0.1, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
    linear = ((first / 255 + 0.055) / 1.055) ** 2.4
    assert linear.mean() == pytest.approx(0.1 * ((200 / 255 + 0.055) / 1.055) ** 2.4, rel=0.12)


def test_a_view_of_the_manifest_is_made_again(script, root, entries, tmp_path):
    from skimage import data

    entry = next(entry for entry in entries if entry["file"] == "lowlight/chelsea-0.webp")
    path = tmp_path / "again.webp"
    made = script.view(Image.fromarray(data.chelsea()), script.VIEWS[0], entry["seed"], path)
    assert {key: made[key] for key in ("exposure", "seed", "crop")} == {
        key: entry[key] for key in ("exposure", "seed", "crop")
    }
    again, shipped = (np.asarray(Image.open(file)) for file in (path, root / entry["file"]))
    assert psnr(again, shipped) > 45  # the codec's version may differ


# where it is found


def test_an_installed_wheel_has_the_set(repository, tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=repository, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import restorect_edge; from restorect_edge.calibration.dataset import calibration_images as c; "
        "from restorect_edge.photos import clean; s = c(); "
        "print(restorect_edge.__file__, s.count, s.sha256, len(clean()), sep='\\n')"
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
    where, count, digest, targets = done.stdout.splitlines()
    assert where.startswith(str(tmp_path / "site"))
    shipped = calibration_images()
    assert (int(count), digest, int(targets)) == (shipped.count, shipped.sha256, 4)
