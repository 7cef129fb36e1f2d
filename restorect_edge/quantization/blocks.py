"""The blocks of a quantized body, and the body with some of them in float again."""

import copy
from collections.abc import Collection, Iterator

from torch import Tensor, fx, nn

from restorect_edge.errors import unknown_name
from restorect_edge.quantization.qdq import Q, add_constant, module_path
from restorect_edge.quantization.scope import is_convolution

__all__ = ["block_names", "convolutions", "returned"]

PAIR = (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default)


def block_names(body: fx.GraphModule) -> list[str]:
    """List the blocks in the order of the graph, by their convolution, such as ``encode1.0.first``.

    A block is a quantized convolution with what follows it up to the next one: `up1` has the shuffle and
    the sum with the skipped features.
    """
    return list(dict.fromkeys(_owners(body.graph).values()))


def returned(
    body: fx.GraphModule, source: nn.Module, names: Collection[str]
) -> tuple[fx.GraphModule, list[str]]:
    """Return a copy of a quantized body in which some blocks compute in float, and their operations' names.

    They read values that are not quantized and have the weights and biases of `source`. All other scales
    stay as they are.

    Args:
        body: the quantized graph.
        source: the float body that it was made from.
        names: of blocks.

    Raises:
        UsageError: there is no block of that name.
    """
    known = block_names(body)
    for name in names:
        if name not in known:
            raise unknown_name("block", name, known)
    body = copy.deepcopy(body)
    members = [node for node, owner in _owners(body.graph).items() if owner in names]
    for node in members:
        _read_float(node)
        if is_convolution(node):
            _take_float_constants(body, node, source)
    # buffers outlive the nodes that read them, and would be exported
    body.graph.eliminate_dead_code()
    _drop_unused(body)
    body.recompile()
    return body, [node.name for node in members]


def convolutions(graph: fx.Graph) -> list[fx.Node]:
    """List the quantized convolutions, in order."""
    return [node for node in graph.nodes if is_convolution(node) and _is_quantized(node)]


def _owners(graph: fx.Graph) -> dict[fx.Node, str]:
    """Say of each operation that follows quantized convolutions whose block it is in: the last one's."""
    order = {node: index for index, node in enumerate(convolutions(graph))}
    names = [module_path(node) for node in order]
    for node in graph.nodes:
        before = [order[source] for source in node.all_input_nodes if source in order]
        if before and node.op == "call_function":
            # what follows belongs to the last convolution that it depends on
            order.setdefault(node, max(before))
    return {node: names[order[node]] for node in graph.nodes if node in order and node.target not in PAIR}


def _is_quantized(convolution: fx.Node) -> bool:
    weight = convolution.args[1]
    return isinstance(weight, fx.Node) and weight.target is Q.dequantize_per_channel.default


def _read_float(node: fx.Node) -> None:
    for value in node.all_input_nodes:
        if value.target is PAIR[1]:
            (levels,) = value.all_input_nodes
            node.replace_input_with(value, levels.all_input_nodes[0])


def _take_float_constants(body: fx.GraphModule, convolution: fx.Node, source: nn.Module) -> None:
    path = module_path(convolution)
    for index, name in ((1, "weight"), (2, "bias")):
        if len(convolution.args) > index and convolution.args[index] is not None:
            value = _value(source, f"{path}.{name}")
            convolution.update_arg(index, add_constant(body, f"{path}.{name}", value, convolution))


def _value(source: nn.Module, name: str) -> Tensor:
    """Return a float parameter as a quantized body has it: weights rounded to what float16 holds."""
    value = source.get_parameter(name).detach().clone()
    return value.half().float() if name.endswith(".weight") else value


def _drop_unused(body: fx.GraphModule) -> None:
    used = {node.target for node in body.graph.nodes if node.op == "get_attr"}
    for name in list(_buffers(body)):
        if name not in used:
            delattr(body, name)


def _buffers(body: fx.GraphModule) -> Iterator[str]:
    return (name for name, _ in body.named_buffers())
