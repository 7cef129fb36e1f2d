"""Losses of the supervised run. Images are (N, C, H, W) in [0, 1]; each returns a scalar tensor."""

import torch
import torch.nn.functional as F
from torch import Tensor

from restorect_edge.models.retinex import Decomposition

__all__ = ["decomposition", "structural"]


def structural(output: Tensor, target: Tensor, window: int = 7, stride: int = 3) -> Tensor:
    """1 − SSIM with uniform windows every `stride` pixels (Wang et al., 2004; K1 = 0.01, K2 = 0.03)."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, window, stride)

    mu_o, mu_t = mean(output), mean(target)
    var_o = mean(output * output) - mu_o * mu_o
    var_t = mean(target * target) - mu_t * mu_t
    covariance = mean(output * target) - mu_o * mu_t
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mu_o * mu_t + c1) / (mu_o * mu_o + mu_t * mu_t + c1)
    return 1.0 - (luminance * (2 * covariance + c2) / (var_o + var_t + c2)).mean()


def decomposition(network: Decomposition, degraded: Tensor, clean: Tensor) -> Tensor:
    """Train D on a pair: |R⊙L − x| on both, |R(x) − R(y)|, and Σ exp(−|∇L|)·|∇L|² on both.

    The terms of Retinex-Net (Wei et al., 2018) with RestoRect's gradient-aware smoothing.
    """
    r_x, l_x = network(degraded)
    r_y, l_y = network(clean)
    reconstruction = F.l1_loss(r_x * l_x, degraded) + F.l1_loss(r_y * l_y, clean)
    return reconstruction + 0.1 * F.l1_loss(r_x, r_y) + 0.1 * (_smoothness(l_x) + _smoothness(l_y))


def _smoothness(illumination: Tensor) -> Tensor:
    total = illumination.new_zeros(())
    for axis in (2, 3):
        gradient = torch.diff(illumination, dim=axis).abs()
        total = total + (torch.exp(-gradient) * gradient**2).mean()
    return total
