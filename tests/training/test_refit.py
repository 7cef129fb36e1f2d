"""Exposure and colors fitted anew to photographs, with the prior as it is."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from restorect_edge.media.photos import clean
from restorect_edge.weights import locate


@pytest.fixture(scope="module")
def refitted(repository, saved, tmp_path_factory):
    """Tensors of lowlight-nano before and after a short fit."""
    folder = tmp_path_factory.mktemp("refit")
    photographs = saved(folder / "photographs", clean((128, 192)))
    output = folder / "out.safetensors"
    options = ["--data", photographs, "--clear", photographs, "--patch", "64", "--views", "2"]
    command = [sys.executable, repository / "training" / "refit.py", "lowlight-nano", *options]
    done = subprocess.run(
        [*command, "--iterations", "40", "-o", output], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return load_file(locate("lowlight-nano")), load_file(output), done.stderr


def test_only_exposure_and_colors_change(refitted):
    before, after, _ = refitted
    changed = {name for name in before if not torch.equal(before[name].float(), after[name].float())}
    assert changed
    assert {name.rsplit(".", 1)[0] for name in changed} == {"body.exposure", "body.colour"}


def test_the_loss_falls(refitted):
    losses = [float(line.rsplit(" ", 1)[1]) for line in refitted[2].splitlines() if "loss" in line]
    assert losses[-1] < losses[0]
