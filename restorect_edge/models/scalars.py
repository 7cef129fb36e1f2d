"""Numbers that a forward reads off its parameters by ``.item()``: constants of inference."""

from typing import Any

import torch
from torch import fx

__all__ = ["fold_scalars"]

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
