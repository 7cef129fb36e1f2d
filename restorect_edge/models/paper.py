"""The paper's student: the teacher's U-Net fed by two rectified flows, after RestoRect (arXiv 2509.23480).

``restored = G(x, z_rex, z_img)``; each z is generated from a fixed start by N Euler steps under a
condition that is encoded from the degraded image alone.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from restorect_edge.errors import UsageError
from restorect_edge.models.flow import STEPS_ALLOWED, LatentFlow
from restorect_edge.models.retinex import Decomposition
from restorect_edge.models.teacher import (
    MULTIPLE,
    ImageEncoder,
    RetinexEncoder,
    TransformerConfig,
    TransformerUNet,
)

__all__ = ["PaperConfig", "PaperStudent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperConfig(TransformerConfig):
    """Size of the paper's student; the defaults are the paper's."""

    decomposition: int = 32
    """Width of the Retinex decomposition."""
    steps: int = 4
    """Euler steps unless told otherwise."""

    def __post_init__(self) -> None:
        TransformerConfig.__post_init__(self)
        _check_steps(self.steps)


class PaperStudent(nn.Module):
    """Image (N, 3, H, W) in [0, 1] → restored image of the same size; H and W multiples of 8.

    The decomposition and the encoders see the image at its full resolution. **Not tileable**: the
    latents, the normalizations and the attention maps are statistics of the whole image, so a tile
    restored alone differs from the same place in the whole result; the cost grows with the pixels
    (about 175 GMACs at 256×256). The result is clamped to [0, 1] in evaluation mode only.
    """

    multiple: ClassVar[int] = MULTIPLE
    """Image sides must be a multiple of this."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        self.steps = config.steps
        self.decomposition = Decomposition(config.decomposition)
        self.retinex_encoder = RetinexEncoder(config)
        self.image_encoder = ImageEncoder(config)
        self.retinex_flow = LatentFlow(config.latent, config.latent)
        self.image_flow = LatentFlow(config.latent, config.latent)
        self.unet = TransformerUNet(config)

    @property
    def generator(self) -> "PaperStudent":
        """What makes the latents: conditions, flows, decomposition."""
        return self

    @property
    def channels(self) -> tuple[int, int, int]:
        """Channels of the features that `restore` returns, coarse to fine."""
        d = self.config.dim
        return 4 * d, 2 * d, 2 * d

    def restore(
        self, image: Tensor, z_retinex: Tensor, z_image: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Restore `image` with `z_retinex` and `z_image`, (N, latent, 1, 1); see the U-Net's `restore`."""
        return self.unet.restore(image, z_retinex, z_image)

    def set_steps(self, steps: int) -> None:
        """Set the Euler steps of both flows.

        Raises:
            UsageError: `steps` is not one of `STEPS_ALLOWED`.
        """
        _check_steps(steps)
        self.steps = steps

    def conditions(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flows' conditions from the image: Retinex and image, each (N, latent, 1, 1)."""
        reflectance, illumination = self.decomposition(image)
        return self.retinex_encoder(reflectance, illumination), self.image_encoder(image)

    def latents(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_rex and z_img, each (N, latent, 1, 1)."""
        retinex, appearance = self.conditions(image)
        return self.retinex_flow(retinex, self.steps), self.image_flow(appearance, self.steps)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] → the same, which is clamped in evaluation mode only."""
        restored: Tensor = self.unet(image, *self.latents(image))
        return restored if self.training else restored.clamp(0.0, 1.0)

    def deploy(self) -> "PaperStudent":
        """Return a copy for inference: evaluation mode (there are no branches to fuse)."""
        return copy.deepcopy(self).eval()


def _check_steps(steps: int) -> None:
    if steps not in STEPS_ALLOWED:
        allowed = ", ".join(map(str, STEPS_ALLOWED))
        raise UsageError(f"steps must be one of {allowed}, got {steps}")
