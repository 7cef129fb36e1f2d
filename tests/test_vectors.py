"""The vectors of `spec/vectors` are what their script makes."""

import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def made(repository, tmp_path_factory):
    """A folder of vectors made now."""
    folder = tmp_path_factory.mktemp("vectors")
    script = repository / "spec" / "vectors" / "make_vectors.py"
    subprocess.run([sys.executable, script, "-o", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", ["thumbnail", "latent", "brightness", "tiles"])
def test_cases(repository, made, name):
    def read(folder):
        text = (folder / f"{name}.json").read_text(encoding="utf-8")
        return json.loads(text, parse_float=lambda digits: round(float(digits), 9))

    assert read(repository / "spec" / "vectors") == read(made)


def test_values(repository, made):
    folders = made, repository / "spec" / "vectors"
    found, expected = (np.fromfile(folder / "thumbnail.bin", "<f4") for folder in folders)
    assert np.abs(found - expected).max() <= 1e-7


def test_frames_are_what_their_script_makes(repository, tmp_path):
    folder = repository / "spec" / "frames"
    subprocess.run([sys.executable, folder / "make_frames.py", "-o", tmp_path], check=True)
    for name in ("formats.json", "matrices.json", "vectors.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_nothing_of_the_package_is_imported(repository):
    scripts = [
        *(repository / "spec" / "vectors").glob("*.py"),
        *(repository / "spec" / "frames").glob("*.py"),
    ]
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert "import restorect_edge" not in text
        assert "from restorect_edge" not in text
