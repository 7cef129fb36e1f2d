"""Half precision as a device computes it: every result of a float16 graph rounded to float16.

ONNX Runtime's CPU has few float16 kernels. It computes the rest in float32 and drops the casts between them,
so that nothing overflows or loses digits there; TensorRT, which keeps to the types of the graph, does both.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

__all__ = ["rounded"]

MOVING = (
    "Concat DepthToSpace Expand Flatten Gather Identity Pad Reshape Slice SpaceToDepth Split Squeeze Tile"
)
OTHERS = "Cast Constant ConstantOfShape If Loop Scan Shape Size Transpose Unsqueeze Where"
UNCHANGED = frozenset((*MOVING.split(), *OTHERS.split()))
"""Operations that move values or convert them, whose float16 results are exact as they are, and those that
hold graphs, which are rounded inside."""


def rounded(model: Any) -> Any:
    """Return an ONNX model whose float16 operations are computed in float32 and rounded once each.

    Args:
        model: the `onnx.ModelProto`, left as it is; shapes and types are inferred where it has none.
    """
    from onnx import shape_inference

    inferred = shape_inference.infer_shapes(model)
    _round_graph(inferred.graph, {}, count())
    return inferred


def _round_graph(graph: Any, outer: dict[str, int], numbers: Iterator[int]) -> None:
    """Put casts around the operations of a graph and of those inside it, whose values see `outer` ones."""
    from onnx import AttributeProto, NodeProto, TensorProto

    values = [*graph.value_info, *graph.input, *graph.output]
    types = {**outer, **{value.name: value.type.tensor_type.elem_type for value in values}}
    types.update({tensor.name: tensor.data_type for tensor in graph.initializer})
    half = {name for name, kind in types.items() if kind == TensorProto.FLOAT16}
    nodes: list[Any] = []
    widened: dict[str, str] = {}
    for old in graph.node:
        for attribute in old.attribute:
            if attribute.type == AttributeProto.GRAPH:
                _round_graph(attribute.g, types, numbers)
        node = NodeProto()
        node.CopyFrom(old)
        if old.op_type not in UNCHANGED and not half.isdisjoint([*old.input, *old.output]):
            _round_node(node, half, widened, nodes, numbers)
        else:
            nodes.append(node)
    # the types that were inferred no longer hold inside the casts
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def _round_node(
    node: Any, half: set[str], widened: dict[str, str], nodes: list[Any], numbers: Iterator[int]
) -> None:
    """Append a node with float32 inputs and outputs, and the casts from and to float16 around it."""
    from onnx import TensorProto, helper

    casts = []
    for index, name in enumerate(node.input):
        if name in half and name not in widened:
            widened[name] = f"{name}/float32-{next(numbers)}"  # branches may not share names
            nodes.append(helper.make_node("Cast", [name], [widened[name]], to=TensorProto.FLOAT))
        node.input[index] = widened.get(name, name)
    for index, name in enumerate(node.output):
        if name in half:
            node.output[index] = f"{name}/exact"
            casts.append(helper.make_node("Cast", [node.output[index]], [name], to=TensorProto.FLOAT16))
    nodes += [node, *casts]
