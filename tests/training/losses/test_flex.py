"""FLEX: known values, mask, gate, and its way to the networks that make a student's latents."""

import numpy as np
import pytest
import torch
from torch import nn

from restorect_edge.errors import UsageError
from restorect_edge.models import build
from restorect_edge.models.teacher import TransformerConfig, TransformerUNet
from restorect_edge.training.losses.flex import Flex

SOLVERS = ("image_flow", "retinex_flow", "image_encoder", "retinex_encoder")
"""The parts of a student's prior that generate its latents."""


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def plain(*channels):
    """A Flex whose adapters change nothing."""
    flex = Flex(channels, channels)
    for adapter in flex.adapters:
        nn.init.dirac_(adapter.weight)
        nn.init.zeros_(adapter.bias)
    return flex


def by_numpy(student, teacher):
    """The loss of one level, equal shapes, few enough elements for the exact percentile."""
    total, count = 0.0, 0
    for s, t in zip(student.swapaxes(0, 1), teacher.swapaxes(0, 1), strict=True):
        mean, deviation = s.mean(), np.sqrt(s.var() + 1e-5)
        difference = np.sort(np.abs((s - mean) / deviation - (t - mean) / deviation), axis=None)
        kept = difference[: int(np.ceil(0.95 * difference.size))]
        total, count = total + kept.sum(), count + kept.size
    return (64**2 / (student.shape[2] * student.shape[3])) ** 0.25 * total / count


@torch.no_grad()
def test_equals_the_formula():
    shapes = [(3, 4, 6, 10), (3, 2, 12, 20)]
    student, teacher = ([2 + torch.randn(*s) * (1 + i) for s in shapes] for i in range(2))
    expected = np.mean([by_numpy(s.numpy(), t.numpy()) for s, t in zip(student, teacher, strict=True)])
    assert float(plain(4, 2)(student, teacher)) == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(("side", "weight"), [(64, 1.0), (32, 2**0.5), (16, 2.0)])
def test_coarse_maps_weigh_more(side, weight):
    student = torch.randn(1, 2, side, side)
    student = (student - student.mean((2, 3), True)) / student.std((2, 3), correction=0, keepdim=True)
    assert float(plain(2)([student], [student + 0.5])) == pytest.approx(0.5 * weight, rel=1e-3)


@torch.no_grad()
def test_nothing_where_the_adapter_explains_the_teacher():
    flex, student = Flex([3], [5]), torch.randn(2, 3, 8, 8)
    assert float(flex([student], [flex.adapters[0](student)])) == pytest.approx(0.0, abs=1e-6)


@torch.no_grad()
def test_sizes_meet_at_the_smaller_by_averaging():
    fine, coarse = torch.randn(1, 2, 8, 12), torch.randn(1, 2, 4, 6)
    blocks = fine.view(1, 2, 4, 2, 6, 2).mean((3, 5))
    flex = plain(2)
    assert float(flex([fine], [coarse])) == pytest.approx(float(flex([blocks], [coarse])), rel=1e-5)
    assert float(flex([coarse], [fine])) == pytest.approx(float(flex([coarse], [blocks])), rel=1e-5)


def test_outliers_neither_count_nor_pull():
    student = torch.randn(1, 1, 10, 10, requires_grad=True)
    teacher = student.detach() + 0.5
    teacher[0, 0, 0, :5] = 1000.0
    loss = plain(1)([student], [teacher])
    loss.backward()
    clean = by_numpy(student.detach().numpy(), student.detach().numpy() + 0.5)
    assert float(loss.detach()) == pytest.approx(clean, rel=1e-5)
    assert (student.grad[0, 0, 0, :5] == 0).all()
    assert (student.grad[0, 0, 1:] != 0).all()


@torch.no_grad()
def test_the_percentile_of_a_large_map_is_sampled_and_always_the_same():
    student, teacher = torch.randn(2, 2, 3, 96, 128)
    flex = plain(3)
    loss = float(flex([student], [teacher]))
    assert loss == pytest.approx(by_numpy(student.numpy(), teacher.numpy()), rel=0.02)
    assert float(flex([student], [teacher])) == loss


def test_the_students_statistics_are_a_unit_without_gradient():
    student = torch.randn(1, 1, 16, 16, requires_grad=True)
    loss = plain(1)([student], [torch.zeros(1, 1, 16, 16)])
    loss.backward()
    # Were they not detached, the loss would be the same at any scale of the student, and this be 0.
    assert float((student.grad * student.detach()).sum()) == pytest.approx(float(loss.detach()), rel=1e-4)


def test_trains_student_and_adapters_but_not_the_teacher():
    flex = Flex([3, 2], [5, 4])
    student = [torch.randn(2, 3, 4, 4, requires_grad=True), torch.randn(2, 2, 8, 8, requires_grad=True)]
    teacher = [torch.randn(2, 5, 8, 8, requires_grad=True), torch.randn(2, 4, 16, 16, requires_grad=True)]
    flex(student, teacher).backward()
    assert all(p.grad.abs().sum() > 0 for p in [*flex.parameters(), *student])
    assert all(f.grad is None for f in teacher)


def test_a_flat_student_has_finite_gradient():
    student = torch.zeros(1, 2, 8, 8, requires_grad=True)
    plain(2)([student], [torch.randn(1, 2, 8, 8)]).backward()
    assert torch.isfinite(student.grad).all()


@torch.no_grad()
def test_late_times_do_not_count():
    flex, student, teacher = plain(2), [torch.randn(2, 2, 8, 8)], [torch.randn(2, 2, 8, 8)]
    whole = float(flex(student, teacher))
    assert float(flex(student, teacher, 0.39)) == whole > 0
    assert float(flex(student, teacher, 0.4)) == 0.0
    assert float(flex(student, teacher, torch.ones(2, 1, 1, 1))) == 0.0
    first = float(flex([student[0][:1]], [teacher[0][:1]]))
    times = torch.tensor([0.25, 0.75]).view(2, 1, 1, 1)
    assert float(flex(student, teacher, times)) == pytest.approx(first)


def test_levels_must_match():
    with pytest.raises(UsageError, match="got 2 student levels and 1 teacher levels"):
        Flex([3, 4], [5])


# --- through the student's own rollout

CONFIG = TransformerConfig(
    dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 1, 1, 1), latent=32, encoder_blocks=1
)


def distil(*, detached):
    """Run FLEX between a nano student and a tiny teacher; return the student with its gradients."""
    student, image = build("nano"), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        teacher = TransformerUNet(CONFIG).features(image, torch.randn(2, 32, 1, 1))
    z = student.prior(student.thumbnail(image))
    z = z.detach() if detached else z
    features = student.body.features(student.body.exposed(image, z), z)
    flex = Flex([f.shape[1] for f in features], [f.shape[1] for f in teacher])
    flex(features, teacher).backward()
    return student


@pytest.mark.parametrize("part", SOLVERS)
def test_reaches_the_solvers_through_the_rollout(part):
    parameters = list(distil(detached=False).prior.get_submodule(part).parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)


def test_a_detached_rollout_reaches_the_body_alone():
    student = distil(detached=True)
    assert all(p.grad is None for p in student.prior.parameters())
    assert student.body.decode2[0].first.conv3.weight.grad.abs().sum() > 0
