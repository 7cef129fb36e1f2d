"""Rules for each quantizer and dequantizer: scale, zero point, type, granularity, axis, and its other half.

TensorRT takes several of these faults without a word or with a warning and computes something else than
ONNX defines: uint8 is read as int8, and a quantizer without a zero point (uint8 by definition) too.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from restorect_edge.quantization.lint.view import Finding, View, is_op, label

__all__ = ["pair_findings"]

WEIGHT_AXIS = {"Conv": 0, "ConvTranspose": 1}
"""Where a weight's output channels are."""
SHIFT = 128
"""The zero point with which uint8 holds the values of int8."""
ON_BYTES = frozenset({"Clip", "DepthToSpace", "Reshape", "Transpose"})
"""What may stand inside a pair: a Relu on bytes, and what moves them."""


def pair_findings(view: View, *, unsigned: bool = False) -> Iterator[Finding]:
    """Yield the faults of every QuantizeLinear and DequantizeLinear, each an error.

    Args:
        view: the graph.
        unsigned: whether int8 may be written as uint8 with a zero point of 128, and clipped so.
    """
    inside = ON_BYTES if unsigned else frozenset()
    for node in view.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            yield from _scale(view, node)
            if not (unsigned and _is_shifted(view, node)):
                yield from _zero_point(view, node)
            yield from _granularity(view, node)
            yield from _pairing(view, node, inside)


def _error(rule: str, node: Any, message: str, mend: str) -> Finding:
    return Finding(severity="error", rule=rule, node=label(node), message=message, mend=mend)


def _scale(view: View, node: Any) -> Iterator[Finding]:
    scale = view.constants.get(node.input[1])
    if scale is None:
        yield _error("scale", node, "its scale is not a constant", "calibrate it")
    elif not (np.isfinite(scale) & (scale > 0)).all():
        yield _error("scale", node, "its scale is not above zero and finite", "calibrate again")


def _zero_point(view: View, node: Any) -> Iterator[Finding]:
    if len(node.input) < 3 or not node.input[2]:
        if node.op_type == "QuantizeLinear" or _source_type(view, node) != "int8":
            text = "has no zero point: ONNX reads it as uint8, TensorRT as int8"
            yield _error("zero-point", node, text, "add an int8 zero point of 0")
        return
    zero_point = view.constants.get(node.input[2])
    if zero_point is None:
        yield _error("zero-point", node, "its zero point is computed", "make it a constant of 0")
        return
    if (zero_point != 0).any():
        got = sorted({int(value) for value in zero_point.flat})
        text = f"has zero point {got}, TensorRT is symmetric"
        yield _error("zero-point", node, text, "quantize with zero point 0 (symmetric preset)")
    yield from _dtype(node, str(zero_point.dtype))


def _is_shifted(view: View, node: Any) -> bool:
    zero_point = view.constants.get(node.input[2]) if len(node.input) > 2 else None
    return zero_point is not None and zero_point.dtype == np.uint8 and bool((zero_point == SHIFT).all())


def _dtype(node: Any, dtype: str) -> Iterator[Finding]:
    if dtype == "uint8":
        text = "is uint8, which TensorRT reads as int8"
        yield _error("dtype", node, text, "use int8, zero point 0, scale times 255/127")
    elif dtype != "int8":
        yield _error("dtype", node, f"is {dtype}, TensorRT takes int8 alone", "leave biases in float32")


def _source_type(view: View, node: Any) -> str:
    constant = view.constants.get(node.input[0])
    return str(constant.dtype) if constant is not None else "unknown"


def _granularity(view: View, node: Any) -> Iterator[Finding]:
    scale = view.constants.get(node.input[1])
    if scale is None or scale.size == 1:
        return
    origin, before = node.input[0], view.producers.get(node.input[0])
    if before is not None and before.op_type == "QuantizeLinear":
        origin = before.input[0]
    if origin not in view.constants:
        text = f"quantizes an activation with {scale.size} scales"
        yield _error("granularity", node, text, "use one (per_channel=False)")
        return
    # 1 is ONNX's default, and negative axes count from the end
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1) % view.constants[origin].ndim
    for consumer, index in view.consumers.get(node.output[0], ()):
        expected = WEIGHT_AXIS.get(consumer.op_type)
        if index == 1 and expected is not None and axis != expected:
            text = f"scales a {consumer.op_type} weight along axis {axis}"
            yield _error("axis", node, text, f"quantize along axis {expected}, its output channels")


def _pairing(view: View, node: Any, inside: frozenset[str]) -> Iterator[Finding]:
    if node.op_type == "QuantizeLinear":
        after = _readers_behind(view, node, inside)
        if not after or not all(is_op(consumer, "DequantizeLinear") for consumer in after):
            text = "its output does not go to DequantizeLinear alone"
            yield _error("pair", node, text, "add the missing half of the pair")
        return
    if node.input[0] in view.constants:
        return
    before = view.origin(node.input[0], inside)
    if not is_op(before, "QuantizeLinear"):
        text = "input is no constant and no QuantizeLinear's output"
        yield _error("pair", node, text, "add the missing half of the pair")
    elif not _same_scale(view, before, node):
        text = f"its scale is not the one of {label(before)}"
        yield _error("pair", node, text, "give both halves of a pair one scale")


def _readers_behind(view: View, node: Any, inside: frozenset[str]) -> list[Any]:
    """Return what reads a node's output, with the readers of those `inside` in their place."""
    found = []
    for reader in view.readers(node.output[0]):
        if reader.op_type == "Shape":  # of its sides, not of its values
            continue
        found += _readers_behind(view, reader, inside) if reader.op_type in inside else [reader]
    return found


def _same_scale(view: View, first: Any, second: Any) -> bool:
    one, other = view.constants.get(first.input[1]), view.constants.get(second.input[1])
    # a scale that is not a number is a finding of the rule on scales
    return one is None or other is None or np.array_equal(one, other, equal_nan=True)
