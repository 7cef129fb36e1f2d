"""What `pip install` gives: a wheel that restores photographs with one runtime and no PyTorch."""

import os
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge.artifact import Artifact, file_hash
from restorect_edge.media.photos import photo_paths
from restorect_edge.targets.registry import TARGETS
from restorect_edge.utils.configuration import read_toml
from restorect_edge.weights import license, locate, names, ready

MOST = 40e6
"""Bytes of a wheel that is still quick to fetch."""


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(repository)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stdout + made.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.parametrize("folder", sorted(ready.FOLDER.iterdir()), ids=lambda folder: folder.name)
def test_a_ready_artifact_is_whole_and_belongs_to_the_shipped_weights(folder):
    manifest = Artifact.open(folder).manifest
    current = file_hash(locate(manifest.name))
    assert manifest.weights["sha256"] == current, f"'{manifest.name}' has changed: run make ready, and commit"
    assert folder.name == f"{manifest.name}-{manifest.precision}"
    assert (manifest.form, manifest.verification["status"]) == ("split", "pass")


def test_the_default_weights_are_ready_in_both_precisions():
    for name in (license.DEFAULT, license.PRODUCT):
        assert ready.available(name) == list(ready.PRECISIONS)


def test_the_wheel_holds_what_restores_and_says_what_it_is(wheel):
    assert wheel.stat().st_size < MOST
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (found,) = [name for name in held if name.endswith(".dist-info/METADATA")]
        described = message_from_bytes(archive.read(found))
    for folder in ready.FOLDER.iterdir():
        assert f"restorect_edge/weights/exported/{folder.name}/manifest.json" in held
    assert {f"restorect_edge/weights/{name}.json" for name in names()} <= held
    assert described["Author"] or described["Author-Email"]
    assert described["License-Expression"] == "Apache-2.0"
    assert described.get_all("Project-URL")
    assert len(described.get_all("Classifier")) > 8
    assert described["Version"] == metadata.version("restorect-edge")


def test_what_a_target_needs_is_in_its_extra(repository):
    extras = read_toml(repository / "pyproject.toml", "project")["project"]["optional-dependencies"]
    for target in TARGETS.values():
        for need in target.needs:
            declared = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in extras[need.extra]}
            wanted = (need.distribution or need.module.replace("_", "-")).lower()
            assert wanted in declared, f"{target.name}: {need}"


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of an environment with the wheel, ONNX Runtime and the readers of rare photographs."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"{wheel}[onnxruntime,photo]"]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if re.search(r"No matching distribution|ConnectionError|Temporary failure", installed.stderr):
        pytest.skip(f"no package index is reachable from here: {installed.stderr.splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr
    return folder / "bin" / "python"


def run(python, *arguments, cwd):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300)


def phone(path: Path, size: tuple[int, int]) -> None:
    """Write a dark photograph of a phone held upright: the sensor's rows, and how to turn them."""
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Phone 12", 6
    with Image.open(photo_paths()[0]) as photo:
        photo.convert("RGB").resize(size).save(path, exif=exif, dpi=(300, 300))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    tifffile, heif = pytest.importorskip("tifffile"), pytest.importorskip("pillow_heif")
    folder = tmp_path_factory.mktemp("photographs")
    phone(folder / "phone.jpg", (4000, 3000))
    with Image.open(photo_paths()[0]) as photo:
        small = photo.convert("RGB").resize((120, 80))
    small.convert("L").save(folder / "gray.png")
    clear = Image.new("L", small.size, 77)
    Image.merge("RGBA", (*small.split(), clear)).save(folder / "clear.png")
    tifffile.imwrite(folder / "deep.tif", np.asarray(small).astype(np.uint16) * 257, photometric="rgb")
    heif.from_pillow(small).save(folder / "apple.heic")
    return folder


def test_a_photograph_is_restored_beside_itself_without_pytorch(python, photographs):
    done = run(python, "-m", "restorect_edge", "run", "phone.jpg", cwd=photographs)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "phone-restored.jpg\n"
    assert "ONNX Runtime" in done.stderr
    assert "license of lowlight-small: " in done.stderr
    with Image.open(photographs / "phone.jpg") as dark:
        before = np.asarray(dark.resize((40, 30))).mean()
    with Image.open(photographs / "phone-restored.jpg") as restored:
        assert restored.size == (4000, 3000)
        assert (restored.getexif()[0x0110], restored.getexif()[0x0112]) == ("Phone 12", 6)
        assert restored.info["dpi"] == (300, 300)
        assert np.asarray(restored.resize((40, 30))).mean() > 1.5 * before


def test_rare_photographs_keep_their_kind(python, photographs):
    files = ["gray.png", "clear.png", "deep.tif", "apple.heic"]
    done = run(python, "-m", "restorect_edge", "run", "--product", *files, cwd=photographs)
    assert done.returncode == 0, done.stderr
    assert "may be shipped" in done.stderr
    with Image.open(photographs / "gray-restored.png") as gray:
        assert gray.mode == "L"
    with Image.open(photographs / "clear-restored.png") as clear:
        assert clear.mode == "RGBA"
        assert set(np.asarray(clear)[..., 3].ravel()) == {77}
    tifffile = pytest.importorskip("tifffile")
    assert tifffile.imread(photographs / "deep-restored.tif").dtype == np.uint16
    assert (photographs / "apple-restored.heic").stat().st_size > 100


CALL = """
import sys, numpy, restorect_edge
image = numpy.full((50, 70, 3), 20, numpy.uint8)
with restorect_edge.load("lowlight-small", precision=sys.argv[1]) as restore:
    print(restore(image).mean() > 20, restore.info.precision, "torch" in sys.modules)
"""


@pytest.mark.parametrize("precision", ready.PRECISIONS)
def test_the_library_restores_without_pytorch(python, tmp_path, precision):
    done = run(python, "-c", CALL, precision, cwd=tmp_path)
    assert done.stdout == f"True {precision} False\n", done.stderr


def test_weights_that_are_not_ready_name_what_they_need(python, photographs):
    done = run(
        python, "-m", "restorect_edge", "run", "lowlight-base", "gray.png", "-o", "other.png", cwd=photographs
    )
    assert done.returncode == 3
    assert "pip install 'restorect-edge[export]'" in done.stderr


def test_names_that_are_none_are_said_before_what_would_run_them(python, photographs):
    done = run(
        python, "-m", "restorect_edge", "run", "lowlight-nan", "gray.png", "-o", "other.png", cwd=photographs
    )
    assert done.returncode == 1
    assert "unknown weights 'lowlight-nan'" in done.stderr
    assert "did you mean 'lowlight-nano'?" in done.stderr
