"""The verb `train`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from restorect_edge.cli import train
from restorect_edge.media.photos import clean, photos
from restorect_edge.models import build
from restorect_edge.training.engine import checkpoint
from restorect_edge.weights import locate

SIZES = [
    *("--iterations", "2", "--batch", "2", "--patch", "32", "--validate-every", "2"),
    *("--threads", "1", "--warmup", "1"),
]


@pytest.fixture(scope="module")
def pairs(saved_pairs) -> Path:
    return saved_pairs(photos((64, 96)), clean((64, 96)))


def test_a_student_is_distilled_from_a_teacher(pairs, tmp_path, capsys):
    teacher = ["teacher", "--data", str(pairs), "-o", str(tmp_path / "teacher"), *SIZES]
    assert train.main(teacher) == 0
    path = capsys.readouterr().out.strip()
    student = ["student", "--preset", "nano", "--data", str(pairs), "-o", str(tmp_path / "student"), *SIZES]
    assert train.main([*student, "--teacher", path]) == 0
    best = Path(capsys.readouterr().out.strip())
    assert best == tmp_path / "student" / "best.safetensors"
    assert load_file(best)
    assert checkpoint.metadata(best)["teacher"]["preset"] == "small"


def test_weights_to_begin_with_must_be_of_the_preset(pairs, tmp_path, capsys):
    arguments = ["student", "--preset", "nano", "--data", str(pairs), "-o", str(tmp_path), *SIZES]
    assert train.main([*arguments, "--init", "lowlight-small"]) == 1
    assert "is of preset 'small', and this run trains 'nano'" in capsys.readouterr().err


def test_base_begins_as_small(pairs, tmp_path, capsys):
    shipped = checkpoint.read(locate("lowlight-small"))
    arguments = ["student", "--preset", "base", "--data", str(pairs), "-o", str(tmp_path), *SIZES]
    assert train.main([*arguments, "--init", "lowlight-small", "--prior-rate", "0"]) == 0
    assert "beginning as 'lowlight-small', of preset 'small'" in capsys.readouterr().err
    trained = checkpoint.read(tmp_path / "best.safetensors")
    assert all(torch.equal(trained[k], v) for k, v in shipped.items() if k.startswith("prior."))


def test_clean_photographs_are_degraded(saved, tmp_path, capsys):
    dark = photos((96, 128))
    bright = {name: np.minimum(p.astype(int) * 4, 255).astype(np.uint8) for name, p in dark.items()}
    folder = saved(tmp_path / "clean", bright)
    arguments = ["student", "--preset", "nano", "--data", str(folder), "--task", "backlit"]
    assert train.main([*arguments, "-o", str(tmp_path / "run"), *SIZES]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["student"], "--data and --output-dir are needed"),
        (["teacher", "--flex", "1.0"], "--flex is not an option of a teacher's run"),
        (
            ["teacher", "--teacher", "t.safetensors"],
            "--teacher is not an option of a teacher's run; it is one of prior or student",
        ),
        (["student", "--data", "nowhere", "-o", "run"], "nowhere"),
    ],
)
def test_mistakes(arguments, message, capsys):
    assert train.main(arguments) == 1
    assert message in capsys.readouterr().err


def test_options_can_be_printed(capsys):
    with pytest.raises(SystemExit, match="0"):
        train.main(["student", "--seed", "5", "--print-config"])
    assert "seed = 5  # " in capsys.readouterr().out


def test_two_processes_train_together(pairs, tmp_path):
    """Gradients are averaged: both processes hold the same weights, which one process alone does not."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command = ["-m", "restorect_edge.train", "student", "--preset", "nano", "--data", str(pairs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    together = [*torchrun, *command, "-o", str(tmp_path / "two"), *SIZES]
    done = subprocess.run(together, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = [sys.executable, *command, "-o", str(tmp_path / "one"), *SIZES]
    subprocess.run(alone, env=environment, check=True, capture_output=True, timeout=300)
    two, one = (load_file(tmp_path / name / "best.safetensors") for name in ("two", "one"))
    assert two.keys() == one.keys()
    assert any(not (two[key] == one[key]).all() for key in two)


@pytest.mark.parametrize("preset", ["small", "base"])
def test_a_prior_that_looks_at_other_inputs_begins_anew(preset, pairs, tmp_path, capsys):
    before = dict(build("small-means", seed=3).state_dict())
    older = tmp_path / "older.safetensors"
    checkpoint.write(older, before, {"config": {"preset": "small-means"}})
    older.with_suffix(".json").write_text('{"preset": "small-means"}')
    arguments = ["prior", "--preset", preset, "--data", str(pairs), "-o", str(tmp_path / "run")]
    sizes = ["--iterations", "1", "--views", "1", "--batch", "2", "--threads", "1"]
    assert train.main([*arguments, *sizes, "--init", str(older)]) == 0
    assert "but for the encoders and flows of its prior" in capsys.readouterr().err
    trained = checkpoint.read(tmp_path / "run" / "best.safetensors")
    name = "prior.decomposition.layers.0.weight"
    assert torch.equal(trained[name], before[name])


def test_weights_without_a_gate_begin_behind_an_open_one(pairs, tmp_path, capsys):
    arguments = ["student", "--preset", "nano-gated", "--data", str(pairs), "-o", str(tmp_path / "run")]
    assert train.main([*arguments, *SIZES, "--init", "lowlight-nano"]) == 0
    assert "the same function, behind a gate that is open" in capsys.readouterr().err
