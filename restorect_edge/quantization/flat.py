"""Flat frames, such as a lens cap, a fade or a wall: ranges that hold them, and by how much INT8 shifts them.

Photographs have every level somewhere, but a frame that is all black moves z, and with it the coarsest
features, to where no photograph does. Ranges taken from photographs alone clip there, and the whole frame
gets lighter or darker.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from restorect_edge.models.student import Student
from restorect_edge.quantization.qdq import QMAX, Q, merge_equal, representable

__all__ = ["MAX_SHIFT", "FlatMeter", "cover", "flat_frames", "means", "observed", "widen"]

MAX_SHIFT = 1.8
"""Most levels of 255 by which a channel's mean may shift. A verdict allows 2: the rest is for what targets
round in their own ways, which is 0.03 levels in LiteRT. Between the grays that are tried, 2 are promised, or
what a level of the input changes where exposure is steep."""
GREYS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 240, 248, 255)
"""Close together where the student's exposure is steep. Saturated colors are left out: ranges that hold them
are so wide that photographs lose 20 dB of fidelity with some weights."""
SIDE = 96
"""Of a frame, in pixels."""

Inputs = tuple[Tensor, ...]


def flat_frames() -> Tensor:
    """Return flat frames (N, 3, 96, 96) in [0, 1], from black to white, dark ones close together."""
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
    inputs = ((image, student.prior(student.thumbnail(image))) for image in _one_by_one())
    widen(body, observed(body, inputs))


def observed(body: fx.GraphModule, inputs: Iterable[Inputs]) -> dict[str, float]:
    """Return the greatest magnitude in float that each quantizer of a graph is given, by node name.

    Args:
        body: with explicit quantize/dequantize pairs.
        inputs: the graph's arguments, one tuple after the other.
    """
    ranges = _Ranges(body)
    for given in inputs:
        ranges.run(*given)
    return ranges.widest


def widen(body: fx.GraphModule, magnitudes: Mapping[str, float], share: float = 1.0) -> None:
    """Widen the ranges of a quantized graph so that they hold some magnitudes.

    Args:
        body: with explicit quantize/dequantize pairs; changed in place.
        magnitudes: by quantizer, of `observed` for this graph or one that it is a copy of.
        share: in (0, 1], of the way from the ranges that are there to those that hold all.
    """
    for node in [node for node in body.graph.nodes if node.name in magnitudes]:
        widest = magnitudes[node.name]
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
        self.widest: dict[str, float] = {}

    def run_node(self, n: fx.Node) -> Any:
        if n.target not in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
            return super().run_node(n)
        value = self.env[n.all_input_nodes[0]]
        if n.target is Q.quantize_per_tensor.default:
            self.widest[n.name] = max(self.widest.get(n.name, 0.0), float(value.abs().max()))
        return value


class FlatMeter:
    """Measures by how much quantized forms of a network shift flat frames, and the middles of these.

    A small frame is mostly border, where padding reaches; a large one is nearly all as its middle is.

    Args:
        samples: what a quantized form is given for each frame, and the `means` of the float output.
    """

    def __init__(self, samples: Iterable[tuple[Inputs, Tensor]]) -> None:
        self._samples = list(samples)

    @classmethod
    def of_student(cls, student: Student, prior: nn.Module) -> "FlatMeter":
        """Return a meter of a student's quantized bodies.

        Args:
            student: the float32 student that they stand for.
            prior: that of the quantized student, the same for all forms.
        """
        with torch.inference_mode():
            return cls(_sample(student, prior, image) for image in _one_by_one())

    def shift(self, network: Callable[..., Tensor]) -> float:
        """Return the greatest shift of a channel's mean, in levels of 255."""
        return round(max(self._shifts(network)), 4)

    def worst(self, network: Callable[..., Tensor], count: int) -> "FlatMeter":
        """Return what measures the few frames that this form shifts most.

        Args:
            network: of a body's inputs, gives an image.
            count: of the frames.
        """
        shifts = self._shifts(network)
        order = sorted(range(len(shifts)), key=lambda index: -shifts[index])
        return FlatMeter(self._samples[index] for index in order[:count])

    def _shifts(self, network: Callable[..., Tensor]) -> list[float]:
        with torch.inference_mode():
            return [
                255 * float((means(network(*given)) - expected).abs().max())
                for given, expected in self._samples
            ]


def means(output: Tensor) -> Tensor:
    """Return the mean of each channel of an image (1, C, H, W), and that of its middle third: (2, C)."""
    top, left = ((side - 1) // 3 for side in output.shape[2:])
    middle = output[..., top : output.shape[2] - top, left : output.shape[3] - left]
    return torch.cat([output.mean((2, 3)), middle.mean((2, 3))])


def _sample(student: Student, prior: nn.Module, image: Tensor) -> tuple[Inputs, Tensor]:
    """Return what a body is given for a frame, z of the quantized prior, and `means` in float."""
    seen = student.thumbnail(image)
    return (image, prior(seen)), means(student.body(image, student.prior(seen)))
