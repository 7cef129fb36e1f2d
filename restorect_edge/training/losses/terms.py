"""Losses of the training core. Images are (N, C, H, W) in [0, 1]; each returns a scalar tensor.

The color loss is in `restorect_edge.training.losses.hvi`, the feature loss in
`restorect_edge.training.losses.flex`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorect_edge.evaluation.metrics import GREY
from restorect_edge.models.flow import LatentFlow
from restorect_edge.models.retinex import Decomposition
from restorect_edge.training.losses.diffusion import AnisotropicDiffusion

__all__ = [
    "decomposition",
    "gt_mean",
    "gt_mean_psnr",
    "illumination_smoothness",
    "latent_distillation",
    "pixel",
    "reconstruction",
    "reflectance_consistency",
    "rollout_matching",
    "structural",
    "texture_consistency",
]

DARKEST = 1 / 255
"""Mean gray below which `gt_mean` no longer raises the scale: a black output has no scale."""


def rollout_matching(flow: LatentFlow, z: Tensor, condition: Tensor, steps: int) -> Tensor:
    """Mean of (z_t − t·v(z_t, t, c) − z)² over the points z_t that the rollout itself passes.

    The velocity that leads straight from z_t to z is (z_t − z)/t; the term is t² times its squared error:
    how far from z one would arrive. Rectified flow (arXiv 2209.03003) asks for it on the straight path from
    ε to z. With one stored ε that path gives the answer away, since (ε − z_t)/(1 − t) = ε − z whatever the
    condition is: for t < 1 the network learns to go on as it began, and no step corrects the one before. A
    rollout knows z only from the condition, and so must each of its steps. Points get no gradient, and z
    none.

    Args:
        flow: the velocity network and its noise.
        z: the latents to generate, (N, dim, 1, 1).
        condition: (N, dim, 1, 1).
        steps: Euler steps of the rollout.
    """
    z = z.detach()
    z_t = flow.noise.expand_as(z)
    total = z.new_zeros(())
    for k in range(steps, 0, -1):
        t = k / steps
        velocity = flow.velocity(z_t, t, condition)
        total = total + F.mse_loss(z_t - t * velocity, z)
        z_t = (z_t - velocity / steps).detach()
    return total / steps


def latent_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean |z_student − z_teacher|, the teacher's latents without gradient (RestoRect, arXiv 2509.23480).

    Give it the latents that the rollout ``flow(condition, steps)`` made: the rollout is differentiable,
    so the gradient reaches the velocity network at every step, and the condition encoder.

    Args:
        student: (N, dim, 1, 1).
        teacher: the same shape.
    """
    return F.l1_loss(student, teacher.detach())


def pixel(output: Tensor, target: Tensor) -> Tensor:
    """Mean |`output` − `target`|."""
    return F.l1_loss(output, target)


def structural(output: Tensor, target: Tensor, window: int = 7, stride: int = 3) -> Tensor:
    """1 − SSIM of `output` and `target` with uniform windows (Wang et al., 2004; K1 = 0.01, K2 = 0.03).

    Args:
        output: (N, C, H, W).
        target: the same shape.
        window: side of the windows in pixels.
        stride: pixels from a window to the next.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, window, stride)

    mu_o, mu_t = mean(output), mean(target)
    var_o = mean(output * output) - mu_o * mu_o
    var_t = mean(target * target) - mu_t * mu_t
    covariance = mean(output * target) - mu_o * mu_t
    # also what keeps the quotient sane where a variance rounds to a little below 0
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mu_o * mu_t + c1) / (mu_o * mu_o + mu_t * mu_t + c1)
    return 1.0 - (luminance * (2 * covariance + c2) / (var_o + var_t + c2)).mean()


def gt_mean(output: Tensor, target: Tensor) -> Tensor:
    """Mean |λ·output − target|, λ = E[grey(target)] / E[grey(output)] of each image; RGB.

    The aligned term of the GT-mean loss (ICCV 2025, arXiv 2507.20148), gray weighted as in
    `restorect_edge.evaluation.metrics.gt_mean`, but not clipped to 8 bits: a clipped pixel has no gradient.
    The gradient goes through λ too. So scaling an output changes nothing and the gradient is orthogonal to
    it: brightness is left to `pixel`, and this term sees structure and color alone.

    Args:
        output: (N, 3, H, W), not clamped.
        target: the same shape, in [0, 1].
    """
    return F.l1_loss(_matched(output, target), target)


def gt_mean_psnr(output: Tensor, target: Tensor) -> Tensor:
    """Mean 10·log10(MSE + 10⁻⁴) of the images after matching the mean as in `gt_mean`: negative PSNR in dB.

    PSNR as a loss: HINet (CVPRW 2021). An image counts alike however good it is already, as it does where
    PSNR is averaged over images; 10⁻⁴ (40 dB) bounds the gradient of a perfect one.

    Args:
        output: (N, 3, H, W), not clamped.
        target: the same shape, in [0, 1].
    """
    error = (_matched(output, target) - target).square().mean((1, 2, 3))
    return 10 * torch.log10(error + 1e-4).mean()


def _matched(output: Tensor, target: Tensor) -> Tensor:
    """Scale each output to the mean gray of its target."""
    return output * (_mean_grey(target) / _mean_grey(output).clamp_min(DARKEST))


def _mean_grey(image: Tensor) -> Tensor:
    """(N, 3, H, W) → (N, 1, 1, 1)."""
    weights = torch.as_tensor(GREY, dtype=image.dtype, device=image.device)
    return torch.einsum("nchw,c->n", image, weights).view(-1, 1, 1, 1) / image[0, 0].numel()


def reconstruction(reflectance: Tensor, illumination: Tensor, image: Tensor) -> Tensor:
    """Mean |`reflectance` ⊙ `illumination` − `image`| (Retinex-Net, Wei et al., 2018).

    Reflectance and image are (N, 3, H, W), illumination is (N, 1, H, W).
    """
    return F.l1_loss(reflectance * illumination, image)


def reflectance_consistency(degraded: Tensor, clean: Tensor) -> Tensor:
    """Mean |R(x) − R(y)| of a pair (Retinex-Net): the scene is the same, its light is not.

    Args:
        degraded: its reflectance R(x), (N, 3, H, W).
        clean: its reflectance R(y).
    """
    return F.l1_loss(degraded, clean)


def illumination_smoothness(illumination: Tensor) -> Tensor:
    """Mean exp(−|∂L|)·|∂L|² along rows plus the same along columns (RestoRect, arXiv 2509.23480).

    The weight spares edges: a steep step costs less than its square.
    """
    total = illumination.new_zeros(())
    for axis in (2, 3):
        gradient = torch.diff(illumination, dim=axis).abs()
        total = total + (torch.exp(-gradient) * gradient**2).mean()
    return total


def texture_consistency(diffusion: AnisotropicDiffusion, image: Tensor, reflectance: Tensor) -> Tensor:
    """Mean |A(x) − A(R)|, A the learned anisotropic diffusion (RestoRect, arXiv 2509.23480).

    Trains A's edge scale and the decomposition. A keeps the mean, so on a dark image the term also pulls
    R down towards x: keep its weight small.

    Args:
        diffusion: A.
        image: (N, 3, H, W).
        reflectance: of the image, the same shape.
    """
    return F.l1_loss(diffusion(reflectance), diffusion(image))


def decomposition(network: Decomposition, degraded: Tensor, clean: Tensor) -> Tensor:
    """Train D on a pair: reconstruction + 0.1·(reflectance consistency + illumination smoothness).

    Reconstruction and smoothness are summed over both images.

    Args:
        network: D.
        degraded: (N, 3, H, W) in [0, 1].
        clean: the same shape.
    """
    r_x, l_x = network(degraded)
    r_y, l_y = network(clean)
    rebuilt = reconstruction(r_x, l_x, degraded) + reconstruction(r_y, l_y, clean)
    smooth = illumination_smoothness(l_x) + illumination_smoothness(l_y)
    return rebuilt + 0.1 * (reflectance_consistency(r_x, r_y) + smooth)
