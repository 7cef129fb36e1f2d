"""Losses: known values and gradients."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from restorect_edge.evaluation import metrics
from restorect_edge.models import build
from restorect_edge.models.flow import STEPS_ALLOWED, LatentFlow
from restorect_edge.models.retinex import Decomposition
from restorect_edge.models.teacher import ImageEncoder, RetinexEncoder, TransformerConfig
from restorect_edge.training.losses import terms as losses
from restorect_edge.training.losses.diffusion import AnisotropicDiffusion

SOLVERS = ("image_flow", "retinex_flow", "image_encoder", "retinex_encoder")
"""The parts of a student's prior that generate its latents."""


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def has_gradient(module):
    return all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


# --- the flow


@pytest.mark.parametrize("steps", STEPS_ALLOWED)
def test_rollout_matching_looks_at_the_points_of_the_rollout(steps):
    flow, z, c = LatentFlow(4, 6), torch.randn(2, 4, 1, 1), torch.randn(2, 4, 1, 1)
    velocity, seen = flow.velocity, []
    flow.velocity = lambda z_t, t, condition: seen.append((t, z_t)) or velocity(z_t, t, condition)
    loss = losses.rollout_matching(flow, z, c, steps)
    matched, seen[:] = list(seen), []
    flow(c, steps)
    assert [t for t, _ in matched] == [t for t, _ in seen]
    for (_, point), (_, passed) in zip(matched, seen, strict=True):
        torch.testing.assert_close(point, passed)
    errors = [((point - t * velocity(point, t, c) - z) ** 2).mean() for t, point in matched]
    torch.testing.assert_close(loss, torch.stack(errors).mean())


def test_rollout_matching_asks_every_step_for_the_condition():
    """On the straight path z_t gives the answer away: a network that is blind to c has no error at t < 1."""

    class Blind(LatentFlow):
        def velocity(self, z, t, condition):
            return (self.noise - z) / (1 - t) if t < 1 else self.noise.expand_as(z)

    flow, z, c = Blind(4, 8), torch.randn(3, 4, 1, 1), torch.randn(3, 4, 1, 1)
    z_t = 0.5 * z + 0.5 * flow.noise
    torch.testing.assert_close(flow.velocity(z_t, 0.5, c), flow.noise - z)
    assert losses.rollout_matching(flow, z, c, 2) == pytest.approx(float(z.square().mean()), rel=1e-4)


def test_rollout_matching_trains_velocity_and_condition_but_not_the_latent():
    flow = LatentFlow(6, 16)
    z, c = (torch.randn(4, 6, 1, 1, requires_grad=True) for _ in range(2))
    losses.rollout_matching(flow, z, c, 4).backward()
    assert has_gradient(flow)
    assert c.grad.abs().sum() > 0
    assert z.grad is None


# --- latent distillation


def test_latent_distillation_is_the_mean_absolute_difference():
    student, teacher = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 5.0]], requires_grad=True)
    student.requires_grad_()
    loss = losses.latent_distillation(student, teacher)
    loss.backward()
    assert float(loss.detach()) == 2.0
    assert student.grad.tolist() == [[0.5, -0.5]]
    assert teacher.grad is None


def test_latent_distillation_gradient_is_that_of_the_whole_rollout():
    flow = LatentFlow(4, 8).double()
    c, goal = torch.randn(2, 2, 4, 1, 1).double()
    weight = flow.from_time
    (gradient,) = torch.autograd.grad(losses.latent_distillation(flow(c, 4), goal), weight)
    direction, step, values = torch.randn_like(weight), 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * direction
            values.append(float(losses.latent_distillation(flow(c, 4), goal)))
            weight -= sign * step * direction
    slope = (values[0] - values[1]) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-5)


def teacher_latents(x, y):
    """Latents (N, 64, 1, 1) in the order of the student's z, from a teacher that sees both images."""
    config = TransformerConfig(
        dim=8, blocks=(1, 1, 1, 1), refinement=1, heads=(1, 1, 1, 1), latent=32, encoder_blocks=1
    )
    both = torch.cat([x, y], 1)
    retinex = RetinexEncoder(config, images=2)(both, both[:, ::3])
    return torch.cat([retinex, ImageEncoder(config, images=2)(both)], 1)


def test_latent_distillation_reaches_the_solvers_through_the_rollout_alone():
    student = build("nano")
    x, y = torch.rand(2, 2, 3, 64, 64)
    goal = teacher_latents(x, y)
    z = student.prior(student.thumbnail(x))
    assert not losses.latent_distillation(z.detach(), goal).requires_grad
    losses.latent_distillation(z, goal).backward()
    for name in SOLVERS:
        assert has_gradient(student.prior.get_submodule(name)), name


# --- pixels


def test_pixel_is_the_mean_absolute_difference():
    output = torch.tensor([0.25, 1.0, 0.5, 0.0]).view(1, 1, 2, 2).requires_grad_()
    loss = losses.pixel(output, torch.full((1, 1, 2, 2), 0.5))
    loss.backward()
    assert float(loss.detach()) == 0.3125
    assert output.grad.flatten().tolist() == [-0.25, 0.25, 0.0, -0.25]


def test_structural_equals_scikit_image_at_stride_one():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 40, 48))
    expected = structural_similarity(
        x, y, win_size=7, data_range=1.0, use_sample_covariance=False, full=True
    )[1][3:-3, 3:-3].mean()
    planes = [torch.from_numpy(image)[None, None] for image in (x, y)]
    assert float(losses.structural(*planes, stride=1)) == pytest.approx(1 - expected, abs=1e-9)


def test_structural_is_zero_for_equal_images():
    x = torch.rand(2, 3, 32, 32)
    assert float(losses.structural(x, x)) == pytest.approx(0.0, abs=1e-6)


def test_structural_gradient():
    x, y = torch.rand(2, 1, 1, 10, 10).double()
    assert torch.autograd.gradcheck(lambda x: losses.structural(x, y), x.requires_grad_())


def test_gt_mean_equals_the_metric_where_nothing_is_rounded_or_clipped():
    rng = np.random.default_rng(0)
    output = rng.integers(0, 128, (6, 8, 3), dtype=np.uint8)
    target = 2 * output[::-1, ::-1]
    expected = np.abs(metrics.gt_mean(output, target).astype(float) - target).mean() / 255
    tensors = [
        torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1) / 255)[None]
        for image in (output, target)
    ]
    assert float(losses.gt_mean(*tensors)) == pytest.approx(expected, rel=1e-5)


def test_gt_mean_aligns_each_image_on_its_own():
    target = torch.rand(2, 3, 8, 8)
    gains = torch.tensor([0.1, 3.0]).view(2, 1, 1, 1)
    assert float(losses.gt_mean(gains * target, target)) == pytest.approx(0.0, abs=1e-6)


def test_gt_mean_leaves_brightness_alone():
    output, target = torch.rand(2, 2, 3, 8, 8).double()
    output.requires_grad_()
    (gradient,) = torch.autograd.grad(losses.gt_mean(output, target), output)
    along_brightness = (gradient * output).sum((1, 2, 3)).abs()
    assert (along_brightness < 1e-12).all()
    assert gradient.abs().sum() > 0
    assert torch.autograd.gradcheck(lambda x: losses.gt_mean(x, target), output)


def test_gt_mean_psnr_is_the_metric_where_nothing_is_rounded_or_clipped():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    output = target[::-1, ::-1]
    expected = metrics.psnr(metrics.gt_mean(output, target), target)
    both = [
        torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1) / 255)[None]
        for image in (output, target)
    ]
    assert -float(losses.gt_mean_psnr(*both)) == pytest.approx(expected, abs=0.01)
    target = torch.rand(2, 3, 8, 8)
    assert float(losses.gt_mean_psnr(3 * target, target)) == pytest.approx(-40.0, abs=1e-3)


def test_gt_mean_psnr_gradient():
    output, target = torch.rand(2, 2, 3, 4, 4).double()
    assert torch.autograd.gradcheck(lambda x: losses.gt_mean_psnr(x, target), output.requires_grad_())


def test_gt_mean_of_a_black_output_is_finite():
    output = torch.zeros(1, 3, 4, 4, requires_grad=True)
    loss = losses.gt_mean(output, torch.full((1, 3, 4, 4), 0.5))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.5)
    assert torch.isfinite(output.grad).all()


# --- Retinex


def test_reconstruction_of_a_known_product():
    r, light = torch.full((1, 3, 2, 2), 0.5), torch.full((1, 1, 2, 2), 0.25)
    r.requires_grad_()
    loss = losses.reconstruction(r, light, torch.ones(1, 3, 2, 2))
    loss.backward()
    assert float(loss.detach()) == 0.875
    torch.testing.assert_close(r.grad, torch.full_like(r, -0.25 / 12))


def test_reflectance_consistency_pulls_both_reflectances():
    a, b = torch.zeros(1, 3, 2, 2, requires_grad=True), torch.full((1, 3, 2, 2), 0.25, requires_grad=True)
    loss = losses.reflectance_consistency(a, b)
    loss.backward()
    assert float(loss.detach()) == 0.25
    torch.testing.assert_close(a.grad, -b.grad)
    assert (a.grad < 0).all()


def test_illumination_smoothness_of_one_step():
    illumination = torch.zeros(1, 1, 4, 5)
    illumination[..., 3:] = 0.5
    expected = math.exp(-0.5) * 0.25 / 4  # one of the four differences of a row, none of a column
    assert float(losses.illumination_smoothness(illumination)) == pytest.approx(expected)


def test_illumination_smoothness_gradient():
    illumination = torch.rand(1, 1, 4, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(losses.illumination_smoothness, illumination)


def test_texture_consistency_of_flat_images_is_their_difference():
    diffusion = AnisotropicDiffusion()
    x, r = torch.full((1, 3, 8, 8), 0.25), torch.full((1, 3, 8, 8), 0.75)
    assert float(losses.texture_consistency(diffusion, x, r).detach()) == pytest.approx(0.5)


def test_texture_consistency_forgives_what_diffusion_removes():
    diffusion = AnisotropicDiffusion(scale=1.0)
    flat = torch.full((1, 3, 16, 16), 0.5)
    noisy = flat + 0.05 * torch.randn_like(flat)
    left = float(losses.texture_consistency(diffusion, flat, noisy).detach())
    assert 0 < left < 0.35 * float(losses.pixel(noisy, flat))


class Constant(Decomposition):
    """R = x, L = 1."""

    def forward(self, x):
        return x, torch.ones_like(x[:, :1])


def test_decomposition_of_a_perfect_split_is_nothing():
    x = torch.rand(1, 3, 16, 16)
    assert float(losses.decomposition(Constant(4), x, x)) == pytest.approx(0.0, abs=1e-7)


def test_decomposition_weighs_consistency_by_a_tenth():
    x, y = torch.full((1, 3, 8, 8), 0.2), torch.full((1, 3, 8, 8), 0.6)
    assert float(losses.decomposition(Constant(4), x, y)) == pytest.approx(0.04)


def test_decomposition_moves_every_parameter():
    network = Decomposition(8)
    parameters = [*network.parameters()]
    before = [p.detach().clone() for p in parameters]
    optimiser = torch.optim.SGD(parameters, lr=0.1)
    losses.decomposition(network, *torch.rand(2, 1, 3, 16, 16)).backward()
    optimiser.step()
    assert all(not torch.equal(a, p) for a, p in zip(before, parameters, strict=True))
