"""Stage 1: the teacher."""

import json

import pytest
import torch

from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models import build
from restorect_edge.training.data.folders import find_pairs
from restorect_edge.training.data.sampling import Sampling, draw
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.engine import checkpoint
from restorect_edge.training.engine.loop import fit
from restorect_edge.training.teacher import TeacherStage, load_teacher


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    """Return the folder of a tiny run."""
    from restorect_edge.training.config import TeacherTraining

    folder = tmp_path_factory.mktemp("teacher")
    options = TeacherTraining(
        batch=2, patch=64, warmup=5, threads=1, ema=0.8, iterations=24, validate_every=12, diffusion=0.05
    )
    source = open_source(pairs, task="lowlight", least=64)
    fit(TeacherStage(options), source, folder, validation=find_pairs(pairs)[:1])
    return folder


def test_training_lowers_the_error(run):
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert rows[1]["psnr"] > rows[0]["psnr"]


def test_a_trained_teacher_loads_without_gradients(run):
    teacher, facts = load_teacher(run / "best.safetensors")
    assert facts["preset"] == "small"
    assert not any(p.requires_grad for p in teacher.parameters())
    z_rex, z_img = teacher.latents(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    assert z_rex.shape == z_img.shape == (2, 32, 1, 1)


def test_the_constraints_train_the_decomposition_and_the_diffusion(teacher_options, pairs):
    stage = TeacherStage(teacher_options(diffusion=0.05))
    source = open_source(pairs, task="lowlight", least=64)
    parts = stage.losses(draw(source, 0, Sampling(seed=0, batch=2, patch=64, thumbnail=64)), 0)
    assert parts.keys() == {"pixel", "gt_mean", "structural", "hvi", "retinex"}
    torch.autograd.backward(parts["retinex"])
    assert stage.objective.diffusion is not None
    for part in (stage.network.decomposition, stage.objective.diffusion):
        assert all(float(p.grad.abs().sum()) > 0 for p in part.parameters())


def test_other_files_are_no_teachers(tmp_path):
    with pytest.raises(UsageError, match="no teacher at"):
        load_teacher(tmp_path / "nothing.safetensors")
    other = tmp_path / "student.safetensors"
    checkpoint.write(other, dict(build("nano").state_dict()), {"kind": "student"})
    with pytest.raises(IncompatibleError, match="it holds a student"):
        load_teacher(other)


def test_an_unknown_preset_is_named(teacher_options):
    with pytest.raises(UsageError, match=r"unknown teacher preset 'smal'.*did you mean 'small'"):
        TeacherStage(teacher_options(preset="smal"))
