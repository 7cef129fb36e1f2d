"""INT8 form of somebody else's ONNX model, by NNCF on the model itself.

The rules are those of any module: convolutions and matrix products with a stored matrix compute in 8 bits,
symmetric int8 with zero point 0, weights with one scale per output channel, activations with one per tensor.
All else stays in float.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.errors import BackendError, IncompatibleError
from restorect_edge.quantization.plan import QuantizedTensor
from restorect_edge.quantization.qdq import QMAX, QMIN, SMALLEST_SCALE
from restorect_edge.quantization.quantize import quantized_graph
from restorect_edge.quantization.scope import EXCLUDED
from restorect_edge.targets.onnx.foreign import run_literally
from restorect_edge.utils.foreign import foreign_errors

__all__ = ["QuantizedGraph", "quantized"]

LAYERS = ("Conv", "Gemm", "MatMul")
"""What computes in 8 bits, where its weight is stored."""
LEAST_OPSET = 13
"""The first with scales per channel."""
OPSET = 18
"""What older models are raised to."""
PAIR = ("QuantizeLinear", "DequantizeLinear")

Planes = NDArray[np.float32]


class QuantizedGraph:
    """A model with explicit quantize/dequantize pairs.

    Args:
        model: an `onnx.ModelProto`, ``image`` → ``restored``.
        floats: the float weight of each quantized layer, and its bias if it has one, by the layer's name.
        excluded: nodes that stay in float, by name, with their key in
            `restorect_edge.quantization.scope.EXCLUDED`.
    """

    def __init__(self, model: Any, floats: Mapping[str, Any], excluded: Mapping[str, str]) -> None:
        self.model, self.floats, self.excluded = model, floats, excluded

    def with_float(self, names: Collection[str], *, why: str = "budget") -> "QuantizedGraph":
        """Return a copy in which some layers compute in float; all other scales stay as they are.

        Args:
            names: of `floats`.
            why: key in `restorect_edge.quantization.scope.EXCLUDED`.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        before = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type in PAIR}
        stored = {tensor.name for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.name in names:
                node.input[0] = before.get(before.get(node.input[0], ""), node.input[0])
                for index, tensor in enumerate(self.floats[node.name], start=1):
                    node.input[index] = tensor.name
                    if tensor.name not in stored:
                        model.graph.initializer.append(tensor)
                        stored.add(tensor.name)
        _prune(model.graph)
        kept = {name: weight for name, weight in self.floats.items() if name not in names}
        return QuantizedGraph(model, kept, {**self.excluded, **dict.fromkeys(names, why)})

    def rows(self) -> tuple[tuple[QuantizedTensor, ...], tuple[dict[str, str], ...]]:
        """Return what a plan says of it: its tensors in int8, and what stays in float."""
        kinds = {node.name: node.op_type for node in self.model.graph.node}
        floats = [
            {"name": name, "operation": kinds[name], "why": EXCLUDED[why]}
            for name, why in self.excluded.items()
            if name in kinds
        ]
        return tuple(self._tensors()), tuple(floats)

    def _tensors(self) -> Iterator[QuantizedTensor]:
        graph = self.model.graph
        values = {tensor.name: tensor for tensor in graph.initializer}
        producers = {name: node for node in graph.node for name in node.output}
        for node in graph.node:
            if node.op_type == "QuantizeLinear":
                origin = producers.get(node.input[0])
                yield QuantizedTensor(
                    name=node.input[0],
                    kind=origin.op_type if origin else "image",
                    feeds=tuple(_readers(graph, node)),
                    scale=_numbers(values[node.input[1]]),
                    axis=None,
                    levels=(QMIN, QMAX),
                )
            elif node.op_type == "DequantizeLinear" and node.input[0] in values:
                # the levels that are used: portable weights leave half of them, against saturation
                most = int(np.abs(numpy_helper.to_array(values[node.input[0]]).astype(int)).max(initial=0))
                yield QuantizedTensor(
                    name=node.input[0],
                    kind="weight",
                    feeds=(),
                    scale=_numbers(values[node.input[1]]),
                    axis=_axis(node),
                    levels=(-most, most),
                )


def quantized(
    model: Any, samples: Sequence[Planes], frames: Sequence[Planes], *, saturation_safe: bool = False
) -> QuantizedGraph:
    """Calibrate a model on photographs and return its INT8 form.

    Args:
        model: an adapted `onnx.ModelProto`, ``image`` → ``restored``; left as it is.
        samples: photographs (1, 3, H, W) in [0, 1].
        frames: what ranges must hold besides, such as flat frames.
        saturation_safe: as for `restorect_edge.quantization.quantize.quantize_student`.

    Raises:
        IncompatibleError: the model is quantized already.
        BackendError: NNCF or ONNX cannot take the model.
    """
    plain = _plain(model)
    weights = {tensor.name: tensor for tensor in plain.graph.initializer}
    layers = {node.name: _own(node, weights) for node in plain.graph.node if _is_layer(node, weights)}
    others = [node.name for node in plain.graph.node if node.name not in layers]
    copied = onnx.ModelProto()
    copied.CopyFrom(plain)
    made = quantized_graph(
        copied, samples, lambda sample: {"image": sample}, others, saturation_safe, fold_weights=True
    )
    with foreign_errors("NNCF's graph of this model has a form that is not known"):
        _clean(made, {name: own[0] for name, own in layers.items()})
        _widen(made, plain, frames)
    found = {node.name: layers[node.name] for node in made.graph.node if _is_quantized(made.graph, node)}
    return QuantizedGraph(made, found, dict.fromkeys(others, "rule"))


def _plain(model: Any) -> Any:
    """Return a copy that NNCF takes: a new enough opset, constants as initializers, a name for each node."""
    if any(node.op_type in PAIR for node in model.graph.node):
        raise IncompatibleError("the model is quantized already: export it with --precision fp32, as it is")
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < LEAST_OPSET:
        with foreign_errors(f"the model's opset {opset} cannot be raised to {OPSET}"):
            plain = onnx.version_converter.convert_version(plain, OPSET)
    plain.ir_version = max(plain.ir_version, 8)
    graph = plain.graph
    for index, node in enumerate(list(graph.node)):
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = node.attribute[0].t
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
            graph.node.remove(node)
        else:
            node.name = node.name or f"{node.op_type}_{index}"
    return plain


def _is_layer(node: Any, weights: Mapping[str, Any]) -> bool:
    """Whether a node is a convolution or linear layer with a stored weight in float32."""
    if node.op_type not in LAYERS or len(node.input) < 2 or node.input[1] not in weights:
        return False
    weight = weights[node.input[1]]
    stored = all(name in weights for name in node.input[1:])
    return bool(stored and weight.data_type == TensorProto.FLOAT and len(weight.dims) >= 2)


def _own(node: Any, weights: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return copies of a layer's weight and bias under names of their own: NNCF corrects biases."""
    found: list[Any] = []
    for name in node.input[1:]:
        tensor = TensorProto()
        tensor.CopyFrom(weights[name])
        tensor.name = f"{node.name}.{len(found)}.float"
        found.append(tensor)
    return tuple(found)


def _is_quantized(graph: Any, node: Any) -> bool:
    return node.op_type in LAYERS and any(
        other.op_type == "DequantizeLinear" and other.output[0] == node.input[1] for other in graph.node
    )


def _clean(model: Any, weights: Mapping[str, Any]) -> None:
    """Make NNCF's graph symmetric int8 throughout, in place, with scales that float16 holds."""
    del model.graph.value_info[:]  # has the types that activations had before
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    done: set[str] = set()
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[1] not in done:
            done.add(node.input[1])
            _sign(values[node.input[1]], values[node.input[2]], node.name)
    readers = {node.input[1]: node.name for node in model.graph.node if node.name in weights}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.output[0] in readers:
            _store(node, values, numpy_helper.to_array(weights[readers[node.output[0]]]))


def _sign(scale: Any, zero_point: Any, name: str) -> None:
    """Give an activation's pair the type int8, with the scale that covers the same range."""
    zero = numpy_helper.to_array(zero_point)
    if zero.any():
        raise BackendError(f"NNCF gave '{name}' the zero point {zero}, expected 0")
    value = numpy_helper.to_array(scale).astype(np.float64)
    if zero.dtype == np.uint8:
        # uint8 has 255 levels above zero, int8 half as many
        value = value * (255 / QMAX)
    _put(scale, _representable(value))
    _put(zero_point, np.zeros(zero.shape, np.int8))


def _store(node: Any, values: Mapping[str, Any], weight: Planes) -> None:
    """Store a weight as levels of scales that float16 holds."""
    levels, scale = values[node.input[0]], values[node.input[1]]
    if numpy_helper.to_array(values[node.input[2]]).any():
        raise BackendError(f"NNCF did not quantize '{node.input[0]}' symmetrically")
    most = int(np.abs(numpy_helper.to_array(levels).astype(int)).max(initial=0))
    scales = _representable(numpy_helper.to_array(scale))
    shape = [1] * weight.ndim
    shape[_axis(node)] = -1
    # from the float weights, for NNCF's levels belong to scales that float16 may not hold
    found = np.rint(weight / (scales.reshape(shape) if scales.ndim else scales)).clip(-most, most)
    _put(levels, found.astype(np.int8))
    _put(scale, scales)


def _widen(model: Any, plain: Any, frames: Sequence[Planes]) -> None:
    """Widen ranges so that they hold the float activations of frames, in place."""
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    pairs = {node.input[0]: values[node.input[1]] for node in model.graph.node if node.op_type == PAIR[0]}
    for name, widest in _widest(plain, list(pairs), frames).items():
        # never narrower: photographs need what calibration found
        scale = numpy_helper.to_array(pairs[name])
        _put(pairs[name], np.maximum(scale, _representable(np.float64(widest / QMAX))))


def _widest(plain: Any, names: Sequence[str], frames: Sequence[Planes]) -> dict[str, float]:
    """Return the greatest magnitude that each value of a float model has for some frames."""
    told = onnx.ModelProto()
    told.CopyFrom(plain)
    inner = [name for name in names if name != "image"]
    given = {value.name for value in told.graph.output}
    told.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inner if name not in given
    )
    # the range of an image is known without a run
    found = {"image": 1.0} if "image" in names else {}
    for frame in frames:
        for name, value in run_literally(told, frame, inner).items():
            found[name] = max(found.get(name, 0.0), float(np.abs(value).max(initial=0.0)))
    return found


def _representable(scale: Any) -> Planes:
    """Return scales that float16 holds, as `restorect_edge.quantization.qdq.representable` does."""
    found: Planes = np.maximum(scale, SMALLEST_SCALE).astype(np.float16).astype(np.float32)
    return found


def _put(tensor: Any, value: Any) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(value), tensor.name))


def _axis(node: Any) -> int:
    return int(next((a.i for a in node.attribute if a.name == "axis"), 1))


def _numbers(tensor: Any) -> tuple[float, ...]:
    """Return float32 values as the shortest decimals that read back as them."""
    return tuple(float(str(value)) for value in numpy_helper.to_array(tensor).reshape(-1))


def _readers(graph: Any, quantize: Any) -> Iterator[str]:
    """Yield the names of what reads a quantized value."""
    pairs = {node.output[0] for node in graph.node if node.input and node.input[0] == quantize.output[0]}
    yield from (node.name for node in graph.node if pairs & set(node.input))


def _prune(graph: Any) -> None:
    """Remove pairs and constants that nothing reads."""
    # a pair that goes may have been the only reader of another
    while True:
        read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        dead = [node for node in graph.node if node.op_type in PAIR and node.output[0] not in read]
        if not dead:
            break
        for node in dead:
            graph.node.remove(node)
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
