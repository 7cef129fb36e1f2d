"""Flat frames, such as a lens cap, a fade or a wall: ranges that hold them, and by how much INT8 shifts them.

Photographs have every level somewhere, but a frame that is all black moves z, and with it the coarsest
features, to where no photograph does. Ranges taken from photographs alone clip there, and the whole frame
gets lighter or darker.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

from restorect_edge.models.student import Student
from restorect_edge.quantization.qdq import QMAX, Q, merge_equal, representable

__all__ = ["MAX_SHIFT", "FlatMeter", "cover", "flat_frames", "widen"]

MAX_SHIFT = 1.5
"""Most levels of 255 by which a channel's mean may shift. Some grays are tried; of all, 2 are promised, or
what a level of the input changes where exposure is steep."""
GREYS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 240, 248, 255)
"""Close together where the student's exposure is steep. Saturated colors are left out: ranges that hold them
are so wide that photographs lose 20 dB of fidelity with some weights."""
SIDE = 48
"""Of a frame, in pixels."""
WORST = 4
"""Frames that a block to return is chosen by."""


def flat_frames() -> Tensor:
    """Return flat frames (N, 3, 48, 48) in [0, 1], from black to white, dark ones close together."""
    levels = torch.tensor(GREYS, dtype=torch.float32) / 255
    return levels[:, None, None, None].expand(-1, 3, SIDE, SIDE)


def _one_by_one() -> Iterator[Tensor]:
    frames = flat_frames()
    return (frames[index : index + 1] for index in range(len(frames)))


def cover(body: fx.GraphModule, student: Student) -> None:
    """Widen the ranges of a quantized body so that they hold the float activations of flat frames.

    Args:
        body: a graph of `restorect_edge.quantization.qdq.clean`; changed in place.
        student: the float student that it was made from.
    """
    widen(body, ((image, student.prior(student.thumbnail(image))) for image in _one_by_one()))


def widen(body: fx.GraphModule, inputs: Iterable[tuple[Tensor, ...]], share: float = 1.0) -> None:
    """Widen the ranges of a quantized graph so that they hold its float activations for some inputs.

    Args:
        body: with explicit quantize/dequantize pairs; changed in place.
        inputs: the graph's arguments, one tuple after the other.
        share: in (0, 1], of the way from the ranges that are there to those that hold all.
    """
    ranges = _Ranges(body)
    for given in inputs:
        ranges.run(*given)
    for node, widest in ranges.widest.items():
        # only ever wider: photographs keep the range that they were given
        asked = node.args[1] + share * (widest / QMAX - node.args[1])
        scale = max(node.args[1], float(representable(torch.tensor(asked))))
        for one in (node, *node.users):
            one.args = (one.args[0], scale, *one.args[2:])
    # ranges that were widened may be equal now
    merge_equal(body.graph)
    body.recompile()


class _Ranges(fx.Interpreter):
    """Runs a quantized body in float and notes the greatest magnitude that each quantizer is given."""

    def __init__(self, body: fx.GraphModule) -> None:
        super().__init__(body)
        self.widest: dict[Any, float] = {}

    def run_node(self, n: fx.Node) -> Any:
        if n.target not in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
            return super().run_node(n)
        value = self.env[n.all_input_nodes[0]]
        if n.target is Q.quantize_per_tensor.default:
            self.widest[n] = max(self.widest.get(n, 0.0), float(value.abs().max()))
        return value


class FlatMeter:
    """Measures by how much quantized forms of a student's body shift flat frames.

    Args:
        student: the float32 student that they stand for.
        prior: that of the quantized student, the same for all forms.
    """

    def __init__(self, student: Student, prior: nn.Module) -> None:
        with torch.inference_mode():
            self._samples = [_sample(student, prior, image) for image in _one_by_one()]

    def shift(self, body: nn.Module) -> float:
        """Return the greatest shift of a channel's mean, in levels of 255."""
        return round(max(self._shifts(body, self._samples)), 4)

    def worst(self, body: nn.Module) -> "FlatMeter":
        """Return what measures the few frames that this form shifts most."""
        shifts = list(self._shifts(body, self._samples))
        order = sorted(range(len(shifts)), key=lambda index: -shifts[index])
        # shares the samples, for which the float network was run
        few = copy.copy(self)
        few._samples = [self._samples[index] for index in order[:WORST]]
        return few

    def _shifts(self, body: nn.Module, samples: list[tuple[Tensor, Tensor, Tensor]]) -> Iterator[float]:
        with torch.inference_mode():
            for image, z, expected in samples:
                yield 255 * float((body(image, z).mean((2, 3)) - expected).abs().max())


def _sample(student: Student, prior: nn.Module, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a frame, z of the quantized prior, and the mean of each channel of the float output."""
    seen = student.thumbnail(image)
    return image, prior(seen), student.body(image, student.prior(seen)).mean((2, 3))
