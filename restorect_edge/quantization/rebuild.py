"""A quantized student from its plan and its weights: what was exported, without calibrating again."""

import copy
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, fx

from restorect_edge.errors import IncompatibleError
from restorect_edge.models.student import Student
from restorect_edge.quantization.plan import QuantizedTensor, QuantPlan, source_name, tensors_of
from restorect_edge.quantization.qdq import SMALLEST_SCALE, Q, clean
from restorect_edge.quantization.quantize import QuantizedStudent, trace_body
from restorect_edge.quantization.scope import EXCLUDED, left_out

__all__ = ["rebuild"]

Named = dict[str, list[fx.Node]]
TOLERANCE = 6e-4
"""By how much the range of a weight may differ from what its scale covers: float16 rounds by 2⁻¹¹."""
COVERED = (1.0, 0.5)
"""Shares of its levels that a weight fills; NNCF leaves first layers half of them, against saturation."""


def rebuild(student: Student, plan: QuantPlan) -> QuantizedStudent:
    """Return the quantized student that a plan describes, equal bit for bit to the one it was read off.

    Needs no NNCF and no photographs.

    Args:
        student: the float student of the weights that the plan names, fused, in evaluation mode.
        plan: of `QuantPlan.of` or `QuantPlan.read`.

    Raises:
        IncompatibleError: the plan is of another network, or of weights that were tuned after loading.
    """
    try:
        graph = trace_body(_with_biases(student, plan))
        excluded = _returned(graph.graph, plan) | left_out(graph.graph)
        _quantize(graph, plan)
    except (KeyError, ValueError, AttributeError, RuntimeError) as error:
        raise IncompatibleError(f"the plan is not of this network: {error}; export again") from error
    network = QuantizedStudent(student, clean(graph, student.body), excluded)
    if tensors_of(network) != plan.tensors:
        raise IncompatibleError("the plan is not of this network: its tensors differ; export again")
    return network


def _with_biases(student: Student, plan: QuantPlan) -> Student:
    corrected = copy.deepcopy(student)
    for name, values in plan.biases.items():
        bias = corrected.get_submodule(name).bias
        # NNCF corrected it for what rounding the weights shifts; the plan has the result
        assert isinstance(bias, Tensor)
        bias.data = torch.tensor(values).reshape(bias.shape)
    return corrected


def _returned(graph: fx.Graph, plan: QuantPlan) -> dict[str, str]:
    """Say which operations the plan returned to float, which no structure tells."""
    keys = {EXCLUDED[key]: key for key in ("budget", "flat")}
    names = {row["name"]: keys[row["why"]] for row in plan.excluded if row["why"] in keys}
    called = [(node, source_name(node)) for node in graph.nodes if node.op == "call_function"]
    return {node.name: names[name] for node, name in called if name in names}


def _quantize(graph: fx.GraphModule, plan: QuantPlan) -> None:
    """Insert pairs as NNCF does; `clean` makes of them what it makes of NNCF's."""
    named: Named = defaultdict(list)
    for node in graph.graph.nodes:
        if node.op == "call_function":
            named[source_name(node)].append(node)
    for tensor in plan.tensors:
        if tensor.arithmetic != "int8":
            continue
        if tensor.kind == "weight":
            _quantize_weight(graph, _one(named, tensor.name.removesuffix(".weight")), tensor)
        else:
            _quantize_activation(_one(named, tensor.name), [_one(named, n) for n in tensor.feeds], tensor)


def _one(named: Named, name: str) -> fx.Node:
    if len(named[name]) != 1:
        raise ValueError(f"{len(named[name])} operations of the network are called '{name}'")
    return named[name][0]


def _quantize_weight(module: fx.GraphModule, convolution: fx.Node, tensor: QuantizedTensor) -> None:
    weight: Any = convolution.args[1]
    scale = torch.tensor(tensor.scale)
    _check_range(module.get_parameter(weight.target), scale, tensor)
    with module.graph.inserting_before(convolution):
        constants = [
            _constant(module, f"given_{weight.name}_{name}", value)
            for name, value in (("scale", scale), ("zero_point", torch.zeros(len(scale), dtype=torch.int64)))
        ]
        arguments = (*constants, tensor.axis, *tensor.levels, torch.int8)
        levels = module.graph.call_function(Q.quantize_per_channel.default, (weight, *arguments))
        stored = module.graph.call_function(Q.dequantize_per_channel.default, (levels, *arguments))
    convolution.update_arg(1, stored)


def _check_range(weight: Tensor, scale: Tensor, tensor: QuantizedTensor) -> None:
    """A scale follows from its channel of the weight; if not, the plan was made from another weight."""
    # NNCF scales by a channel's largest magnitude, which a plan of other weights does not fit
    widest = weight.detach().abs().amax((1, 2, 3)) / (scale * tensor.levels[1])
    fits = [(widest - share).abs() <= TOLERANCE for share in COVERED]
    if not torch.stack([*fits, scale <= SMALLEST_SCALE]).any(0).all():
        raise ValueError(f"the scales of '{tensor.name}' are of other values")


def _constant(module: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    module.register_buffer(name, value)
    return module.graph.get_attr(name)


def _quantize_activation(origin: fx.Node, readers: list[fx.Node], tensor: QuantizedTensor) -> None:
    arguments = (tensor.scale[0], 0, *tensor.levels, torch.int8)
    graph = origin.graph
    # behind the value, so that what reads it in float goes on doing so
    with graph.inserting_after(origin):
        levels = graph.call_function(Q.quantize_per_tensor.default, (origin, *arguments))
    with graph.inserting_after(levels):
        value = graph.call_function(Q.dequantize_per_tensor.default, (levels, *arguments))
    for reader in readers:
        reader.replace_input_with(origin, value)
