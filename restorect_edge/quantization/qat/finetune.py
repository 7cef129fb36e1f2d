"""Quantization-aware fine-tuning: the float student teaches its own INT8 form.

The calibrated graph is trained with its pairs replaced by fake quantization, whose gradient is that of the
identity inside the range (straight-through estimator, arXiv 1308.3432; integer networks, arXiv 1712.05877).
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from restorect_edge.errors import BackendError
from restorect_edge.models.student import MULTIPLE, Student
from restorect_edge.quantization.qat.trainable import trainable, written_back
from restorect_edge.quantization.quantize import QuantizedStudent, one_thread, planes, quantize_student
from restorect_edge.spec import ImageU8

__all__ = ["finetune"]

LEARNING_RATE = 2e-5
"""At the start, of Adam; a cosine to zero follows."""
CROPS = 4
"""Per step."""
SIDE = 192
"""Of a crop, in pixels, or as much as the photograph has."""
TIMED = 4
"""Steps from which the number that fits in the minutes is told."""


@dataclass(frozen=True, slots=True)
class _Photograph:
    image: Tensor
    z: Tensor
    """Of the quantized prior, for the one that learns."""
    z_float: Tensor


def finetune(
    student: Student,
    images: Sequence[ImageU8],
    *,
    minutes: float,
    seed: int = 0,
    steps: int | None = None,
    saturation_safe: bool = False,
) -> tuple[Student, int]:
    """Train the weights and biases of the body's quantized convolutions to give the float student's output.

    Scales of activations stay as calibrated; those of weights follow the weights. The prior, and what of
    the body is float, stay as they are. L1 loss on random crops. The same number of steps gives the same
    weights.

    Args:
        student: fused, in evaluation mode.
        images: (H, W, 3) uint8 RGB, to calibrate and to train on.
        minutes: how long to train; the number of steps is told from the first few.
        seed: of the crops.
        steps: how many steps instead.
        saturation_safe: as for `quantize_student`.

    Returns:
        The tuned copy, in float, to be quantized as any; and the number of steps.

    Raises:
        MissingDependencyError, UsageError, BackendError: as `quantize_student`; or the loss is not finite.
    """
    network = quantize_student(student, images, saturation_safe=saturation_safe)
    with one_thread():
        with torch.no_grad():
            photographs = [_photograph(student, network, image) for image in images]
        body = trainable(network, student)
        taken = _train(body, student, photographs, minutes, seed, steps)
    return written_back(student, body), taken


def _photograph(student: Student, network: QuantizedStudent, levels: ImageU8) -> _Photograph:
    image = planes(levels)
    thumbnail = student.thumbnail(image)
    return _Photograph(image, network.prior(thumbnail), student.prior(thumbnail))


def _train(
    body: nn.Module,
    student: Student,
    photographs: Sequence[_Photograph],
    minutes: float,
    seed: int,
    steps: int | None,
) -> int:
    optimiser = torch.optim.Adam(body.parameters(), lr=LEARNING_RATE)
    started, step = time.perf_counter(), 0
    with tqdm(total=steps, desc="fine-tuning", unit="step", file=sys.stderr, disable=None) as bar:
        while steps is None or step < steps:
            # until the first steps tell how many there will be, the rate stays
            _set_rate(optimiser, step / steps if steps else 0.0)
            bar.set_postfix(loss=f"{_advance(body, student, photographs, optimiser, seed, step):.5f}")
            bar.update()
            step += 1
            if steps is None and step == TIMED:
                steps = max(step, round(minutes * 60 * step / (time.perf_counter() - started)))
                bar.total = steps
    return step


def _set_rate(optimiser: torch.optim.Optimizer, phase: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = LEARNING_RATE * 0.5 * (1 + float(np.cos(np.pi * phase)))


def _advance(
    body: nn.Module,
    student: Student,
    photographs: Sequence[_Photograph],
    optimiser: torch.optim.Optimizer,
    seed: int,
    step: int,
) -> float:
    rng = np.random.default_rng([seed, step])
    optimiser.zero_grad()
    total = 0.0
    for _ in range(CROPS):
        chosen = photographs[int(rng.integers(len(photographs)))]
        crop = _crop(chosen.image, rng)
        with torch.no_grad():
            expected = student.body(crop, chosen.z_float)
        loss = F.l1_loss(body(crop, chosen.z), expected) / CROPS
        torch.autograd.backward(loss)
        total += float(loss.detach())
    if not np.isfinite(total):
        raise BackendError(f"the loss of fine-tuning is {total} at step {step}; quantize without --qat")
    optimiser.step()
    return total


def _crop(image: Tensor, rng: np.random.Generator) -> Tensor:
    height, width = (min(side, SIDE) // MULTIPLE * MULTIPLE for side in image.shape[2:])
    top = int(rng.integers(image.shape[2] - height + 1))
    left = int(rng.integers(image.shape[3] - width + 1))
    return image[:, :, top : top + height, left : left + width]
