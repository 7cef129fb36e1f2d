"""Stage 2: distillation into edge students and into the paper's."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from restorect_edge.errors import IncompatibleError
from restorect_edge.models.paper import PaperConfig, PaperStudent
from restorect_edge.models.teacher import TEACHERS, Teacher, TeacherConfig
from restorect_edge.training.data.sampling import Sampling, draw
from restorect_edge.training.data.sources import open_source
from restorect_edge.training.distill import StudentStage
from restorect_edge.training.engine.loop import Trainer

SMALL = TeacherConfig(
    dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 1, 1, 1), latent=32, encoder_blocks=1, thumbnail=64
)


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(1)
    return Teacher(SMALL).requires_grad_(False).eval()


@pytest.fixture
def batch(pairs):
    source = open_source(pairs, task="lowlight", least=32)
    return draw(source, 0, Sampling(seed=0, batch=2, patch=32, thumbnail=64, deviation=True))


def gradient(parameters):
    return sum(float(p.grad.abs().sum()) for p in parameters if p.grad is not None)


def backward(stage, batch, step, *names):
    stage.zero_grad()
    parts = stage.losses(batch, step)
    torch.autograd.backward(sum(parts[name] for name in names))
    return parts


def test_without_a_teacher_only_images_and_decomposition_are_compared(student_options, batch):
    stage = StudentStage(student_options())
    assert stage.losses(batch, 0).keys() == {"pixel", "gt_mean", "structural", "exposure", "retinex"}
    assert stage.facts() == {"flow_steps": [4]}


def test_latents_train_flows_and_conditions_through_the_rollout(student_options, batch, teacher):
    stage = StudentStage(student_options(), teacher)
    backward(stage, batch, 0, "latent")
    prior = stage.network.prior
    for part in (prior.image_flow, prior.retinex_flow, prior.image_encoder, prior.retinex_encoder):
        assert gradient(part.parameters()) > 0
    assert gradient(stage.network.body.parameters()) == 0


def test_features_train_the_flows_in_the_second_phase_and_not_in_the_first(student_options, batch, teacher):
    stage = StudentStage(student_options(iterations=8, phase=0.5), teacher)
    prior, body = stage.network.prior, stage.network.body
    for step, reaches in ((0, False), (4, True)):
        backward(stage, batch, step, "flex")
        for part in (prior.image_flow, prior.retinex_flow, prior.image_encoder, prior.retinex_encoder):
            assert (gradient(part.parameters()) > 0) is reaches
        assert gradient(body.decode1.parameters()) > 0
        assert gradient(stage.flex.parameters()) > 0


def test_a_frozen_prior_keeps_its_weights_while_the_body_learns(student_options, batch, teacher):
    stage = StudentStage(student_options(prior_rate=0.0, phase=0.0), teacher)
    trainer = Trainer(stage)
    before = copy.deepcopy(stage.network.state_dict())
    assert trainer.advance(batch).keys() == {"pixel", "gt_mean", "structural", "flex"}
    changed = {
        k.split(".")[0] for k, v in stage.network.state_dict().items() if not torch.equal(v, before[k])
    }
    assert changed == {"body"}


def test_a_body_upon_a_frozen_prior_learns_with_its_latents_whatever_the_phase(
    student_options, batch, teacher
):
    stage = StudentStage(student_options(iterations=8, prior_rate=0.0, phase=0.5), teacher)
    used, original = [], stage.network.restore
    stage.network.restore = lambda image, *z: used.append(z) or original(image, *z)
    stage.losses(batch, 0)
    with torch.no_grad():
        z = stage.network.prior.eval()(batch.thumbnail)
    torch.testing.assert_close(torch.cat(used[0], 1), z)


def test_the_rollout_takes_the_number_of_steps_that_ships(student_options, batch):
    stage, taken = StudentStage(student_options()), []
    flow = stage.network.prior.image_flow
    flow.register_forward_hook(lambda module, given, result: taken.append(given[1]))
    for step in range(6):
        stage.losses(batch, step)
    assert taken == [stage.network.config.steps] * 6


def test_the_priors_share_of_the_learning_rate(student_options, batch):
    steps = {}
    for rate in (1.0, 0.1):
        trainer = Trainer(StudentStage(student_options(prior_rate=rate)))
        before = copy.deepcopy(trainer.stage.network.state_dict())
        trainer.advance(batch)
        after = trainer.stage.network.state_dict()
        steps[rate] = {
            part: max(float((after[k] - before[k]).abs().max()) for k in after if k.startswith(part))
            for part in ("prior", "body")
        }
    assert steps[0.1]["prior"] == pytest.approx(0.1 * steps[1.0]["prior"], rel=0.01)
    assert steps[0.1]["body"] == steps[1.0]["body"]


def test_the_body_learns_with_the_teachers_latents_in_the_first_phase(student_options, batch, teacher):
    stage = StudentStage(student_options(iterations=8, phase=0.5), teacher)
    used = []
    original = stage.network.restore
    stage.network.restore = lambda image, *z: used.append(z) or original(image, *z)
    stage.losses(batch, 0)
    stage.losses(batch, 4)
    truth = teacher.latents(batch.thumbnail[:, :3], batch.clean_thumbnail)
    assert all(torch.equal(a, b) for a, b in zip(used[0], truth, strict=True))
    assert not torch.allclose(used[1][0], truth[0])


def test_features_are_compared_every_few_steps(student_options, batch, teacher):
    stage = StudentStage(student_options(flex_every=3), teacher)
    assert ["flex" in stage.losses(batch, step) for step in range(4)] == [True, False, False, True]


def test_the_teacher_is_neither_trained_nor_saved(student_options, teacher):
    stage = StudentStage(student_options(), teacher)
    count = sum(p.numel() for p in stage.parameters())
    own = (stage.network, stage.flex, stage.objective)
    assert count == sum(p.numel() for module in own for p in module.parameters())
    assert not any("teacher" in key for key in stage.state_dict())


@pytest.mark.parametrize("change", [{"latent": 64}, {"thumbnail": 32}])
def test_a_teacher_that_does_not_fit_is_refused(student_options, change):
    from dataclasses import replace

    with pytest.raises(IncompatibleError, match=r"this teacher has latents of \d+ channels from thumbnails"):
        StudentStage(student_options(), Teacher(replace(SMALL, **change)))


def test_the_presets_fit_each_other(student_options):
    for preset in ("small", "base"):
        StudentStage(student_options(), Teacher(TEACHERS[preset]))


def test_the_papers_student_learns_from_whole_images(student_options, batch, monkeypatch):
    from restorect_edge.models import student as students

    sizes = {"dim": 8, "blocks": (1, 1, 1, 1), "refinement": 1, "heads": (1, 1, 1, 1), "latent": 16}
    tiny = lambda: PaperStudent(PaperConfig(**sizes, encoder_blocks=1))  # noqa: E731
    monkeypatch.setitem(students.PRESETS, "paper", tiny)
    teacher = Teacher(TeacherConfig(**sizes, encoder_blocks=1)).requires_grad_(False)
    stage = StudentStage(student_options(preset="paper", phase=0.0), teacher)
    backward(stage, batch, 0, "latent", "flex", "pixel")
    network = stage.network
    for part in (network.image_flow, network.retinex_encoder, network.unet):
        assert isinstance(part, nn.Module)
        assert gradient(part.parameters()) > 0


def test_losses_of_weight_nought_are_not_computed(student_options, batch, teacher):
    parts = StudentStage(student_options(velocity=0.0, latent=0.0, flex=0.0), teacher).losses(batch, 0)
    assert parts.keys() == {"pixel", "gt_mean", "structural", "exposure", "retinex"}


def test_a_step_makes_no_tensor_on_another_device_than_the_batch(student_options, batch, monkeypatch):
    """The device ``meta`` computes nothing, but like a GPU it refuses to mix its tensors with a CPU's."""
    stage = StudentStage(student_options(hvi=0.1, diffusion=0.1), Teacher(SMALL).requires_grad_(False))
    monkeypatch.setattr(stage, "autocast", lambda step, device: nullcontext())
    meta = torch.device("meta")
    parts = stage.to(meta).losses(batch.to(meta), 0)
    assert {part.device for part in parts.values()} == {meta}
    restored = stage.restorer(stage.network)(batch.to(meta).degraded, batch.to(meta).clean)
    assert restored.device == meta
