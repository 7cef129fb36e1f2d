"""INT8 activations as ONNX Runtime computes them fast on x86: unsigned, with a zero point of 128.

x86 multiplies unsigned bytes by signed ones. ONNX Runtime therefore makes int8 activations unsigned itself,
but leaves out a tensor that two operations read, so that convolutions beside a residual sum stay in float. A
Relu between a convolution and its quantizer hinders it too. Both are fixed here, with equal results: the
grid of values is the same, and Relu commutes with quantization, so that it can clip bytes instead.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from restorect_edge.quantization.lint.pairs import SHIFT
from restorect_edge.quantization.lint.view import View, is_op

__all__ = ["to_unsigned"]

NAME = "unsigned_zero_point"


def to_unsigned(model: Any) -> None:
    """Make every int8 activation of an `onnx.ModelProto` uint8, in place; weights stay int8.

    Only for quantizers whose zero point is 0, as calibration makes them; a model without any is left alone.
    """
    view = View.of(model.graph)
    quantizers = [node for node in model.graph.node if is_op(node, "QuantizeLinear")]
    if not quantizers:
        return
    for node in quantizers:
        node.input[2] = NAME
        for reader in view.readers(node.output[0]):
            if is_op(reader, "DequantizeLinear"):
                reader.input[2] = NAME
    nodes = list(_clipping_bytes(view))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(SHIFT, np.uint8), NAME))


def _clipping_bytes(view: View) -> Iterator[Any]:
    """Yield the nodes of the graph with each Relu behind the quantizer that alone reads it."""
    moved = {n.output[0]: n for n in view.graph.node if is_op(n, "Relu") and _feeds_a_quantizer(view, n)}
    for node in view.graph.node:
        relu = moved.get(node.input[0]) if is_op(node, "QuantizeLinear") else None
        if relu is not None:
            scale, signed = node.input[1], f"{node.output[0]}_before_relu"
            yield helper.make_node("QuantizeLinear", [relu.input[0], scale, NAME], [signed], name=node.name)
            yield helper.make_node("Clip", [signed, NAME], list(node.output), name=relu.name)
        elif node.output[0] not in moved:
            yield node


def _feeds_a_quantizer(view: View, node: Any) -> bool:
    readers = view.readers(node.output[0])
    return len(readers) == 1 and is_op(readers[0], "QuantizeLinear")
