"""INT8 form of any image → image module, by one NNCF calibration of its `torch.export` graph.

Convolutions and linear layers compute in 8 bits, as in students: symmetric int8 with zero point 0, weights
with one scale per output channel, activations with one per tensor. By rule all else stays in float:
normalization, attention's products of activations, softmax, activations, gates and what moves pixels. Where
that costs too much, layers are returned to float, the one that costs most first.
"""

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from restorect_edge.errors import UsageError
from restorect_edge.media.photos import generated
from restorect_edge.models.tracing.graph import trace_whole
from restorect_edge.quantization.flat import observed, widen
from restorect_edge.quantization.options import require_nncf
from restorect_edge.quantization.plan import QuantizedTensor, graph_rows
from restorect_edge.quantization.qdq import (
    Q,
    add_constant,
    as_levels,
    make_symmetric,
    plain,
    read_constant,
)
from restorect_edge.quantization.quantize import one_thread, quantized_graph
from restorect_edge.spec import ImageSpec, ImageU8, Shape
from restorect_edge.utils.foreign import foreign_errors

__all__ = ["QuantizedModule", "frames", "prepared", "quantize_module"]

LAYERS = (torch.ops.aten.conv2d.default, torch.ops.aten.linear.default)
"""What computes in 8 bits; NNCF makes plain convolutions of others that are such."""
FLAT_LEVELS = (0, 4, 8, 32, 64, 128, 192, 255)
FLAT_SIDE = 48
Floats = tuple[Tensor, Tensor | None]
PROBE = (96, 128)
"""Height and width that free sides are traced at, rounded up to what the network takes."""


class QuantizedModule(nn.Module):
    """A module in INT8: the same inputs and outputs.

    Args:
        body: its graph with explicit quantize/dequantize pairs.
        floats: the float weight of each quantized layer, and its bias or None, by the layer's node name.
        excluded: operations that stay in float, by node name, with their key in
            `restorect_edge.quantization.scope.EXCLUDED`.
    """

    body: fx.GraphModule

    def __init__(self, body: fx.GraphModule, floats: "dict[str, Floats]", excluded: dict[str, str]) -> None:
        super().__init__()
        self.body, self.floats, self.excluded = body, floats, excluded
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Restore an image (1, 3, H, W) in [0, 1]."""
        result: Tensor = self.body(image)
        return result

    def in_half(self, image: Tensor) -> Tensor:
        """Return the same by a target whose arithmetic is float16: every result rounded to it."""
        result: Tensor = _InHalf(self.body).run(image)
        return result

    def rows(self) -> tuple[Iterator[QuantizedTensor], Iterator[dict[str, str]]]:
        """Return what a plan says of it: its tensors in int8, and what stays in float."""
        return graph_rows(self)

    def with_float(self, names: Collection[str], *, why: str = "budget") -> "QuantizedModule":
        """Return a copy in which some layers compute in float; all other scales stay as they are.

        Args:
            names: of `floats`.
            why: key in `restorect_edge.quantization.scope.EXCLUDED`.
        """
        body = copy.deepcopy(self.body)
        for node in list(body.graph.nodes):
            if node.name in names:
                _return(body, node, *self.floats[node.name])
        # the pairs that these layers alone read
        body.graph.eliminate_dead_code()
        body.recompile()
        kept = {name: value for name, value in self.floats.items() if name not in names}
        return QuantizedModule(body, kept, self.excluded | dict.fromkeys(names, why))


class _InHalf(fx.Interpreter):
    """Runs a graph with every float32 result rounded to float16."""

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        is_float = isinstance(value, Tensor) and value.dtype == torch.float32
        return value.half().float() if is_float and n.op == "call_function" else value


def quantize_module(
    module: nn.Module,
    spec: ImageSpec,
    images: Sequence[ImageU8],
    shape: Shape | None,
    *,
    saturation_safe: bool = False,
) -> QuantizedModule:
    """Calibrate on photographs and return the quantized module.

    Args:
        module: (1, 3, H, W) in [0, 1] → (1, 3, scale·H, scale·W), in evaluation mode.
        spec: the sides that it takes.
        images: (H, W, 3) uint8 RGB, such as the network will be given.
        shape: (height, width) that the result is for; None for any.
        saturation_safe: as for `restorect_edge.quantization.quantize.quantize_student`.

    Raises:
        MissingDependencyError: NNCF or torchao is not installed.
        UsageError: no images, or none as large as the shape.
        BackendError: torch.export cannot trace the module, or NNCF cannot quantize it.
    """
    require_nncf()
    samples = [prepared(image, spec, shape) for image in images]
    if not samples:
        raise UsageError("INT8 calibration needs at least one photograph, got none")
    sides = shape or spec.size.padded(*PROBE)
    (traced,) = trace_whole(module, spec, [sides], shape is None)
    with one_thread(), torch.no_grad():
        graph = traced.program.module(check_guards=False)
        assert isinstance(graph, fx.GraphModule)
        excluded = {
            node.name: "rule"
            for node in graph.graph.nodes
            if node.op == "call_function" and node.target not in LAYERS
        }
        own = _parameters(graph)
        made = quantized_graph(graph, samples, lambda sample: sample, list(excluded), saturation_safe)
        with foreign_errors("NNCF's graph of this network has a form that is not known"):
            weights = _clean(made)
            body = plain(made, "QuantizedModule")
        widen(body, observed(body, ((frame,) for frame in frames(spec, shape, images[0]))))
    floats = {name: own.get(name, (weight, None)) for name, weight in weights.items()}
    return QuantizedModule(body, floats, excluded)


def _parameters(graph: fx.GraphModule) -> dict[str, Floats]:
    """Return weight and bias of each layer as they are before NNCF, which corrects both for rounding."""
    found: dict[str, Floats] = {}
    for node in graph.graph.nodes:
        given = node.args[1:3] if node.target in LAYERS else ()
        stored = [
            read_constant(graph, n).clone() for n in given if isinstance(n, fx.Node) and n.op == "get_attr"
        ]
        # a weight that is computed has no value to go back to
        if stored and len(stored) == len([n for n in given if n is not None]):
            found[node.name] = (stored[0], stored[1] if len(stored) > 1 else None)
    return found


def frames(spec: ImageSpec, shape: Shape | None, image: ImageU8) -> list[Tensor]:
    """Return what ranges must hold besides the photographs: flat frames, and an overexposed one.

    Args:
        spec: the sides that the network takes.
        shape: (height, width) that the result is for; None for any.
        image: a photograph, (H, W, 3), which is brightened.
    """
    height, width = shape or spec.size.padded(FLAT_SIDE, FLAT_SIDE)
    flat = [torch.full((1, 3, height, width), level / 255) for level in FLAT_LEVELS]
    return [*flat, prepared(generated.brightened(image), spec, shape)]


def prepared(image: ImageU8, spec: ImageSpec, shape: Shape | None) -> Tensor:
    """Return a photograph as (1, 3, H, W) in [0, 1]: cut to a shape from its middle, or to what is taken.

    A smaller one is continued by reflection, as runtimes do.

    Args:
        image: (H, W, 3) uint8.
        spec: the sides that the network takes.
        shape: (height, width) to cut to; None for the photograph's own, padded.
    """
    height, width = shape or spec.size.padded(*image.shape[:2])
    missing = [(0, max(side - have, 0)) for side, have in zip((height, width), image.shape[:2], strict=True)]
    padded = np.pad(image, [*missing, (0, 0)], mode="symmetric")
    top, left = ((have - side) // 2 for have, side in zip(padded.shape[:2], (height, width), strict=True))
    cut = padded[top : top + height, left : left + width].transpose(2, 0, 1)[None]
    return torch.from_numpy(np.ascontiguousarray(cut, np.float32) / np.float32(255))


def _clean(module: fx.GraphModule) -> dict[str, Tensor]:
    """Make NNCF's graph symmetric int8 throughout, in place; return the float weight of each layer."""
    floats: dict[str, Tensor] = {}
    make_symmetric(module, lambda quantize: _fold(module, quantize, floats))
    return floats


def _fold(module: fx.GraphModule, quantize: fx.Node, floats: dict[str, Tensor]) -> None:
    """Store a weight as int8 instead of quantizing it at every call."""
    weight: Any = quantize.args[0]
    value = read_constant(module, weight)
    stored = as_levels(module, quantize, value)
    for dequantize in list(quantize.users):
        # several, where layers share a weight
        for layer in dequantize.users:
            floats[layer.name] = value
        names = (f"{weight.name}{suffix or '_levels'}" for suffix in stored)
        kept = [add_constant(module, *pair, dequantize) for pair in zip(names, stored.values(), strict=True)]
        dequantize.args = (*kept, *quantize.args[3:])
    module.graph.erase_node(quantize)


def _return(body: fx.GraphModule, layer: fx.Node, weight: Tensor, bias: Tensor | None) -> None:
    """Let a layer compute in float: what it reads before it is quantized, its float weight and own bias."""
    given, weights = layer.args[0], layer.args[1]
    assert isinstance(given, fx.Node) and isinstance(weights, fx.Node)
    # two steps back: past the dequantizer and the quantizer, to the value itself
    if given.target is Q.dequantize_per_tensor.default:
        layer.update_arg(0, given.all_input_nodes[0].all_input_nodes[0])
    layer.update_arg(1, add_constant(body, f"{layer.name}_float", weight, layer))
    if bias is not None:
        layer.update_arg(2, add_constant(body, f"{layer.name}_bias_float", bias, layer))
