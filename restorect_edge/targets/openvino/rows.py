"""Pixel shuffles that move whole rows instead of single values, with the same values.

The CPU plugin keeps channels last. There, the channels of two neighbors in a row are one vector of twice the
length: a 1×1 convolution for the upper rows and one for the lower give them side by side, and only rows are
left to interleave. A pixel shuffle takes 20 times as long, and 7 % of small INT8 at 1280×720.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from openvino import opset13

from restorect_edge.targets.openvino.ir import replace

__all__ = ["shuffle_by_rows", "unshuffle_last"]

VECTOR = 16
"""Channels that kernels compute together: rows of other widths would be padded."""
UNSHUFFLE = [0, 1, 3, 5, 2, 4]
"""Transposition in a pixel unshuffle of (1, C, H, b, W, b), giving channels first."""
LAST = [0, 2, 4, 1, 3, 5]
"""The same, giving channels last."""
TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def shuffle_by_rows(model: Any) -> None:
    """Rewrite the pixel shuffle of a 1×1 convolution, also of one whose result is quantized, as a convolution
    for each row of its blocks and a concatenation of rows."""
    for shuffle in [n for n in model.get_ordered_ops() if n.get_type_name() == "DepthToSpace"]:
        made = _made_by(shuffle)
        block = shuffle.get_attributes()["block_size"]
        rows = [_row(made, block, row) for row in range(block)] if made else [None]
        if any(row is None for row in rows):
            continue
        shuffled = _interleaved(rows, block)
        shuffled.set_friendly_name(shuffle.get_friendly_name())
        shuffled.output(0).set_names(shuffle.output(0).get_names())
        replace(shuffle, shuffled)
    model.validate_nodes_and_infer_types()


def unshuffle_last(model: Any) -> None:
    """Let a pixel unshuffle give channels last, as the convolution after it takes them: else the plugin
    rearranges twice."""
    for transposed in [n for n in model.get_ordered_ops() if n.get_type_name() == "Transpose"]:
        order = transposed.input_value(1).get_node()
        if order.get_type_name() != "Constant" or list(order.data) != UNSHUFFLE:
            continue
        whole = _last_reshape(transposed)
        shape = whole.get_output_partial_shape(0)
        if shape.rank != 4 or shape[0] != 1:
            continue
        if any(reader.get_type_name() == "Convolution" for reader in readers(whole)):
            _unshuffle_last(transposed, whole)
    model.validate_nodes_and_infer_types()


def _last_reshape(node: Any) -> Any:
    """Follow the reshapes that alone read a node's values: graphs of dynamic shape have several."""
    while [reader.get_type_name() for reader in readers(node)] == ["Reshape"]:
        (node,) = readers(node)
    return node


def _unshuffle_last(transposed: Any, whole: Any) -> None:
    moved = opset13.transpose(transposed.input_value(0), numbers(*LAST))
    last = opset13.reshape(moved, numbers(1, 0, 0, _width(whole)), special_zero=True)
    first = opset13.transpose(last, numbers(*TO_FIRST))
    first.set_friendly_name(whole.get_friendly_name())
    replace(whole, first)


def _made_by(shuffle: Any) -> list[Any] | None:
    """Return what makes the values that a shuffle alone reads, a 1×1 convolution first; None for others."""
    options, chain = shuffle.get_attributes(), [shuffle]
    while chain[0] is shuffle or chain[0].get_type_name() in ("FakeQuantize", "Add"):
        chain.insert(0, chain[0].input_value(0).get_node())
        if len(readers(chain[0])) != 1:
            return None
    plain = _is_pointwise(chain[0]) and options["mode"] == "depth_first"
    return chain[:-1] if plain and _width(chain[0]) // options["block_size"] % VECTOR == 0 else None


def _is_pointwise(node: Any) -> bool:
    """Whether a node is a 1×1 convolution of a single image, without padding and stride."""
    if node.get_type_name() != "Convolution" or node.get_output_partial_shape(0)[0] != 1:
        return False
    options, kernel = node.get_attributes(), list(node.input(1).get_partial_shape())[2:]
    return all(side == 1 for side in (*kernel, *options["strides"])) and not any(
        (*options["pads_begin"], *options["pads_end"])
    )


def _width(node: Any) -> int:
    return int(node.get_output_partial_shape(0)[1].get_length())


def _row(chain: Sequence[Any], block: int, row: int) -> Any:
    """Return what a chain gives for one row of each block, place by place; None if it cannot be parted."""
    conv, *after = chain
    # a shuffle takes channels in the order C, row, column: all of a row, place by place
    order = np.arange(_width(conv)).reshape(-1, block, block)[:, row].T.reshape(-1)
    weights = _taken(conv.input_value(1).get_node(), order, 0)
    if weights is None:
        return None
    none = [0, 0]
    value = opset13.convolution(conv.input_value(0), weights, [1, 1], none, none, [1, 1])
    value.set_friendly_name(f"{conv.get_friendly_name()}/{row}")
    for node in after:
        others = [_taken(other.get_node(), order, 1) for other in node.input_values()[1:]]
        if any(other is None for other in others):
            return None
        if node.get_type_name() == "Add":
            value = opset13.add(value, *others)
        else:
            value = opset13.fake_quantize(value, *others, node.get_attributes()["levels"])
        value.set_friendly_name(f"{node.get_friendly_name()}/{row}")
    return value


def _taken(node: Any, order: Any, axis: int) -> Any:
    """Return a constant, or what is computed of constants, with its channels in an order; None for others."""
    kind = node.get_type_name()
    if kind == "Constant":
        data = node.data
        # one value for all channels needs no order
        if data.size == 1:
            return node
        if data.ndim != 4 or data.shape[axis] <= order.max():
            return None
        taken = opset13.constant(np.ascontiguousarray(data.take(order, axis)))
    elif kind in ("Convert", "Multiply"):
        parts = [_taken(value.get_node(), order, axis) for value in node.input_values()]
        if any(part is None for part in parts):
            return None
        taken = opset13.multiply(*parts) if kind == "Multiply" else opset13.convert(*parts, "f32")
    else:
        return None
    taken.set_friendly_name(node.get_friendly_name())
    return taken


def _interleaved(rows: Sequence[Any], block: int) -> Any:
    """Return rows (1, b·C, H, W) each as one (1, C, b·H, b·W)."""
    channels = _width(rows[0])
    parted = []
    for row in rows:
        last = opset13.transpose(row, numbers(*TO_LAST))
        parted.append(opset13.reshape(last, numbers(-1, 1, 0, channels), special_zero=True))
    # 0 keeps a side and -1 takes what is left, so that free sides stay free
    tall = opset13.reshape(opset13.concat(parted, 1), numbers(1, -1, 0, channels), special_zero=True)
    wide = opset13.reshape(tall, numbers(1, 0, -1, channels // block), special_zero=True)
    return opset13.transpose(wide, numbers(*TO_FIRST))


def numbers(*values: int) -> Any:
    """Return a constant of whole numbers, such as a shape."""
    return opset13.constant(np.array(values, np.int64))


def readers(node: Any) -> list[Any]:
    """Return the nodes that read a node's values."""
    return [reader.get_node() for output in node.outputs() for reader in output.get_target_inputs()]
