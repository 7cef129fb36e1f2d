"""Latent rectified flow with a fixed start and a fixed number of Euler steps.

On the straight path z_t = (1 − t)·z + t·ε the velocity is dz/dt = ε − z (Liu et al., arXiv
2209.03003). Generation integrates it from t = 1, where z = ε, down to t = 0. ε is drawn once and
stored with the weights, so an image always gives the same latent.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["STEPS_ALLOWED", "STEPS_KEY", "LatentFlow"]

STEPS_ALLOWED = (1, 2, 4, 8)
STEPS_KEY = "flow_steps"
"""Entry of a card, and of a file of weights: the list of the numbers of Euler steps that were trained."""
SLOPE = 0.1
"""Negative slope of the leaky ReLU."""


class LatentFlow(nn.Module):
    """Velocity network v(z_t, t, c) and its N-step rollout, differentiable in z and c.

    Latents are (N, dim, 1, 1) so that every layer is a 1×1 convolution, the form that phone
    accelerators take.

    Args:
        dim: channels of the latent and of the condition.
        hidden: width of the velocity network.
    """

    noise: Tensor

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("noise", torch.randn(1, dim, 1, 1))
        self.from_latent = nn.Conv2d(dim, hidden, 1)
        self.from_condition = nn.Conv2d(dim, hidden, 1, bias=False)
        self.from_time = nn.Parameter(0.1 * torch.randn(1, hidden, 1, 1))
        self.middle = nn.Conv2d(hidden, hidden, 1)
        self.out = nn.Conv2d(hidden, dim, 1)
        if hidden >= 2 * dim:
            self._begin_straight(dim)

    @torch.no_grad()
    def _begin_straight(self, dim: int) -> None:
        """Set the first weights so that v = ε − c: any number of steps leads straight to the condition.

        A fresh flow then is what regressing the latent would be, and training can only add to it; from
        random weights it first had to find the condition behind noise, and was the worse for it.
        """
        for layer in (self.from_latent, self.from_condition, self.middle):
            nn.init.zeros_(layer.weight)
        for bias in (self.from_latent.bias, self.middle.bias):
            assert bias is not None
            nn.init.zeros_(bias)
        nn.init.zeros_(self.from_time)
        one = torch.eye(dim)[:, :, None, None]
        # leaky(c) − leaky(−c) = (1 + slope)·c: two units carry a channel through, whatever its sign
        self.from_condition.weight[: 2 * dim] = torch.cat([one, -one])
        self.out.weight[:, : 2 * dim] = torch.cat([-one, one], 1) / (1 + SLOPE)
        assert self.out.bias is not None
        self.out.bias.copy_(self.noise.flatten())

    def velocity(self, z: Tensor, t: float | Tensor, condition: Tensor) -> Tensor:
        """Return v(z_t, t, c), shaped like `z` and `condition`; `t` in [0, 1] is a number or (N, 1, 1, 1)."""
        h = self.from_latent(z) + self.from_condition(condition) + t * self.from_time
        h = F.leaky_relu(h, SLOPE)
        change: Tensor = self.out(h + F.leaky_relu(self.middle(h), SLOPE))
        return change

    def forward(self, condition: Tensor, steps: int) -> Tensor:
        """Integrate from the stored noise to t = 0 in equal Euler steps.

        Args:
            condition: (N, dim, 1, 1).
            steps: how many.

        Returns:
            The latent, (N, dim, 1, 1).
        """
        z = self.noise.expand(condition.shape[0], -1, -1, -1)
        # velocities point from the latent to the noise, so that time runs backwards from 1
        for k in range(steps, 0, -1):
            z = z - self.velocity(z, k / steps, condition) / steps
        return z
