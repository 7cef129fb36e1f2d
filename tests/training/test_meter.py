"""Photographs exposed as a light meter would: one factor for the whole set."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from restorect_edge.media.photos import clean
from restorect_edge.training.data.degradations.optics import linearise, luminance


def log_mean(image) -> float:
    return float(np.log(luminance(linearise(np.asarray(image) / np.float32(255))) + 1e-3).mean())


@pytest.fixture(scope="module")
def metered(repository, tmp_path_factory):
    """The package's clean photographs before and after, by name."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("photographs", "metered"))
    before = clean((96, 128))
    for name, image in before.items():
        Image.fromarray(image).save(source / f"{name}.png")
    command = [sys.executable, repository / "training" / "meter.py", source, target, "--luminance", "0.05"]
    subprocess.run(command, check=True)
    return before, {path.stem: np.asarray(Image.open(path)) for path in target.iterdir()}


def test_the_mean_of_log_luminance_is_reached(metered):
    after = metered[1]
    assert np.exp(np.mean([log_mean(image) for image in after.values()])) == pytest.approx(0.05, rel=0.03)


def test_photographs_keep_their_brightness_against_each_other(metered):
    before, after = metered
    assert after.keys() == before.keys()
    changes = [log_mean(after[name]) - log_mean(before[name]) for name in before]
    assert np.ptp(changes) < 0.1


@pytest.mark.parametrize("luminance", ["0", "1.5"])
def test_a_luminance_that_no_meter_has_is_refused(repository, tmp_path, luminance):
    command = [sys.executable, repository / "training" / "meter.py", tmp_path, tmp_path / "to"]
    done = subprocess.run([*command, "--luminance", luminance], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "luminance between 0 and 1" in done.stderr
