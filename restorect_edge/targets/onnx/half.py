"""ONNX in float16: all of it for backends whose precision is in the graph, or stored weights alone."""

import warnings
from typing import Any

import numpy as np
import onnx_ir
from onnx import TensorProto, helper, numpy_helper

__all__ = ["SMALLEST_STORED", "is_half", "store_half", "to_half"]

MOVING = "Concat Expand Gather GatherND Reshape ScatterND Slice Split Squeeze Tile Transpose Unsqueeze"
FUNCTIONS = "Abs Acos Asin Atan Cos Exp Log Neg Pow Reciprocal Sin Sqrt Tan Tanh"
ARITHMETIC = "Add Cast Clip Div Identity Max Min Mul ReduceMax ReduceMin Sub Where"
ELEMENTWISE = frozenset(f"{MOVING} {FUNCTIONS} {ARITHMETIC}".split())
"""Operations that carry a difference on to what decides by it, at little cost in float32."""
ROUNDING = "Ceil Floor Mod Round Sign"
COMPARING = "ArgMax ArgMin Equal Greater GreaterOrEqual Less LessOrEqual NonZero TopK"
DECIDING = frozenset(f"{ROUNDING} {COMPARING} GridSample".split())
"""Operations whose result jumps, or takes pixels from somewhere else, by the last digit of float16."""
SMALLEST_STORED = 1024
"""Elements from which `store_half` does it: a cast in the graph takes about a hundred bytes."""


def to_half(model: Any) -> Any:
    """Return `model` in float16 with float32 inputs and outputs.

    Float32 stay arithmetic on image sizes, because float16 counts exactly only up to 2048, and decisions with
    what is computed element by element for them: a hue just below the full circle must not become the full
    circle, nor a place in an image another pixel.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    kept = list(dict.fromkeys([*_size_arithmetic(model), *_decisions(model)]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*float32 number.*will be truncated.*")
        half = convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)
    _fold_round_trips(half)
    ordered = onnx_ir.from_proto(half)
    # the converter puts its casts behind the nodes that read them
    ordered.graph.sort()
    return onnx_ir.to_proto(ordered)


def _size_arithmetic(model: Any) -> list[str]:
    """Name the nodes whose inputs come from image sizes and constants only."""
    from_image = {value.name for value in model.graph.input}
    names = []
    for node in model.graph.node:
        if node.op_type != "Shape" and from_image.intersection(node.input):
            from_image.update(node.output)
        else:
            names.append(node.name)
    return names


def _decisions(model: Any) -> list[str]:
    """Name the nodes that decide, and those that compute element by element what others decide by."""
    wanted: set[str] = set()
    names = []
    for node in reversed(model.graph.node):  # readers come after what they read
        if node.op_type in DECIDING or (node.op_type in ELEMENTWISE and wanted.intersection(node.output)):
            names.append(node.name)
            wanted.update(node.input)
    return names


def _fold_round_trips(model: Any) -> None:
    """Hand float32 on between float32 neighbors, which the converter joins by a cast to float16 and back."""
    casts = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    direct = {}
    for output, node in casts.items():
        down = casts.get(node.input[0])
        if down is not None and _inserted(node, "fp32") and _inserted(down, "fp16"):
            direct[output] = down.input[0]
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = direct.get(name, name)
    _remove(model, [node for node in model.graph.node if node.output[0] in direct])
    # now nobody reads the first halves of these round trips
    used = {name for node in model.graph.node for name in node.input} | {v.name for v in model.graph.output}
    _remove(model, [n for n in model.graph.node if _inserted(n, "fp16") and n.output[0] not in used])


def _inserted(node: Any, to: str) -> bool:
    """Whether the converter put this cast in; the graph's own may come from integers."""
    return bool(node.name.endswith(f"_cast_to_{to}_node"))


def _remove(model: Any, nodes: list[Any]) -> None:
    for node in nodes:
        model.graph.node.remove(node)


def store_half(model: Any) -> None:
    """Store weights that float16 holds exactly as float16, with a cast to float32 each: equal results.

    Scales of quantizers stay as they are: TensorRT and others take them as constants alone.
    """
    graph = model.graph
    pairs = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = {node.input[1] for node in pairs}
    casts = []
    for tensor in graph.initializer:
        if tensor.name in scales:
            continue
        value = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and value.size >= SMALLEST_STORED and is_half(value):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float16), f"{name}.half"))
            casts.append(
                helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT)
            )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def is_half(value: Any) -> bool:
    """Whether float16 holds an array of float32 exactly."""
    with np.errstate(over="ignore"):
        return np.array_equal(value.astype(np.float16).astype(np.float32), value)
