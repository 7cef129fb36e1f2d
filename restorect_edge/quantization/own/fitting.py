"""INT8 of a module of one's own within its budget: layers are returned to float until it is kept."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from restorect_edge.errors import QualityError
from restorect_edge.evaluation.metrics import EQUAL, finite_psnr
from restorect_edge.quantization.budget import BlockDrop, Decision, FlatDecision
from restorect_edge.quantization.calibrated import Calibrated
from restorect_edge.quantization.flat import FlatMeter, means
from restorect_edge.quantization.options import Calibration
from restorect_edge.quantization.own.modules import (
    FLAT_LEVELS,
    FLAT_SIDE,
    prepared,
)
from restorect_edge.quantization.plan import QuantPlan
from restorect_edge.quantization.recipe import QuantRecipe
from restorect_edge.spec import ImageSpec, Shape

__all__ = ["Quantized", "calibrate_module"]

AGREEMENT = 36.0
"""Least PSNR in dB against the float network where no clean images say what INT8 costs; a verdict asks 30."""
MAX_SHIFT = 1.2
"""Most levels of 255 by which flat frames may shift. Less than of students: fewer grays are tried,
and what a network does between them is not known."""
STEADY = 47.0
"""Least PSNR in dB between a network in INT8 and the same with float16 arithmetic, of the worst photograph.
Where less is left, each rounding flips levels, which flip others: no two backends would agree, whatever
they do. A verdict asks 45."""
MEASURED = 4
"""Photographs that this is measured on."""
WORST = 2
"""Flat frames that a layer to return is chosen by."""

Progress = Callable[[str], None]


class Quantized(Protocol):
    """A network in INT8, such as a `QuantizedModule`."""

    @property
    def floats(self) -> Mapping[str, Any]:
        """The layers that compute in 8 bits."""

    def with_float(self, names: Collection[str]) -> Any:
        """Return a copy in which some of them compute in float."""

    def in_half(self, image: Tensor, /) -> Tensor | None:
        """Return the same in float16 arithmetic; None where that is not known."""

    def __call__(self, image: Tensor, /) -> Tensor: ...


class _Meter:
    """Measures what INT8 costs in dB: against clean images, or else against the float network."""

    def __init__(
        self, module: nn.Module, spec: ImageSpec, calibration: Calibration, shape: Shape | None
    ) -> None:
        pairs = calibration.validation
        images = pairs.degraded if pairs else calibration.photographs.images
        self._images = [prepared(image, spec, shape) for image in images[:MEASURED]]
        height, width = shape or spec.size.padded(FLAT_SIDE, FLAT_SIDE)
        flat = [torch.full((1, 3, height, width), level / 255) for level in FLAT_LEVELS]
        self.flat = FlatMeter(((frame,), means(_run(module, frame))) for frame in flat)
        self._floats = [_run(module, image) for image in self._images]
        # without clean images the cost is minus a PSNR, so that less is better either way
        self.allowed = calibration.max_psnr_drop if pairs else -AGREEMENT
        self._targets = None
        if pairs:
            larger = ImageSpec(size=spec.size)
            scaled = None if shape is None else (shape[0] * spec.scale, shape[1] * spec.scale)
            self._targets = [prepared(image, larger, scaled) for image in pairs.clean[:MEASURED]]

    def steadiness(self, network: Quantized) -> float:
        """Return the PSNR in dB between the network and itself in float16, of the worst photograph."""
        with torch.inference_mode():
            pairs = [(network(image), network.in_half(image)) for image in self._images]
        # a network whose float16 form is not known counts as steady
        return min((_psnr(other, output) for output, other in pairs if other is not None), default=EQUAL)

    def allows(self, network: Quantized, cost: float) -> bool:
        """Whether a network of that cost is within all that is asked of it."""
        return (
            cost <= self.allowed and self.shift(network) <= MAX_SHIFT and self.steadiness(network) >= STEADY
        )

    def shift(self, network: Quantized) -> float:
        """Return the greatest shift of a channel's mean in flat frames, in levels of 255."""
        return self.flat.shift(network)

    def cost(self, network: Quantized) -> float:
        """Return the mean loss of PSNR in dB; without clean images, minus the PSNR to the float network."""
        found = []
        for index, image in enumerate(self._images):
            output, given = _run(network, image), self._floats[index]
            if self._targets is None:
                found.append(-_psnr(output, given))
            else:
                target = self._targets[index]
                found.append(_psnr(given, target) - _psnr(output, target))
        return float(np.mean(found))


def calibrate_module(
    module: nn.Module,
    quantized: Any,
    spec: ImageSpec,
    calibration: Calibration,
    shape: Shape | None,
    *,
    name: str,
    sha256: str | None,
    progress: Progress = lambda message: None,
) -> Calibrated:
    """Keep a module that was quantized on photographs within its budget.

    Args:
        module: (1, 3, H, W) in [0, 1] → (1, 3, scale·H, scale·W), in evaluation mode.
        quantized: its INT8 form, a `Quantized`.
        spec: its scale and the sides that it takes.
        calibration: photographs, pairs and budget.
        shape: (height, width) that the result is for; None for any.
        name: of the network.
        sha256: of the file that it came from.
        progress: is given a line per long stage.

    Raises:
        QualityError: over the budget unless nothing is in int8; the message has the numbers.
    """
    network: Quantized = quantized
    if not network.floats:
        raise QualityError(f"'{name}' has no convolution or linear layer that could be in int8: use fp16")
    meter = _Meter(module, spec, calibration, shape)
    before = meter.cost(network)
    network, ranking, returned = _within(network, meter, before, progress)
    named: dict[str, Any] = {"weights": name, "weights_sha256": sha256}
    measured, shift = calibration.validation is not None, round(meter.shift(network), 4)
    decision = Decision(
        network=network,
        before=before if measured else None,
        drop=meter.cost(network) if measured else None,
        ranking=ranking,
        returned=returned,
    )
    flat = FlatDecision(network=network, before=shift, shift=shift)
    assert isinstance(network, nn.Module)
    plan = QuantPlan.of(network, calibration, **named)
    return Calibrated(network, plan, QuantRecipe.of(calibration, decision, flat, **named))


def _within(
    network: Quantized, meter: _Meter, before: float, progress: Progress
) -> tuple[Quantized, tuple[BlockDrop, ...], tuple[BlockDrop, ...]]:
    """Return layers to float until all is within what is allowed, the one that costs most first."""
    if meter.allows(network, before):
        return network, (), ()
    progress(f"INT8 costs too much: measuring {len(network.floats)} layers")
    ranking = _ranking(network, meter, before)
    order = [row.block for row in ranking]
    returned: list[BlockDrop] = []
    # with every layer in float it would be no INT8 any more
    for count in range(1, len(order)):
        tried = network.with_float(order[:count])
        cost = meter.cost(tried)
        returned.append(BlockDrop(block=order[count - 1], psnr_drop=round(cost, 4)))
        if meter.allows(tried, cost):
            return tried, ranking, tuple(returned)
    raise QualityError(
        f"INT8 costs more than it may, even with every layer but one in float ({before:+.2f} dB before, "
        f"{meter.allowed:+.2f} dB allowed, minus a PSNR where there are no clean images; flat frames "
        f"{meter.shift(network):.1f} levels off before, {MAX_SHIFT:g} allowed; "
        f"{meter.steadiness(network):.1f} dB from itself in float16 before, {STEADY:g} asked): use fp16"
    )


def _ranking(network: Quantized, meter: _Meter, before: float) -> tuple[BlockDrop, ...]:
    """Rank layers: by the cost without each, or by the shift that each has alone.

    Noise of layers adds up, so that the cost falls by what a layer adds; so do flips of levels. Shifts have a
    sign and cancel: one that makes up for another would seem to do good.
    """
    names = list(network.floats)
    if before > meter.allowed or meter.shift(network) <= MAX_SHIFT:
        found = {name: meter.cost(network.with_float([name])) for name in names}
        order = sorted(names, key=lambda name: found[name])
    else:
        worst = meter.flat.worst(network, WORST)
        others = {name: [other for other in names if other != name] for name in names}
        found = {name: worst.shift(network.with_float(others[name])) for name in names}
        order = sorted(names, key=lambda name: -found[name])
    return tuple(BlockDrop(block=name, psnr_drop=round(found[name], 4)) for name in order)


def _run(network: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(image)


def _psnr(output: Tensor, target: Tensor) -> float:
    # clipped, as all that is shown is
    return finite_psnr(output.clamp(0, 1).numpy(), target.clamp(0, 1).numpy(), peak=1.0)
