"""INT8 within its budgets: measure the cost, and return the worst blocks to float until it fits.

The cost is measured on literal execution of the quantized graph: PSNR of the float32 student's 8-bit output
against the clean image, less that of the quantized student's, mean over the validation images.

Blocks are ranked by what is left of the cost when one alone is returned to float. That is what a return
buys, with the noise of all the others in place; quantizing one alone would miss what it hides or adds to.
"""

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from restorect_edge.errors import QualityError
from restorect_edge.evaluation.metrics import finite_psnr
from restorect_edge.models.student import Student
from restorect_edge.quantization.blocks import block_names, returned
from restorect_edge.quantization.data.generated import LEAST, GeneratedMeter
from restorect_edge.quantization.data.validation import Validation
from restorect_edge.quantization.flat import FlatMeter, observed, widen
from restorect_edge.quantization.quantize import QuantizedStudent, levels_of, one_thread, planes
from restorect_edge.spec import ImageU8

__all__ = [
    "BlockDrop",
    "BlockShift",
    "Decision",
    "FlatDecision",
    "Meter",
    "RangeDecision",
    "bring_within",
    "hold_generated",
    "keep_flat",
    "rank",
]

WORST = 4
"""Flat frames that a block to return is chosen by."""
DIGITS = 4
"""Of decibels: finer differences are noise, and must not decide an order."""


@dataclass(frozen=True, slots=True)
class _Sample:
    image: Tensor
    z: Tensor
    """Of the quantized student's prior."""
    clean: ImageU8
    psnr: float
    """Of the float32 student's output, in dB."""


class Meter:
    """Measures what quantized forms of a student's body lose.

    Args:
        student: the float32 student that they stand for.
        prior: that of the quantized student, the same for all forms.
        validation: the pairs to measure on.
    """

    def __init__(self, student: Student, prior: nn.Module, validation: Validation) -> None:
        self.validation = validation
        pairs = zip(validation.degraded, validation.clean, strict=True)
        with one_thread(), torch.inference_mode():
            self.samples = [_sample(student, prior, degraded, clean) for degraded, clean in pairs]

    def drop(self, body: nn.Module) -> float:
        """Return the mean loss of PSNR in dB; negative where the quantized form is nearer to the clean."""
        with one_thread(), torch.inference_mode():
            losses = [s.psnr - _psnr(body(s.image, s.z), s.clean) for s in self.samples]
        return round(float(np.mean(losses)), DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDrop:
    """A loss of PSNR measured with a block in float, in dB, mean over the validation images."""

    block: str
    """Named by its convolution in the body, such as ``encode1.0.first``."""
    psnr_drop: float
    """In a ranking: with this block alone in float. Of those returned: with it and those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A network within its budget, and how it came to be."""

    network: Any
    before: float | None
    """Loss of PSNR in dB with every block in int8; None where it could not be measured."""
    drop: float | None
    """That of the network."""
    ranking: tuple[BlockDrop, ...] = ()
    """Every block, the one that costs most first; empty where nothing had to be returned."""
    returned: tuple[BlockDrop, ...] = ()
    """In the order of their return, each with the drop after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShift:
    """How far flat frames shift with a block in float and those before it, in levels of 255."""

    block: str
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatDecision:
    """A network that keeps flat frames where they are, and how it came to be."""

    network: Any
    before: float
    """Greatest shift of a channel's mean in levels of 255, with what the budget left in int8."""
    shift: float
    """That of the network."""
    returned: tuple[BlockShift, ...] = ()
    """In the order of their return."""


SHARES = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Of the way to the ranges of generated pictures; the first that suffices is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDecision:
    """A network whose ranges hold generated pictures, where photographs left them too narrow for these."""

    network: QuantizedStudent
    before: float
    """Least PSNR in dB of a generated picture to the float network, with the ranges of photographs."""
    psnr: float
    """That of the network."""
    share: float = 0.0
    """Of the way from the ranges of photographs to those of the pictures; 0 leaves them."""


def rank(network: QuantizedStudent, student: Student, meter: Meter) -> list[BlockDrop]:
    """Measure each block alone in float; the one whose return leaves least comes first.

    Args:
        network: with every block in int8.
        student: what it was quantized from.
        meter: what measures.
    """
    names = block_names(network.body)
    bar = tqdm(names, desc="ranking", unit="block", file=sys.stderr, disable=None, leave=False)
    rows = [
        BlockDrop(block=name, psnr_drop=meter.drop(returned(network.body, student.body, [name])[0]))
        for name in bar
    ]
    return sorted(rows, key=lambda row: row.psnr_drop)


def bring_within(
    network: QuantizedStudent,
    student: Student,
    meter: Meter,
    max_psnr_drop: float,
    progress: Callable[[str], None] = lambda message: None,
) -> Decision:
    """Return blocks to float in ranked order until the cost is within the budget.

    Args:
        network: with every block in int8.
        student: what it was quantized from.
        meter: what measures, against the student that INT8 stands for.
        max_psnr_drop: the budget in dB.
        progress: is given a line when blocks must be ranked.

    Raises:
        QualityError: over the budget unless nothing is in int8; the message has the numbers.
    """
    before = meter.drop(network.body)
    if before <= max_psnr_drop:
        return Decision(network=network, before=before, drop=before)
    progress(f"INT8 loses {before:.3f} dB of {max_psnr_drop:.3f} allowed: ranking blocks")
    ranking = rank(network, student, meter)
    done: list[BlockDrop] = []
    for row in ranking:
        smaller = network.with_float(student, [other.block for other in ranking[: len(done) + 1]])
        done.append(BlockDrop(block=row.block, psnr_drop=meter.drop(smaller.body)))
        # with every block in float nothing would be INT8: that is no way to keep the budget
        if done[-1].psnr_drop <= max_psnr_drop and len(done) < len(ranking):
            return Decision(
                network=smaller,
                before=before,
                drop=done[-1].psnr_drop,
                ranking=tuple(ranking),
                returned=tuple(done),
            )
    raise QualityError(
        f"INT8 loses {before:.3f} dB of PSNR on {meter.validation.source} ({meter.validation.count} images), "
        f"and {max_psnr_drop:.3f} dB are allowed. Keeping more blocks in float does not help: "
        f"{done[-1].psnr_drop:.3f} dB with all {len(done)} in float. Try --qat MINUTES, a larger "
        "--max-psnr-drop, or photographs to calibrate on that are more like these"
    )


def hold_generated(
    network: QuantizedStudent,
    student: Student,
    meter: GeneratedMeter,
    least: float = LEAST,
    fits: Callable[[nn.Module], bool] = lambda body: True,
    progress: Callable[[str], None] = lambda message: None,
) -> RangeDecision:
    """Widen ranges towards those of generated pictures, until INT8 shows all of them nearly as float does.

    Only as far as it is needed: wider ranges round photographs more coarsely.

    Args:
        network: a quantized form.
        student: what it was quantized from.
        meter: what measures, against the student that INT8 stands for.
        least: PSNR in dB that every picture must reach.
        fits: whether a body still shows photographs as it must.
        progress: is given a line when ranges must be widened.

    Returns:
        What reaches it, or else what comes nearest: a verdict decides on that.
    """
    with one_thread():
        before = min(meter.each(network.body).values())
        best = RangeDecision(network=network, before=before, psnr=before)
        if before >= least:
            return best
        progress(f"INT8 is {before:.1f} dB from float on generated pictures: widening ranges")
        magnitudes = observed(network.body, meter.inputs())
        for share in SHARES:
            body = copy.deepcopy(network.body)
            widen(body, magnitudes, share)
            psnr = min(meter.each(body).values())
            if psnr > best.psnr and fits(body):
                wider = QuantizedStudent(student, body, network.excluded)
                best = RangeDecision(network=wider, before=before, psnr=psnr, share=share)
            if best.psnr >= least:
                break
    return best


def keep_flat(
    network: QuantizedStudent,
    student: Student,
    meter: FlatMeter,
    max_shift: float,
    progress: Callable[[str], None] = lambda message: None,
) -> FlatDecision:
    """Return blocks to float until flat frames shift by no more than they may.

    Args:
        network: a quantized form.
        student: what it was quantized from.
        meter: what measures, against the student that INT8 stands for.
        max_shift: in levels of 255.
        progress: is given a line when blocks must be ranked.

    Raises:
        QualityError: they shift further unless nothing is in int8; the message has the numbers.
    """
    with one_thread():
        before = meter.shift(network.body)
        if before <= max_shift:
            return FlatDecision(network=network, before=before, shift=before)
        progress(f"INT8 shifts flat frames by {before:.1f} levels of {max_shift:.1f} allowed: ranking blocks")
        smaller, done = network, list[BlockShift]()
        while len(block_names(smaller.body)) > 1:
            name = _best_return(smaller, student, meter)
            smaller = smaller.with_float(student, [name], why="flat")
            done.append(BlockShift(block=name, shift=meter.shift(smaller.body)))
            if done[-1].shift <= max_shift:
                return FlatDecision(
                    network=smaller, before=before, shift=done[-1].shift, returned=tuple(done)
                )
    least = min((row.shift for row in done), default=before)
    raise QualityError(
        f"INT8 shifts flat frames by {before:.1f} levels of 255, and {max_shift:.1f} are allowed. Keeping "
        f"more blocks in float does not help: {least:.1f} levels at best. Export fp16 or fp32 instead"
    )


def _best_return(network: QuantizedStudent, student: Student, meter: FlatMeter) -> str:
    """Return the block whose return to float leaves the frames that shift most nearest to where they were."""
    few = meter.worst(network.body, WORST)
    names = block_names(network.body)
    return min(names, key=lambda name: few.shift(returned(network.body, student.body, [name])[0]))


def _sample(student: Student, prior: nn.Module, degraded: ImageU8, clean: ImageU8) -> _Sample:
    image = planes(degraded)
    thumbnail = student.thumbnail(image)
    expected = student.body(image, student.prior(thumbnail))
    return _Sample(image, prior(thumbnail), clean, _psnr(expected, clean))


def _psnr(output: Tensor, clean: ImageU8) -> float:
    """Compare the 8-bit levels of (1, 3, H, W) with (H, W, 3)."""
    return finite_psnr(levels_of(output), clean)
