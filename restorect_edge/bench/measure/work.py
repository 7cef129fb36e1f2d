"""What one image asks of a machine, counted from the graph: multiply-adds, and the least bytes for them.

OpenVINO reads ONNX and its own format and gives every tensor's size for a size of image; nothing is run.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from restorect_edge.bench.measure.record import Work

__all__ = ["LAYERS", "count_graph", "total"]

LAYERS = frozenset(
    {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul"}
)
"""Operations that multiply and add; all others count as fused into these."""
PASSED = frozenset(
    {"Convert", "Multiply", "Subtract", "Reshape", "Transpose", "Unsqueeze", "Squeeze", "DequantizeLinear"}
)
"""Between a quantized tensor and the layer that it feeds."""

Shape = tuple[int, int]


def count_graph(path: Path, shape: Shape | None) -> Work | None:
    """Count a file of ONNX or OpenVINO; None where OpenVINO is not installed or cannot read it.

    Args:
        path: ``.onnx`` or ``.xml``.
        shape: (height, width) of the image, for sides that the file leaves open; None where it has none.
    """
    try:
        import openvino as ov
    except ImportError:
        return None
    if path.suffix not in (".onnx", ".xml"):
        return None
    try:
        model = ov.Core().read_model(path)
        if model.is_dynamic():
            model.reshape({i: _closed(i.partial_shape, shape) for i in model.inputs})
        return total(_layer(op) for op in model.get_ordered_ops() if op.get_type_name() in LAYERS)
    except RuntimeError:  # an operation that OpenVINO does not know, or sides that stay open
        return None


def total(parts: Iterator[Work] | Sequence[Work]) -> Work:
    """Add up what several layers or graphs ask for."""
    found = list(parts)
    return Work(
        macs=sum(w.macs for w in found),
        int8_macs=sum(w.int8_macs for w in found),
        bytes_moved=sum(w.bytes_moved for w in found),
        weight_bytes=sum(w.weight_bytes for w in found),
    )


def _layer(op: Any) -> Work:
    tensors = op.input_value(0), op.input_value(1), op.output(0)
    taken, weights, given = (math.prod(tensor.shape) for tensor in tensors)
    macs = _macs(op, taken, given)
    widths = [_width(op.input_value(index)) for index in range(2)]
    weight_bytes = weights * widths[1] if _is_constant(op.input_value(1)) else 0
    # where both factors are bytes the output is too: its quantizer is fused
    moved = taken * widths[0] + weights * widths[1] + given * max(widths)
    return Work(
        macs=macs,
        int8_macs=macs if max(widths) == 1 else 0,
        bytes_moved=moved,
        weight_bytes=weight_bytes,
    )


def _macs(op: Any, taken: int, given: int) -> int:
    """Each value given takes a product per weight that reaches it; in a transposed one, each value taken."""
    kind, kernel = op.get_type_name(), [int(side) for side in op.input_value(1).shape]
    if kind == "MatMul":
        return given * int(op.input_value(0).shape[-2 if op.get_attributes().get("transpose_a") else -1])
    # weights are (O, I, …), transposed (I, O, …), and in groups the groups come first
    per_group = kernel[2:] if kind.startswith("Group") else kernel[1:]
    return (taken if "Backprop" in kind else given) * math.prod(per_group)


def _width(value: Any) -> int:
    """Return the bytes per element of the tensor as a backend holds it: 1 behind a quantizer."""
    node = value.get_node()
    for _ in range(8):
        kind = node.get_type_name()
        if kind == "FakeQuantize" or node.get_output_element_type(0).size == 1:
            return 1
        if kind not in PASSED:
            break
        node = node.input_value(0).get_node()
    return int(value.get_element_type().size)


def _is_constant(value: Any) -> bool:
    node = value.get_node()
    while node.get_input_size():
        if node.get_type_name() not in PASSED | {"FakeQuantize"}:
            return False
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Constant")


def _closed(shape: Any, image: Shape | None) -> list[int]:
    """Close open sides: one image, its colors, its height and width, whichever layout."""
    sides = [s.get_length() if s.is_static else -1 for s in shape]
    if len(sides) != 4:
        return [1 if s < 0 else s for s in sides]
    last = sides[3] == 3
    wanted = [1, *(image or (1, 1)), 3] if last else [1, 3, *(image or (1, 1))]
    return [w if s < 0 else s for s, w in zip(sides, wanted, strict=True)]
