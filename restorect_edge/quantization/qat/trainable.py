"""The quantized body with fake quantization, to be trained, and its parameters back in a student."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

from restorect_edge.models.student import Student
from restorect_edge.quantization.blocks import convolutions
from restorect_edge.quantization.qdq import QMAX, QMIN, SMALLEST_SCALE, WEIGHT_MAX, Q, module_path
from restorect_edge.quantization.quantize import QuantizedStudent

__all__ = ["trainable", "written_back"]


def trainable(network: QuantizedStudent, student: Student) -> fx.GraphModule:
    """Return the quantized graph on float parameters, with gradients.

    Args:
        network: with every block in int8.
        student: what it was quantized from; left as it is.
    """
    body = copy.deepcopy(network.body)
    graph = body.graph
    for node in convolutions(graph):
        _take_parameters(body, node, student.body.get_submodule(module_path(node)))
    for node in list(graph.nodes):
        if node.target is Q.dequantize_per_tensor.default:
            _replace(node, torch.fake_quantize_per_tensor_affine, _source(node), node.args[1], 0, QMIN, QMAX)
    graph.eliminate_dead_code()
    body.recompile()
    return body


def _source(dequantize: fx.Node) -> Any:
    (levels,) = dequantize.all_input_nodes
    return levels.args[0]


def _replace(node: fx.Node, function: Any, *arguments: Any) -> None:
    with node.graph.inserting_before(node):
        node.replace_all_uses_with(node.graph.call_function(function, arguments))


def _take_parameters(body: fx.GraphModule, convolution: fx.Node, layer: nn.Module) -> None:
    """Let a convolution compute with a float weight, rounded, and a bias with NNCF's correction on top."""
    weight, bias = (layer.get_parameter(name).detach().clone() for name in ("weight", "bias"))
    dequantize, corrected = convolution.args[1:3]
    assert isinstance(dequantize, fx.Node) and isinstance(corrected, fx.Node)
    scale_node: Any = dequantize.args[1]
    scale = body.get_buffer(scale_node.target)
    # what NNCF added for the rounding of weights, kept on top of the bias that learns
    correction = body.get_buffer(str(corrected.target)) - bias
    names = _parameter_names(module_path(convolution))
    constants = {
        "weight": nn.Parameter(weight),
        "bias": nn.Parameter(bias),
        # a share of the range, so that the scale follows the weight as it learns
        "step": scale / weight.abs().amax((1, 2, 3)).clamp(min=SMALLEST_SCALE),
        "correction": correction,
    }
    with body.graph.inserting_before(convolution):
        nodes = {name: _constant(body, names[name], value) for name, value in constants.items()}
        rounded = body.graph.call_function(_rounded, (nodes["weight"], nodes["step"]))
        total = body.graph.call_function(torch.add, (nodes["bias"], nodes["correction"]))
    convolution.update_arg(1, rounded)
    convolution.update_arg(2, total)


def _parameter_names(path: str) -> dict[str, str]:
    return {
        name: f"trained_{path}_{name}".replace(".", "_") for name in ("weight", "bias", "step", "correction")
    }


def _constant(body: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    if isinstance(value, nn.Parameter):
        body.register_parameter(name, value)
    else:
        body.register_buffer(name, value)
    return body.graph.get_attr(name)


def _rounded(weight: Tensor, step: Tensor) -> Tensor:
    """Round a weight to the levels that it will have; `step` is that of a channel of range 1."""
    scale = (step * weight.detach().abs().amax((1, 2, 3))).clamp(min=SMALLEST_SCALE)
    zeros = torch.zeros(len(scale), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -WEIGHT_MAX, WEIGHT_MAX)


def written_back(student: Student, body: nn.Module) -> Student:
    """Return a copy of `student` with the parameters of `body`, which `trainable` returned."""
    tuned = copy.deepcopy(student)
    trained = dict(body.named_parameters())
    for path, layer in tuned.body.named_modules():
        for name in _trained(path, trained):
            layer.get_parameter(name).data = trained[_parameter_names(path)[name]].detach().clone()
    return tuned.eval()


def _trained(path: str, parameters: dict[str, nn.Parameter]) -> Iterator[str]:
    names = _parameter_names(path)
    return (name for name in ("weight", "bias") if names[name] in parameters)
