"""Which operations of a student's body stay float, found from the graph's structure."""

import torch
from torch import fx

from restorect_edge.quantization.lint.rules import FLOAT_BY_RULE

__all__ = ["EXCLUDED", "is_convolution", "left_out"]

EXCLUDED = {
    "latent": "computes with z alone, a few numbers per image",
    "modulation": "scales or shifts features by z: 8 bits here cost more than they save",
    "image": "carries the image itself: 8 bits would band it, and clip what is brighter than the calibration",
    "rule": FLOAT_BY_RULE,
    "budget": "returned to float: in 8 bits it cost more PSNR than was allowed, see the recipe",
    "flat": "returned to float: in 8 bits it shifted flat frames further than is allowed, see the recipe",
}
"""Why an operation of the body stays float."""


def is_convolution(node: fx.Node) -> bool:
    """Whether an operation is a convolution."""
    return node.target in (torch.ops.aten.conv2d.default, torch.ops.aten.convolution.default)


def left_out(graph: fx.Graph) -> dict[str, str]:
    """Return the operations that stay float, by node name, with their key in `EXCLUDED`.

    The trunk begins at the first convolution that sees the image. What reads the image without passing
    through the trunk is the image path; so is whatever that flows into, and what only leads there.
    """
    kinds = _kinds(graph)
    found = {node: kind for node, kind in kinds.items() if kind != "trunk" and node.op == "call_function"}
    for node in kinds:
        if kinds[node] == "trunk" and any(kinds.get(source) == "latent" for source in node.all_input_nodes):
            found[node] = "modulation"
    # backwards: what only leads to the image path is known once its readers are
    for node in reversed(list(kinds)):
        reads_on = [found.get(user) for user in node.users]
        if node in found or node.op != "call_function" or is_convolution(node):
            continue
        if reads_on and all(kind == "image" for kind in reads_on):
            found[node] = "image"
    return {node.name: found[node] for node in kinds if node in found}


def _kinds(graph: fx.Graph) -> dict[fx.Node, str]:
    """Say of each computed value whether it is of the trunk, the image path or z alone."""
    kinds: dict[fx.Node, str] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            kinds[node] = "image" if node.name == "image" else "latent"
        elif node.op == "call_function":
            sources = {kinds[source] for source in node.all_input_nodes if source in kinds}
            kind = next((k for k in ("image", "trunk") if k in sources), "latent")
            kinds[node] = "trunk" if kind == "image" and is_convolution(node) else kind
    return kinds
