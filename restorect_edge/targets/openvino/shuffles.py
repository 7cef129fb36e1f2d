"""Residuals of an image added before a pixel shuffle instead of after it, with the same values.

A student's body adds a shuffled residual to the image. The CPU plugin computes convolutions with channels
last and the image with channels first, so that it rearranged both at full resolution; the unshuffled image,
which the first convolution reads anyway, is added by the last convolution itself.
"""

from typing import Any

from openvino import opset13

from restorect_edge.targets.openvino.ir import replace
from restorect_edge.targets.openvino.rows import TO_LAST, UNSHUFFLE, numbers, readers

__all__ = ["add_before_shuffle"]

SHUFFLE = [2, 0, 3, 1, 4]
"""Transposition in a pixel shuffle of (H, W, C, b, b), batch 1."""


def add_before_shuffle(model: Any) -> None:
    """Rewrite ``image + shuffle(x)`` as ``shuffle(unshuffle(image) + x)`` where the graph has the unshuffled
    image already; a clamp that follows alone comes before the shuffle as well."""
    for total in model.get_ordered_ops():
        if total.get_type_name() != "Add":
            continue
        # a sum has no order: either summand may be the image
        for image, shuffle in (total.input_values(), total.input_values()[::-1]):
            unshuffled = _unshuffled(image, shuffle.get_node())
            if unshuffled is not None:
                _rewrite(total, shuffle.get_node(), unshuffled)
                break
    model.validate_nodes_and_infer_types()


def _unshuffled(image: Any, shuffle: Any) -> Any:
    """Return the value that holds an image's pixels where a shuffle takes those of the residual."""
    if shuffle.get_type_name() != "DepthToSpace" or len(readers(shuffle)) != 1:
        return None
    options, shape = shuffle.get_attributes(), shuffle.input_value(0).get_partial_shape()
    # the shuffle is written out below for a batch of 1
    if options["mode"] != "depth_first" or shape.rank != 4 or shape[0] != 1:
        return None
    for first in image.get_target_inputs():
        last = _after_unshuffle(first.get_node(), options["block_size"])
        if last is not None and last.get_output_partial_shape(0)[1] == shape[1]:
            return last.output(0)
    return None


def _after_unshuffle(node: Any, block: int) -> Any:
    """Follow a pixel unshuffle, reshapes around a transposition, to the last of its nodes."""
    transposed = None
    while node.get_type_name() in ("Reshape", "Transpose"):
        if node.get_type_name() == "Transpose":
            order = node.input_value(1).get_node()
            if transposed is not None or order.get_type_name() != "Constant":
                return None
            transposed = node if list(order.data) == UNSHUFFLE and _is_split(node, block) else None
            if transposed is None:
                return None
        # ShapeOf asks for the sides alone
        following = [n for n in readers(node) if n.get_type_name() != "ShapeOf"]
        if len(following) != 1 or following[0].get_type_name() not in ("Reshape", "Transpose"):
            break
        (node,) = following
    split = transposed is not None and node.get_output_partial_shape(0).rank == 4
    return node if split and node.get_output_partial_shape(0)[0] == 1 else None


def _is_split(transposed: Any, block: int) -> bool:
    sides = transposed.input_value(0).get_partial_shape()
    return bool(sides[3] == block and sides[5] == block)


def _rewrite(total: Any, shuffle: Any, unshuffled: Any) -> None:
    last, value = total, opset13.add(shuffle.input_value(0), unshuffled)
    value.set_friendly_name(f"{total.get_friendly_name()}/by_block")
    (reader, *others) = readers(total)
    # a clamp is the same for every pixel, wherever it is moved to
    if not others and reader.get_type_name() == "Clamp":
        limits = reader.get_attributes()
        last, value = reader, opset13.clamp(value, limits["min"], limits["max"])
        value.set_friendly_name(f"{reader.get_friendly_name()}/by_block")
    block = shuffle.get_attributes()["block_size"]
    if all(each.get_type_name() == "Result" for each in readers(last)):
        shuffled = _to_planes(value, block)
    else:
        shuffled = opset13.depth_to_space(value, "depth_first", block)
    shuffled.set_friendly_name(last.get_friendly_name())
    replace(last, shuffled)
    # whoever runs the model asks for its output by name
    shuffled.output(0).set_names(last.output(0).get_names())


def _to_planes(value: Any, block: int) -> Any:
    """Shuffle pixels from channels last, as convolutions give them, to channels first, as a result leaves:
    DepthToSpace keeps them last, and the plugin then rearranges the whole image once more. The places of a
    block are dimensions of their own, and sides need not be known: 0 keeps one as it is."""
    channels = value.get_output_partial_shape(0)[1].get_length() // block**2
    last = opset13.transpose(value, numbers(*TO_LAST))
    rows = opset13.reshape(last, numbers(-1, 1, 0, channels * block**2), special_zero=True)
    places = opset13.reshape(rows, numbers(0, -1, channels, block, block), special_zero=True)
    planes = opset13.transpose(places, numbers(*SHUFFLE))
    wide = opset13.reshape(planes, numbers(0, 0, 0, -1), special_zero=True)
    return opset13.reshape(wide, numbers(1, channels, -1, 0), special_zero=True)
