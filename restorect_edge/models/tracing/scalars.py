"""What a trace has that converters do not take, and that has an equal in what they do: numbers read off
parameters by ``.item()``, assignments to the pixels of a mask, and angles of nothing."""

import math
from typing import Any

import torch
from torch import fx

__all__ = ["fold_scalars", "is_convertible", "made_convertible"]

_ITEM = (torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default)


def fold_scalars(program: torch.export.ExportedProgram) -> None:
    """Write the numbers that are read off parameters and buffers into a program's graph, in place.

    `torch.export` keeps such a read as an operation with an unknown result, which no converter takes.
    """
    signature = program.graph_signature
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    graph, folded = program.graph, False
    for node in list(graph.nodes):
        source = node.args[0] if node.target in _ITEM else None
        if isinstance(source, fx.Node) and source.name in held:
            _replace(graph, node, program.state_dict[held[source.name]].item())
            folded = True
    if folded:
        program.graph_module.recompile()


def _replace(graph: fx.Graph, node: fx.Node, value: Any) -> None:
    for user in list(node.users):
        if user.users or user.op == "output":
            user.args = fx.map_arg(user.args, lambda a: value if a is node else a)
            user.kwargs = fx.map_arg(user.kwargs, lambda a: value if a is node else a)
        else:
            graph.erase_node(user)  # a check of the number, which is known now
    graph.erase_node(node)


_TAKE, _PUT = torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default
_CHECKS = (torch.ops.aten._assert_scalar.default, torch.ops.aten._assert_tensor_metadata.default)


_ANGLE = torch.ops.aten.atan2.default


def is_convertible(program: torch.export.ExportedProgram) -> bool:
    """Whether nothing is assigned by a mask, as in ``hue[value == 0] = 0``, and no angle is taken."""
    puts = (_PUT, torch.ops.aten.index_put_.default)
    nodes = program.graph.nodes
    return not any(n.target is _ANGLE or (n.target in puts and _mask(n) is not None) for n in nodes)


def made_convertible(program: torch.export.ExportedProgram) -> fx.GraphModule:
    """Return a program's module with ``x[mask] = f(y[mask])`` as ``where(mask, f(y), x)``: equal results.

    The number of pixels in a mask is not known to a graph, which few converters take. Assignments whose `f`
    looks at more than one pixel stay as they are. Angles are taken by octants.
    """
    module = program.run_decompositions({_ANGLE: _by_octants}).module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    for node in list(module.graph.nodes):
        mask = _mask(node) if node.target is _PUT else None
        if mask is not None and _is_pointwise(node.args[2], mask):
            with module.graph.inserting_before(node):
                value = _dense(module.graph, node.args[2])
                chosen = module.graph.call_function(torch.ops.aten.where.self, (mask, value, node.args[0]))
            # later passes read shape and module off it
            chosen.meta = dict(node.meta)
            node.replace_all_uses_with(chosen)
            module.graph.erase_node(node)
    # backwards, so that what only dead nodes read goes too; checks are of sizes that masks had
    for node in reversed(list(module.graph.nodes)):
        if node.target in _CHECKS or (not node.users and node.op == "call_function"):
            module.graph.erase_node(node)
    module.recompile()
    return module


def _by_octants(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return ``atan2(y, x)`` as the arctangent of at most 1, mirrored: coremltools takes the angle of (0, -1)
    for 0, and ONNX divides 0 by 0 where both are 0.
    """
    across, up = x.abs(), y.abs()
    longer = torch.maximum(across, up)
    # 0 / 1 where both are 0
    angle = torch.atan(torch.minimum(across, up) / (longer + (longer == 0).to(longer.dtype)))
    angle = torch.where(up > across, math.pi / 2 - angle, angle)
    angle = torch.where(x < 0, math.pi - angle, angle)
    return torch.where(y < 0, -angle, angle)


def _mask(node: fx.Node) -> fx.Node | None:
    """Return the mask of all axes that an indexing goes by, or None where it goes by something else."""
    indices = node.args[1] if len(node.args) > 1 else None
    if not isinstance(indices, (list, tuple)) or len(indices) != 1 or not isinstance(indices[0], fx.Node):
        return None
    value, taken = indices[0].meta.get("val"), node.args[0].meta.get("val")  # type: ignore[union-attr]
    if not isinstance(value, torch.Tensor) or not isinstance(taken, torch.Tensor):
        return None
    return indices[0] if value.ndim == taken.ndim and value.dtype is torch.bool else None


def _is_pointwise(value: Any, mask: fx.Node) -> bool:
    """Whether a value is a number, or made pixel by pixel of what was taken by an equal mask."""
    if not isinstance(value, fx.Node) or getattr(value.meta.get("val"), "ndim", 1) == 0:
        return True
    if value.target is _TAKE:
        return _equal(_mask(value), mask)
    pointwise = torch.Tag.pointwise in getattr(value.target, "tags", ())
    return pointwise and all(_is_pointwise(source, mask) for source in value.args)


def _equal(one: Any, other: Any) -> bool:
    """Whether two nodes compute the same from the same; functional graphs have no values that change."""
    if isinstance(one, fx.Node) and isinstance(other, fx.Node):
        same = one.op == other.op == "call_function" and one.target == other.target
        return one is other or (same and one.kwargs == other.kwargs and _equal(one.args, other.args))
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(type(one) is type(other) and one == other)


def _dense(graph: fx.Graph, value: Any) -> Any:
    """Return the same value for every pixel instead of those of the mask."""
    if not isinstance(value, fx.Node) or getattr(value.meta.get("val"), "ndim", 1) == 0:
        return value
    if value.target is _TAKE:
        return value.args[0]
    return graph.call_function(
        value.target,  # type: ignore[arg-type]
        tuple(_dense(graph, source) for source in value.args),
        value.kwargs,
    )
