"""NNCF's graph made fit for every target: signed activations, weights stored as int8, names of the source."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.ao.quantization.fx import _decomposed

from restorect_edge.errors import BackendError
from restorect_edge.quantization.scope import is_convolution

__all__ = [
    "QMAX",
    "QMIN",
    "SMALLEST_SCALE",
    "WEIGHT_MAX",
    "Q",
    "StoredConv2d",
    "add_constant",
    "as_levels",
    "clean",
    "make_symmetric",
    "merge_equal",
    "module_path",
    "plain",
    "read_constant",
    "representable",
    "store_weights",
]

Q = torch.ops.quantized_decomposed
"""PyTorch's quantize and dequantize operations, which all converters know."""
QMIN, QMAX = -128, 127
WEIGHT_MAX = 127
SMALLEST_SCALE = 2.0**-14
"""Least scale: float16's smallest normal number; a tensor of a range below 0.008 is as good as constant."""

del _decomposed  # imported to register the operations


def representable(scale: Tensor) -> Tensor:
    """Return scales that float16 holds: Core ML stores them so, and all targets have the same."""
    return scale.clamp(min=SMALLEST_SCALE).half().float()


class StoredConv2d(nn.Module):
    """A convolution whose weight is stored as int8 and computed with in float32."""

    weight: Tensor
    scale: Tensor
    zero_point: Tensor

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        value = layer.weight.detach()
        scale = representable(value.abs().amax((1, 2, 3)) / WEIGHT_MAX)
        levels = torch.round(value / scale[:, None, None, None]).clamp(-WEIGHT_MAX, WEIGHT_MAX)
        self.register_buffer("weight", levels.to(torch.int8))
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", torch.zeros(len(scale), dtype=torch.int64))
        self.bias = layer.bias
        self.stride, self.padding = layer.stride, layer.padding

    def forward(self, x: Tensor) -> Tensor:
        """(N, cin, H, W) → (N, cout, H/stride, W/stride)."""
        weight = Q.dequantize_per_channel(
            self.weight, self.scale, self.zero_point, 0, -WEIGHT_MAX, WEIGHT_MAX, torch.int8
        )
        return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding)


def store_weights(module: nn.Module, *, pointwise: bool = False) -> None:
    """Replace every convolution below `module` that is wider than 1×1 by its `StoredConv2d`.

    1×1 weights are small, and OpenVINO would not unpack them ahead: it runs such a convolution with a
    computed weight, and 2026.4 then adds the result into the constant that the flow starts from, so that
    every call but the first is wrong. With `pointwise` they are replaced as well, for other backends;
    without, they are rounded to what float16 holds, so that they can be stored so.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and (pointwise or child.kernel_size != (1, 1)):
                setattr(parent, name, StoredConv2d(child))
            elif isinstance(child, nn.Conv2d):
                child.weight.data = child.weight.data.half().float()


def clean(module: fx.GraphModule, source: nn.Module) -> fx.GraphModule:
    """Return NNCF's graph with symmetric int8 throughout; `module` is used up.

    Args:
        module: NNCF's graph, or one with pairs inserted in the same way.
        source: the float network that it was traced from; its weights over the scales are the levels, so
            that weights and scales alone say what they are.

    Raises:
        BackendError: NNCF quantized something in another way.
    """
    make_symmetric(module, lambda quantize: _fold_weight(module, quantize, source))
    for node in list(module.graph.nodes):
        if is_convolution(node):
            _name_constants(module, node)
    return plain(module, "QuantizedBody")


def make_symmetric(module: fx.GraphModule, fold: Callable[[fx.Node], None]) -> None:
    """Make NNCF's graph symmetric int8 throughout, in place.

    Args:
        module: the graph.
        fold: stores the weight of a quantizer by channel as int8.

    Raises:
        BackendError: NNCF quantized something in another way.
    """
    # a copy of the list: folding erases nodes
    for node in list(module.graph.nodes):
        if node.target is Q.quantize_per_tensor.default:
            _make_signed(node)
        elif node.target is Q.quantize_per_channel.default:
            fold(node)
    merge_equal(module.graph)


def plain(module: fx.GraphModule, name: str) -> fx.GraphModule:
    """Return a graph as a function of its inputs that returns one tensor, without torch.export's wrapping.

    Args:
        module: torch.export's; it is used up.
        name: of the class that the result has.
    """
    graph = module.graph
    graph.set_codegen(fx.graph.CodeGen())
    output = graph.output_node()
    (restored,) = output.all_input_nodes
    output.args = (restored,)
    graph.eliminate_dead_code()
    graph.lint()
    return fx.GraphModule(module, graph, name).eval()


def module_path(node: fx.Node) -> str:
    """Return the name of the module that an operation belongs to, such as ``encode1.0.first``; else empty."""
    stack = node.meta.get("nn_module_stack") or {"": ("", None)}
    return str(list(stack.values())[-1][0])


def _make_signed(quantize: fx.Node) -> None:
    """Give a quantizer and its dequantizers the type int8, with the scale that covers the same range.

    Raises:
        BackendError: its zero point is not 0.
    """
    arguments: Any = quantize.args
    _, scale, zero_point, low, high, _ = arguments
    if zero_point != 0:
        raise BackendError(f"NNCF gave '{quantize.name}' the zero point {zero_point}, expected 0")
    # an unsigned range has twice as many levels above zero as a signed one
    if low == 0:
        scale = scale * high / QMAX
    scale = float(representable(torch.tensor(scale)))
    for node in (quantize, *quantize.users):
        node.args = (node.args[0], scale, 0, QMIN, QMAX, torch.int8)


def _fold_weight(module: fx.GraphModule, quantize: fx.Node, source: nn.Module) -> None:
    """Store a weight as int8 instead of quantizing it at every call."""
    (dequantize,) = quantize.users
    (consumer,) = dequantize.users
    name = f"{module_path(consumer)}.weight"
    stored = as_levels(module, quantize, source.get_parameter(name).detach())
    kept = [add_constant(module, name + suffix, stored[suffix], dequantize) for suffix in stored]
    dequantize.args = (*kept, *quantize.args[3:])
    module.graph.erase_node(quantize)


def as_levels(module: fx.GraphModule, quantize: fx.Node, value: Tensor) -> dict[str, Tensor]:
    """Return the levels, scales and zero points of a weight, by the endings of their names.

    Args:
        module: NNCF's graph.
        quantize: the weight's quantizer.
        value: the float weight, (O, …).

    Raises:
        BackendError: NNCF did not quantize it symmetrically per channel.
    """
    arguments: Any = quantize.args
    weight, scale, zero_point, axis, low, high, dtype = arguments
    scales, zeros = (read_constant(module, node).reshape(-1) for node in (scale, zero_point))
    if zeros.any() or dtype is not torch.int8:
        raise BackendError(f"NNCF did not quantize '{weight}' symmetrically per output channel")
    scales, zeros = representable(scales.float()), zeros.long()
    levels = Q.quantize_per_channel(value, scales, zeros, axis, low, high, dtype)
    return {"": levels, "_scale": scales, "_zero_point": zeros}


def add_constant(module: fx.GraphModule, name: str, value: Tensor, before: fx.Node) -> fx.Node:
    """Keep a tensor in a graph, and return the node that stands for it.

    Args:
        module: the graph.
        name: of the buffer; points become underscores.
        value: the tensor.
        before: the node that reads it.
    """
    flat = name.replace(".", "_")
    module.register_buffer(flat, value.contiguous())
    with module.graph.inserting_before(before):
        return module.graph.get_attr(flat)


def read_constant(module: fx.GraphModule, node: Any) -> Tensor:
    """Return the tensor that `node`, a ``get_attr``, reads from its graph `module`."""
    value: Any = module
    for part in node.target.split("."):
        value = getattr(value, part)
    tensor: Tensor = value.detach()
    return tensor


def merge_equal(graph: fx.Graph) -> None:
    """Let equal quantizers of one value be one, and equal dequantizers of that."""
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.target in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
            first = seen.setdefault((node.target, node.args), node)
            if first is not node:
                node.replace_all_uses_with(first)
                graph.erase_node(node)


def _name_constants(module: fx.GraphModule, node: fx.Node) -> None:
    """Call a float weight and the bias, which NNCF corrects, what they are called in the source.

    Weights that stay float are rounded to what float16 holds, as Core ML stores them.
    """
    for index, name in ((1, "weight"), (2, "bias")):
        source = node.args[index] if len(node.args) > index else None
        if isinstance(source, fx.Node) and source.op == "get_attr":
            value = read_constant(module, source)
            value = value.half().float() if name == "weight" else value
            node.update_arg(index, add_constant(module, f"{module_path(node)}.{name}", value, node))
