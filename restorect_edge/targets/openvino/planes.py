"""Channels of an image mixed plane by plane, with the same values.

A matrix of colors reads each channel for all three. The CPU plugin fuses elementwise operations as far as the
channels are read together, so that it wrote the image twice before it was mixed: 2 % of small INT8's time
at 1280×720.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import openvino
from openvino import opset13

from restorect_edge.targets.openvino.ir import replace
from restorect_edge.targets.openvino.rows import readers

__all__ = ["mix_by_plane"]

AXIS = 1
"""Of channels."""


class _Mix(NamedTuple):
    """``image + offset + Σ channel·column``, in this order."""

    offset: Any
    channels: Sequence[int]
    columns: Sequence[Any]
    total: Any


def mix_by_plane(model: Any) -> None:
    """Rewrite sums of an image, an offset and products of its channels, one output plane after the other."""
    for split in [n for n in model.get_ordered_ops() if n.get_type_name() == "Split"]:
        image, mix = split.input_value(0), _mix(split)
        if mix is None or image.get_partial_shape()[0] != 1:
            continue
        whole = opset13.concat(list(_planes(split, mix)), AXIS)
        whole.set_friendly_name(mix.total.get_friendly_name())
        replace(mix.total, whole)
    model.validate_nodes_and_infer_types()


def _mix(split: Any) -> _Mix | None:
    """Return the sum that a split of all channels takes part in; None if there is none."""
    image, axis = split.input_value(0), split.input_value(1).get_node()
    count = len(split.outputs())
    if axis.get_type_name() != "Constant" or int(axis.data) != AXIS or image.get_partial_shape()[1] != count:
        return None
    starts = [n for n in readers(image.get_node()) if n.get_type_name() == "Add"]
    offset = _other(starts[0], image.get_node()) if len(starts) == 1 else None
    if offset is None or not _is_column(offset, count):
        return None
    (total,), channels, columns = starts, [], []
    while (product := _product(total, split)) is not None and _is_column(product[1], count):
        channels.append(product[0])
        columns.append(product[1])
        (total,) = readers(total)
    return _Mix(offset, channels, columns, total) if channels else None


def _product(total: Any, split: Any) -> tuple[int, Any] | None:
    """Return the channel and the column whose product alone is added to a sum next."""
    following = readers(total)
    if len(following) != 1 or following[0].get_type_name() != "Add":
        return None
    product = _other(following[0], total).get_node()
    # read elsewhere as well, it would have to be made as a whole anyway
    if product.get_type_name() != "Multiply" or len(readers(product)) != 1:
        return None
    for channel, column in (product.input_values(), product.input_values()[::-1]):
        if channel.get_node() == split:
            return channel.get_index(), column
    return None


def _other(total: Any, one: Any) -> Any:
    first, second = total.input_values()
    return second if first.get_node() == one else first


def _is_column(value: Any, count: int) -> bool:
    return bool(value.get_partial_shape() == openvino.PartialShape([1, count, 1, 1]))


def _planes(split: Any, mix: _Mix) -> Iterator[Any]:
    """Yield the planes of a sum, with additions in the order that they had."""
    axis, count = split.input_value(1), len(split.outputs())
    offset, *columns = (opset13.split(column, axis, count) for column in (mix.offset, *mix.columns))
    for plane in range(count):
        # in the order of the sum that is replaced: another would round differently
        total = opset13.add(split.output(plane), offset.output(plane))
        for channel, column in zip(mix.channels, columns, strict=True):
            total = opset13.add(total, opset13.multiply(split.output(channel), column.output(plane)))
        total.set_friendly_name(f"{mix.total.get_friendly_name()}/{plane}")
        yield total
