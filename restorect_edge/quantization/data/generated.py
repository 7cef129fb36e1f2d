"""Noise, patches of pure colors and ramps: by how much INT8 changes what no photograph stands in for."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from restorect_edge.evaluation.metrics import finite_psnr
from restorect_edge.media.images import planes_of
from restorect_edge.media.photos import generated
from restorect_edge.models.student import Student

__all__ = ["LEAST", "GeneratedMeter"]

LEAST = 25.0
"""Least PSNR in dB against the float network. A verdict asks 20, of pictures of any size: a ramp over
1280×720 pixels loses 4 dB more than one over these few."""
SIZE = (128, 192)

Made = tuple[Tensor, Tensor, Tensor]
"""An image (1, 3, H, W), z of the quantized prior, and the float network's output."""


def drawn() -> dict[str, NDArray[np.uint8]]:
    """Return (H, W, 3) pictures by name: kinds that a verdict shows too, and none of its own."""
    kinds = {"noise": generated.noise, "saturated": generated.saturated, "gradient": generated.gradient}
    # a copy, for PyTorch takes no array with negative strides
    return {name: np.ascontiguousarray(make(SIZE)[::-1]) for name, make in kinds.items()}


class GeneratedMeter:
    """Compares quantized forms of a student's body with the float one on generated pictures.

    Args:
        student: the float32 student that they stand for.
        prior: that of the quantized student, the same for all forms.
    """

    def __init__(self, student: Student, prior: nn.Module) -> None:
        self._student = student
        with torch.inference_mode():
            self._made = {name: self._sample(prior, levels) for name, levels in drawn().items()}

    def _sample(self, prior: nn.Module, levels: NDArray[np.uint8]) -> Made:
        image = torch.from_numpy(planes_of(levels))[None]
        seen = self._student.thumbnail(image)
        return image, prior(seen), self._student.body(image, self._student.prior(seen))

    def inputs(self) -> list[tuple[Tensor, Tensor]]:
        """Return what the float body is given for the pictures, to widen ranges by."""
        with torch.no_grad():
            # they were made in inference mode, and autograd takes copies only
            images = [image.clone() for image, _, _ in self._made.values()]
            return [(image, self._student.prior(self._student.thumbnail(image))) for image in images]

    def each(self, body: nn.Module) -> dict[str, float]:
        """Return the PSNR in dB of each picture to the float network's output, by name."""
        with torch.inference_mode():
            return {
                name: round(finite_psnr(_levels(body(image, z)), _levels(wanted), peak=1.0), 4)
                for name, (image, z, wanted) in self._made.items()
            }


def _levels(output: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = output.clamp(0.0, 1.0).numpy()
    return found
