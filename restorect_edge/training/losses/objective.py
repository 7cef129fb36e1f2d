"""The losses of a step, weighted and named: what teacher and student share."""

from torch import Tensor, nn

from restorect_edge.models.retinex import Decomposition
from restorect_edge.training.config import Training
from restorect_edge.training.losses import terms as losses
from restorect_edge.training.losses.diffusion import AnisotropicDiffusion
from restorect_edge.training.losses.hvi import PolarisedHVI, hvi

__all__ = ["Objective", "Parts"]

Parts = dict[str, Tensor]
"""Weighted losses by name; their sum is the step's loss."""

RETINEX_EVERY = 4
"""Steps between decomposition losses: D is a small network and the term is dear on a CPU."""


class Objective(nn.Module):
    """Losses of image and decomposition; those with parameters of their own train them.

    Args:
        config: gives the weights; a loss of weight 0 is not computed.
    """

    def __init__(self, config: Training) -> None:
        super().__init__()
        self.config = config
        self.colour = PolarisedHVI() if config.hvi else None
        self.diffusion = AnisotropicDiffusion() if config.diffusion else None

    def image(self, output: Tensor, clean: Tensor) -> Parts:
        """Compare a restored image with the clean one.

        Args:
            output: (N, 3, H, W), not clamped.
            clean: the same shape, in [0, 1].
        """
        c = self.config
        parts = {"pixel": c.pixel * losses.pixel(output, clean)}
        if c.gt_mean:
            parts["gt_mean"] = c.gt_mean * losses.gt_mean(output, clean)
        if c.psnr:
            parts["psnr"] = c.psnr * losses.gt_mean_psnr(output, clean)
        if c.structural:
            parts["structural"] = c.structural * losses.structural(output, clean)
        if self.colour is not None:
            parts["hvi"] = c.hvi * hvi(output.clamp(0.0, 1.0), clean, self.colour)
        return parts

    def retinex(self, network: Decomposition, degraded: Tensor, clean: Tensor, step: int) -> Parts:
        """Train the decomposition on a pair, every few steps.

        Args:
            network: the decomposition.
            degraded: (N, 3, H, W) in [0, 1].
            clean: the same shape.
            step: of the run.

        Returns:
            Nothing in most steps; see `RETINEX_EVERY`.
        """
        if not self.config.retinex or step % RETINEX_EVERY:
            return {}
        loss = losses.decomposition(network, degraded, clean)
        if self.diffusion is not None:
            texture = sum(
                losses.texture_consistency(self.diffusion, image, network(image)[0])
                for image in (degraded, clean)
            )
            loss = loss + self.config.diffusion * texture
        return {"retinex": self.config.retinex * loss}
