"""INT8 graphs written so that ONNX Runtime's CPU kernels have less to move, with the same values.

Three things cost a fifth of its time: weights of convolutions that give floats, which it makes float in
every run and cannot arrange for its kernels; pixel unshuffle, a transposition in six dimensions; and pixel
shuffle of bytes, which it moves one by one.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from restorect_edge.quantization.lint.view import View, is_op

__all__ = ["arrange", "hold_layout"]

BLOCK = 2
"""Of the pixel shuffles that are rewritten."""
LARGEST_FOLDED = 8192
"""Weights of a convolution that are stored as floats at most, at four times the bytes."""
UNSHUFFLE = [0, 1, 3, 5, 2, 4]
"""Transposition in a pixel unshuffle: the places within a block come before the blocks."""


def arrange(model: Any) -> None:
    """Rewrite an INT8 `onnx.ModelProto` in place, where it has the form of a student's body."""
    for rewrite in (_fold_weights, _merge_unshuffle, _shuffle_last):
        rewrite(_Graph(model))


def hold_layout(model: Any) -> None:
    """Write the transposition of 8-bit levels to planes in two dimensions, in place.

    ONNX Runtime moves transpositions in four behind the operations that follow, which are several times as
    slow on pixels of three channels as on planes; it moves none past a reshape.
    """
    graph = _Graph(model)
    for node in [n for n in graph.graph.node if is_op(n, "Transpose") and n.input[0] == "image"]:
        if list(_attribute(node, "perm", [])) == [0, 3, 1, 2]:
            graph.replace(node, list(_in_two_dimensions(graph, node)))


def _in_two_dimensions(graph: "_Graph", node: Any) -> Iterator[Any]:
    name = node.name or node.output[0]
    rows = graph.add(f"{name}/rows", np.array([-1, 3], np.int64))
    first = graph.add(f"{name}/first", np.array([1, 3], np.int64))
    yield helper.make_node("Reshape", [node.input[0], rows], [f"{name}/pixels"], name=f"{name}/pixels")
    yield helper.make_node(
        "Transpose", [f"{name}/pixels"], [f"{name}/channels"], perm=[1, 0], name=f"{name}/channels"
    )
    yield helper.make_node("Shape", [node.input[0]], [f"{name}/sides"], start=1, end=3, name=f"{name}/sides")
    yield helper.make_node(
        "Concat", [first, f"{name}/sides"], [f"{name}/shape"], axis=0, name=f"{name}/shape"
    )
    yield helper.make_node(
        "Reshape", [f"{name}/channels", f"{name}/shape"], list(node.output), name=node.name
    )


class _Graph(View):
    """A graph that is being rewritten."""

    def __init__(self, model: Any) -> None:
        found = View.of(model.graph)
        super().__init__(model.graph, found.constants, found.producers, found.consumers)
        self.model = model

    def convolutions(self) -> list[Any]:
        return [node for node in self.graph.node if is_op(node, "Conv")]

    def add(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant under a name that is free, and return the name."""
        while name in self.constants or name in self.producers:
            name += "_"
        self.constants[name] = value
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def replace(self, node: Any, others: list[Any]) -> None:
        """Put nodes in the place of one."""
        at = list(self.graph.node).index(node)
        self.graph.node.remove(node)
        for index, other in enumerate(others):
            self.graph.node.insert(at + index, other)

    def prune(self) -> None:
        """Leave out nodes and constants that nothing reads."""
        wanted, kept = {value.name for value in self.graph.output}, []
        # backwards: what a node reads is wanted only once the node is
        for node in reversed(self.graph.node):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(node.input)
        tensors = [tensor for tensor in self.graph.initializer if tensor.name in wanted]
        del self.graph.node[:], self.graph.initializer[:]
        self.graph.node.extend(reversed(kept))
        self.graph.initializer.extend(tensors)


def _fold_weights(graph: _Graph) -> None:
    """Store the weights of a convolution that gives floats as floats: integer kernels need a scale for the
    output as well, so that it runs in float anyway."""
    for node in graph.convolutions():
        pair: Any = graph.producers.get(node.input[1])
        quantized = any(is_op(reader, "QuantizeLinear") for reader in graph.readers(node.output[0]))
        if quantized or not _is_stored_pair(graph, pair):
            continue
        if graph.constants[pair.input[0]].size > LARGEST_FOLDED:
            continue
        levels, scale = (graph.constants[name] for name in pair.input[:2])
        zero = graph.constants[pair.input[2]] if len(pair.input) > 2 else np.int8(0)
        sides = (-1, *(1,) * (levels.ndim - 1)) if scale.ndim else ()
        # differences of bytes would wrap around
        values = (levels.astype(np.int32) - zero.astype(np.int32).reshape(sides)) * scale.reshape(sides)
        node.input[1] = graph.add(f"{pair.input[0]}_float", values.astype(np.float32))
    graph.prune()


def _is_stored_pair(graph: _Graph, pair: Any) -> bool:
    """Whether a node makes floats of constant levels, with a scale for each channel that comes out or one."""
    if pair is None or not is_op(pair, "DequantizeLinear"):
        return False
    axis = next((a.i for a in pair.attribute if a.name == "axis"), 1)
    stored = all(name in graph.constants for name in pair.input)
    return stored and (axis == 0 or graph.constants[pair.input[1]].ndim == 0)


def _merge_unshuffle(graph: _Graph) -> None:
    """Let a 3×3 convolution of unshuffled pixels be one of 6×6 and stride 2 of the pixels themselves."""
    channels: dict[str, int] = {}
    for node in graph.convolutions():
        found = _unshuffled(graph, node)
        if found is None:
            continue
        source, stored = found
        # shapes are inferred at the first unshuffle only: most graphs have none
        channels = channels or _channels(graph.model)
        weight = graph.constants[stored]
        if weight.shape[1] != channels.get(source, 0) * BLOCK**2 or not _is_plain(node):
            continue
        wide = _spread(weight)
        name = graph.add(f"{stored}_of_pixels", wide)
        reader = graph.producers.get(node.input[1])  # a cast, of weights stored in half
        if reader is None:
            node.input[1] = name
        else:
            reader.input[0] = name
        node.input[0] = source
        # a padded place of the unshuffled image is a block of padded pixels
        _set(node, kernel_shape=wide.shape[2:], strides=[BLOCK] * 2, pads=[p * BLOCK for p in _pads(node)])
    graph.prune()


def _unshuffled(graph: _Graph, node: Any) -> tuple[str, str] | None:
    """Return the pixels that a convolution takes unshuffled and the name of its weights; None for others."""
    name, transposed = node.input[0], False
    while (before := graph.producers.get(name)) is not None and before.op_type in ("Reshape", "Transpose"):
        # another reader still needs the values unshuffled; Shape asks for their sides alone
        if len([r for r in graph.readers(name) if not is_op(r, "Shape")]) != 1:
            return None
        if is_op(before, "Transpose"):
            if transposed or list(_attribute(before, "perm", [])) != UNSHUFFLE:
                return None
            transposed = True
        name = before.input[0]
    reader = graph.producers.get(node.input[1])
    stored = node.input[1] if reader is None else reader.input[0]
    cast = reader is None or (is_op(reader, "Cast") and len(graph.readers(reader.output[0])) == 1)
    return (name, stored) if transposed and cast and stored in graph.constants else None


def _channels(model: Any) -> dict[str, int]:
    """Return the channels of every tensor of four dimensions whose channels are known."""
    inferred = onnx.shape_inference.infer_shapes(model)
    shapes = {
        value.name: value.type.tensor_type.shape.dim
        for value in (*inferred.graph.value_info, *inferred.graph.input)
    }
    return {name: dims[1].dim_value for name, dims in shapes.items() if len(dims) == 4}


def _is_plain(node: Any) -> bool:
    """Whether a convolution has stride, dilation and groups of 1, and says how many pixels it pads."""
    ones = [list(_attribute(node, name, [1, 1])) == [1, 1] for name in ("strides", "dilations")]
    padded = _attribute(node, "auto_pad", b"NOTSET") == b"NOTSET"
    return all(ones) and _attribute(node, "group", 1) == 1 and padded


def _spread(weight: NDArray[Any]) -> NDArray[Any]:
    """Return weights (O, 4·C, h, w) of unshuffled pixels as (O, C, 2·h, 2·w) of pixels."""
    out, channels, height, width = weight.shape
    places = weight.reshape(out, channels // BLOCK**2, BLOCK, BLOCK, height, width)
    pixels = places.transpose(0, 1, 4, 2, 5, 3)
    spread: NDArray[Any] = pixels.reshape(out, -1, BLOCK * height, BLOCK * width)
    return spread


def _shuffle_last(graph: _Graph) -> None:
    """Shuffle bytes with channels last, where those of a place lie together, for which those of the
    convolution before change their order."""
    for shuffle in [node for node in graph.graph.node if is_op(node, "DepthToSpace")]:
        crd = _attribute(shuffle, "mode", b"DCR") == b"CRD" and _attribute(shuffle, "blocksize", 0) == BLOCK
        pair = graph.producers.get(shuffle.input[0])
        made = _made_by(graph, pair) if crd else None
        if made is None:
            continue
        _reorder(graph, made)
        channels = graph.constants[graph.producers[made.input[1]].input[0]].shape[0] // BLOCK**2
        graph.replace(shuffle, list(_moved(graph, shuffle, pair, channels)))
    graph.prune()


def _made_by(graph: _Graph, pair: Any) -> Any:
    """Return the INT8 convolution whose result a pair of quantizer and dequantizer alone hands on."""
    chain = []
    for kind in ("DequantizeLinear", "QuantizeLinear", "Conv"):
        if pair is None or not is_op(pair, kind) or len(graph.readers(pair.output[0])) != 1:
            return None
        chain.append(pair)
        pair = graph.producers.get(pair.input[0])
    weights = graph.producers.get(chain[-1].input[1])
    alone = weights is not None and len(graph.readers(weights.output[0])) == 1
    return chain[-1] if alone and _is_stored_pair(graph, weights) else None


def _reorder(graph: _Graph, conv: Any) -> None:
    """Let the channels of a convolution come place by place, not channel by channel."""
    weights = graph.producers[conv.input[1]]
    out = graph.constants[weights.input[0]].shape[0]
    order = np.arange(out).reshape(-1, BLOCK**2).T.reshape(-1)
    # scales and zero points per channel, and the bias, move with their weights
    for node, index in [*((weights, i) for i in range(len(weights.input))), (conv, 2)]:
        value = graph.constants.get(node.input[index]) if index < len(node.input) else None
        if value is not None and value.ndim:
            node.input[index] = graph.add(f"{node.input[index]}_by_place", value[order])


def _moved(graph: _Graph, shuffle: Any, pair: Any, channels: int) -> Iterator[Any]:
    """Yield the nodes of a shuffle: (N, H, W, 2·2·C) → (N, H, 2, W, 2·C) → (N, 2·H, 2·W, C)."""
    name = shuffle.name or shuffle.output[0]

    def step(kind: str, suffix: str, *inputs: str, **attributes: Any) -> Any:
        names = f"{name}/{suffix}"
        return helper.make_node(kind, inputs, [names], name=names, **attributes)

    def sides(suffix: str, *values: int) -> str:
        return graph.add(f"{name}/{suffix}", np.array(values, np.int64))

    # 0 keeps a side and -1 takes what is left, so that free sides stay free
    yield step("Transpose", "last", pair.input[0], perm=[0, 2, 3, 1])
    yield step("Reshape", "split", f"{name}/last", sides("places", 0, 0, 0, BLOCK, BLOCK * channels))
    yield step("Transpose", "rows", f"{name}/split", perm=[0, 1, 3, 2, 4])
    yield step("Reshape", "columns", f"{name}/rows", sides("wide", 0, 0, BLOCK, -1, channels))
    yield step("Shape", "width", f"{name}/columns", start=3, end=5)
    yield step("Concat", "sides", sides("tall", 0, -1), f"{name}/width", axis=0)
    yield step("Reshape", "whole", f"{name}/columns", f"{name}/sides")
    yield step("Transpose", "bytes", f"{name}/whole", perm=[0, 3, 1, 2])
    yield helper.make_node(
        "DequantizeLinear", [f"{name}/bytes", *pair.input[1:]], list(shuffle.output), name=shuffle.name
    )


def _attribute(node: Any, name: str, default: Any) -> Any:
    found = next((a for a in node.attribute if a.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def _pads(node: Any) -> list[int]:
    return list(_attribute(node, "pads", [0, 0, 0, 0]))


def _set(node: Any, **values: Any) -> None:
    """Give a node attributes, in the place of those of these names."""
    kept = [attribute for attribute in node.attribute if attribute.name not in values]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(k, list(v)) for k, v in values.items())])
