"""The gate alone, trained for real on something tiny."""

import numpy as np
import pytest
import torch

from restorect_edge import load
from restorect_edge.cli import train as command
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.media.photos import clean, photos
from restorect_edge.training.config import PriorTraining
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.engine import checkpoint
from restorect_edge.training.gate import GateStage
from restorect_edge.training.run import train_prior
from restorect_edge.weights import locate

SIZES = {"patch": 64, "views": 2, "batch": 16, "iterations": 150, "warmup": 1, "threads": 1}
SIZES |= {"validate_every": 150, "learning_rate": 0.3, "softened": 0.0, "ema": 0.8}


@pytest.fixture(scope="module")
def gated(pairs, saved, tmp_path_factory):
    """lowlight-nano behind a gate that has learnt to leave bright photographs alone."""
    folder = tmp_path_factory.mktemp("gate")
    clear = saved(folder / "clear", clean((96, 128)))
    run = {"preset": "nano-gated", "init": "lowlight-nano", "data": pairs, "clear": clear}
    return train_prior(**run, output_dir=folder / "run", **SIZES)


def test_a_clear_photograph_is_left_alone_and_a_dark_one_is_restored_as_before(gated):
    with load(gated) as behind, load("lowlight-nano") as before:
        bright = np.minimum(photos((96, 128))["kodak07-dark"].astype(int) * 5, 255).astype(np.uint8)
        np.testing.assert_allclose(behind(bright).astype(int), bright, atol=1)
        assert np.abs(before(bright).astype(int) - bright).max() > 1
        dark = photos((96, 128))["kodak07-dark"]
        np.testing.assert_allclose(behind(dark).astype(int), before(dark), atol=1)


def test_nothing_but_the_gate_is_trained(gated):
    before, after = checkpoint.read(locate("lowlight-nano")), checkpoint.read(gated)
    assert all(torch.equal(after[name], value.float()) for name, value in before.items())
    assert set(after) - set(before) == {"body.gate.weight", "body.gate.bias"}
    assert after["body.gate.weight"].any()


def test_a_preset_without_a_gate_is_refused():
    with pytest.raises(IncompatibleError, match="'nano' has no gate to train; use nano-gated"):
        GateStage(PriorTraining(preset="nano"), ())


def test_data_in_which_nothing_needs_restoring_are_refused(saved_pairs):
    same = clean((96, 128))
    source = open_source(saved_pairs(same, same), task="lowlight", least=64)
    stage = GateStage(PriorTraining(preset="nano-gated", views=1, softened=0.0), (source,))
    with pytest.raises(UsageError, match="nothing to restore in --data: no input is less than 30 dB"):
        next(stage.batches(source, 0, 1, None, 0))


def test_a_gate_is_not_trained_on_what_a_teacher_says(pairs, tmp_path, capsys):
    options = [
        "--preset",
        "nano-gated",
        "--data",
        str(pairs),
        "--clear",
        str(pairs),
        "-o",
        str(tmp_path / "x"),
    ]
    assert command.main(["prior", *options, "--teacher", "lowlight-nano"]) == 1
    assert "--clear trains the gate alone, and --teacher the prior" in capsys.readouterr().err
