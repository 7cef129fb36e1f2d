"""OpenVINO IR made smaller and faster without changing what it computes."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from openvino import opset13

from restorect_edge.targets.onnx.half import SMALLEST_STORED

__all__ = ["merge_constants", "pool_by_plane", "replace", "store_half", "strip"]

FEW = 16
"""Channels to which the CPU plugin pads what it pools: of an image's three, that takes most of its time."""


def pool_by_plane(model: Any) -> None:
    """Average the channels of an image as a batch of planes, which takes a tenth of the time: see `FEW`.

    Blocks side by side are averaged by a convolution, which takes a third less again, if float16 holds its
    weights: sums may differ in the last bit.
    """
    for pool in model.get_ordered_ops():
        if pool.get_type_name() != "AvgPool":
            continue
        shape = pool.input(0).get_partial_shape()
        batch, channels = (side.get_length() if side.is_static else 0 for side in (shape[0], shape[1]))
        if batch != 1 or not 1 < channels < FEW:
            continue
        # asked for first: the reshape below may read the pool too, and must not be made to read itself
        readers = pool.output(0).get_target_inputs()
        planes = _reshaped(pool.input_value(0), (channels, 1), f"{pool.get_friendly_name()}/planes")
        averages = _averaged(pool, planes)
        image = _reshaped(averages.output(0), (1, channels), f"{pool.get_friendly_name()}/image")
        for reader in readers:
            reader.replace_source_output(image.output(0))


def _averaged(pool: Any, planes: Any) -> Any:
    """Return a node that averages planes as a pool of several channels does."""
    options = pool.get_attributes()
    kernel, unpadded = (
        list(options["kernel"]),
        not any(options["pads_begin"]) and not any(options["pads_end"]),
    )
    share = np.float32(1 / np.prod(kernel))
    if not unpadded or list(options["strides"]) != kernel or np.float16(share) != share:
        pool.input(0).replace_source_output(planes.output(0))
        pool.validate_and_infer_types()
        return pool
    weights = opset13.constant(np.full((1, 1, *kernel), share, np.float32))
    average = opset13.convolution(planes, weights, kernel, [0, 0], [0, 0], [1, 1])
    average.set_friendly_name(pool.get_friendly_name())
    return average


def _reshaped(value: Any, first: tuple[int, int], name: str) -> Any:
    """Return a value with other batch and channels; 0 keeps a side as it is."""
    node = opset13.reshape(value, np.array((*first, 0, 0), np.int64), special_zero=True)
    node.set_friendly_name(name)
    return node


def merge_constants(model: Any) -> None:
    """Let equal constants of an `openvino.Model` be one: each takes about 400 bytes of XML."""
    seen: dict[Hashable, Any] = {}
    for node in _constants(model):
        data = node.data.tobytes()
        # equal bytes may be of another type or shape
        key = str(node.get_element_type()), tuple(node.get_output_shape(0)), data
        first = seen.setdefault(key, node)
        if first is not node:
            replace(node, first)


def store_half(model: Any) -> None:
    """Store float32 constants as float16, with a conversion each, where that gives equal results.

    These are what float16 holds exactly, or does but for one factor, as the weights of an area average.
    `openvino.save_model` has an option for it, which leaves quantized models as they are.
    """
    for node in _constants(model):
        value = node.data
        if value.dtype != np.float32 or value.size < SMALLEST_STORED:
            continue
        # a power of two rounds nothing, and lifts small values out of float16's subnormal range
        for factor in (np.float32(1), np.float32(2**-8), np.abs(value).max()):
            levels = (value / factor).astype(np.float16)
            if np.array_equal(levels.astype(np.float32) * factor, value):
                replace(node, _widened(levels, factor, node.get_friendly_name()))
                break


def _widened(levels: Any, factor: Any, name: str) -> Any:
    result = opset13.convert(opset13.constant(levels), "f32")
    if factor != 1:
        result = opset13.multiply(result, opset13.constant(factor))
    result.set_friendly_name(name)
    return result


def strip(path: Path) -> None:
    """Shorten an XML file by a third: no indentation, and shapes at outputs alone, which inputs repeat.

    OpenVINO infers the shapes again when it reads the file. Names of tensors inside the graph go as well;
    layers keep theirs.
    """
    root = ElementTree.parse(path).getroot()
    for layer in root.iter("layer"):
        if layer.get("type") not in ("Parameter", "Result"):
            for port in layer.iterfind("output/port"):
                port.attrib.pop("names", None)
        for port in layer.iterfind("input/port"):
            port[:] = []
    for element in root.iter():
        element.tail = "\n" if element.tag in ("layer", "edge") else None
        element.text = (element.text or "").strip() or None
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _constants(model: Any) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]


def replace(node: Any, by: Any) -> None:
    """Let all that reads the output of `node` read that of the node `by`."""
    for reader in node.output(0).get_target_inputs():
        reader.replace_source_output(by.output(0))
