"""The supervised loop, trained for real on something tiny."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from restorect_edge import load, train
from restorect_edge.errors import UsageError
from restorect_edge.photos import photos
from restorect_edge.training.config import TrainConfig
from restorect_edge.training.supervised import Trainer
from restorect_edge.training.supervised import train as run_training


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Dark photographs and the same, brightened: a task that a few steps improve."""
    folder = tmp_path_factory.mktemp("pairs")
    for kind in ("low", "high"):
        (folder / kind).mkdir()
    for name, dark in photos((96, 128)).items():
        Image.fromarray(dark).save(folder / "low" / f"{name}.png")
        bright = np.minimum(dark.astype(np.int64) * 5, 255).astype(np.uint8)
        Image.fromarray(bright).save(folder / "high" / f"{name}.png")
    return folder


def tiny(**changes) -> TrainConfig:
    options = {
        "preset": "nano",
        "iterations": 30,
        "batch": 4,
        "patch": 64,
        "warmup": 5,
        "validate_every": 15,
        "threads": 1,
        "ema": 0.8,
        "learning_rate": 2e-3,
    }
    return TrainConfig(**{**options, **changes})


def test_training_lowers_the_error_and_the_result_loads(pairs, tmp_path):
    best = run_training(tiny(), pairs, tmp_path, validation=pairs)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [15, 30]
    assert rows[1]["psnr"] > rows[0]["psnr"]
    dark = photos((96, 128))["kodak07-dark"]
    with load(best) as restore:
        assert restore(dark).mean() > 1.5 * dark.mean()


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(pairs, tmp_path):
    images = [(np.asarray(Image.open(pairs / k / "kodak07-dark.png")) for k in ("low", "high"))]
    images = [tuple(pair) for pair in images]
    torch.set_num_threads(1)
    straight = Trainer(tiny(), images)
    for _ in range(6):
        straight.advance()
    interrupted = Trainer(tiny(), images)
    for _ in range(3):
        interrupted.advance()
    interrupted.save(tmp_path / "last.safetensors")
    resumed = Trainer(tiny(), images)
    resumed.load(tmp_path / "last.safetensors")
    for _ in range(3):
        resumed.advance()
    expected, got = straight.student.state_dict(), resumed.student.state_dict()
    assert all(torch.equal(expected[key], got[key]) for key in expected)
    assert all(
        torch.equal(a, b)
        for a, b in zip(straight.average.parameters(), resumed.average.parameters(), strict=True)
    )


def test_command_trains_and_prints_the_weights(pairs, tmp_path, capsys):
    arguments = ["student", "--preset", "nano", "--data", str(pairs), "-o", str(tmp_path)]
    sizes = ["--iterations", "2", "--batch", "2", "--patch", "32", "--validate-every", "2", "--threads", "1"]
    assert train.main([*arguments, *sizes]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "best.safetensors"
    assert load_file(path)


def test_nothing_to_resume_is_an_error(pairs, tmp_path):
    with pytest.raises(UsageError, match="nothing to resume"):
        run_training(tiny(), pairs, tmp_path, resume=True)


def test_images_smaller_than_the_patch_are_named(pairs, tmp_path):
    with pytest.raises(UsageError, match=r"smaller than the training patch of 256 .* lower --patch"):
        run_training(tiny(patch=256), pairs, tmp_path)
