"""Lint of an ONNX graph for TensorRT: what its parser refuses, and what it silently takes wrongly.

TensorRT's parser accepts, without a word or with a warning, several graphs that it does not compute as
ONNX defines them: uint8 quantisation is read as int8, a quantiser without a zero point (uint8 by
definition) too, and per-channel scales of activations or along the wrong axis of weights cost the INT8
kernels. These rules find them before a device does. Rules are from the TensorRT 10 and 11 documentation
of explicit quantisation and the operator list of its ONNX parser.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

__all__ = ["Finding", "lint", "lint_model"]

OPSETS = range(9, 21)
"""What TensorRT 10.0 reads; later ones read newer opsets too."""

UNSUPPORTED = {
    **dict.fromkeys(
        ("DynamicQuantizeLinear", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
        "quantise with QuantizeLinear/DequantizeLinear pairs",
    ),
    **dict.fromkeys(("Bernoulli", "Multinomial"), "store the noise as a constant"),
    **dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"), "use Mul, Div, Mod"),
    **dict.fromkeys(("CenterCropPad", "AffineGrid", "Compress"), "use Slice, Pad or GridSample"),
    **dict.fromkeys(
        ("SequenceConstruct", "SequenceAt", "SplitToSequence", "ConcatFromSequence", "SequenceEmpty"),
        "return tensors, not lists, inside the network",
    ),
    **dict.fromkeys(
        ("Col2Im", "DFT", "DeformConv", "Det", "MaxRoiPool", "MaxUnpool", "Unique"),
        "replace the layer that made it",
    ),
}
"""Operators without an implementation in TensorRT, with the mend."""

_SUPPORTED = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant
ConstantOfShape Conv ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Elu
Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool
GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Identity
InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization
MatMul Max MaxPool Mean Min Mod Mul Neg Not Or PRelu Pad Pow QuantizeLinear Range Reciprocal
ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus
Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu
Unsqueeze Upsample Where Xor
"""
SUPPORTED = frozenset(_SUPPORTED.split())
"""Operators of image networks that TensorRT 10 and later implement."""

SHAPE_INPUTS: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin"), frozenset({1})),
    **dict.fromkeys(("ReduceProd", "ReduceSum", "ReduceSumSquare"), frozenset({1})),
    **dict.fromkeys(("Reshape", "Expand", "Tile", "Unsqueeze", "Squeeze", "Split"), frozenset({1})),
    **dict.fromkeys(("TopK", "Trilu", "CumSum", "Gather", "GatherElements", "GatherND"), frozenset({1})),
    **dict.fromkeys(("ScatterElements", "ScatterND"), frozenset({1})),
    "ConstantOfShape": frozenset({0}),
    "Pad": frozenset({1, 3}),
    "Range": frozenset({0, 1, 2}),
    "Resize": frozenset({3}),
    "Slice": frozenset({1, 2, 3, 4}),
}
"""Inputs that are sizes, axes or indices, which ONNX wants as int64."""

_SHAPE_ARITHMETIC = """
Add Sub Mul Div Mod Min Max Neg Abs Concat Gather Slice Squeeze Unsqueeze Reshape Identity Where
Equal Greater Less Expand Cast
"""
SHAPE_ARITHMETIC = frozenset(_SHAPE_ARITHMETIC.split())
"""Operators that compute sizes from sizes."""

WEIGHT_AXIS = {"Conv": 0, "ConvTranspose": 1}
"""Where a weight's output channels are."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that TensorRT refuses (`error`), or that is worth a look (`warning`)."""

    severity: Literal["error", "warning"]
    node: str
    """The node, input or initialiser it is about."""
    message: str
    """What is wrong and how to mend it."""


@dataclass(slots=True)
class _View:
    """A graph with its constants, producers and consumers by tensor name."""

    graph: Any
    constants: dict[str, Any] = field(default_factory=dict)
    producers: dict[str, Any] = field(default_factory=dict)
    consumers: dict[str, list[tuple[Any, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Any) -> "_View":
        from onnx import numpy_helper

        view = cls(graph)
        view.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            view.producers.update(dict.fromkeys(node.output, node))
            if node.op_type == "Constant":
                view.constants[node.output[0]] = _value(node.attribute[0])
            for index, name in enumerate(node.input):
                view.consumers.setdefault(name, []).append((node, index))
        return view

    def inputs(self) -> list[Any]:
        """Return the graph's inputs without its initialisers, which old IR versions list among them."""
        return [value for value in self.graph.input if value.name not in self.constants]


def _value(attribute: Any) -> Any:
    from onnx import helper, numpy_helper

    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    return np.asarray(value, np.float32 if attribute.name.startswith("value_float") else None)


def lint(path: Path, *, profile: bool = False) -> list[Finding]:
    """Check an ONNX file; see `lint_model`."""
    import onnx

    return lint_model(onnx.load(path), profile=profile)


def lint_model(model: Any, *, profile: bool = False) -> list[Finding]:
    """Check an `onnx.ModelProto` for TensorRT.

    Args:
        model: the graph with its weights.
        profile: whether the engine is built with an optimisation profile, so that height and width of
            (N, C, H, W) inputs may be free.

    Returns:
        Findings, errors first; an empty list if there is nothing to say.
    """
    view = _View.of(model.graph)
    found = [
        *_opset(model),
        *_operators(model.graph),
        *_types(view),
        *_free_sides(view, profile),
        *_wide_weights(view),
        *_quantisers(view),
    ]
    return sorted(found, key=lambda finding: finding.severity)


def _opset(model: Any) -> Iterator[Finding]:
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version not in OPSETS:
            yield Finding(
                "error",
                "opset",
                f"opset {entry.version} is outside {OPSETS[0]} to {OPSETS[-1]}, which TensorRT 10.0 reads; "
                "export with opset 18",
            )


def _operators(graph: Any) -> Iterator[Finding]:
    for node in _nodes(graph):
        if node.domain not in ("", "ai.onnx"):
            text = f"{node.domain}::{node.op_type} is not ONNX's own and needs a plugin; export without it"
            yield Finding("error", _label(node), text)
        elif node.op_type in UNSUPPORTED:
            text = f"TensorRT has no {node.op_type}; {UNSUPPORTED[node.op_type]}"
            yield Finding("error", _label(node), text)
        elif node.op_type not in SUPPORTED:
            text = f"{node.op_type} is not known to work in TensorRT; build it on the device first"
            yield Finding("warning", _label(node), text)


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _label(node: Any) -> str:
    return node.name or f"{node.op_type} -> {', '.join(node.output)}"


def _types(view: _View) -> Iterator[Finding]:
    """Inputs and outputs are float32, and nothing is float64."""
    from onnx import TensorProto

    for value in (*view.inputs(), *view.graph.output):
        kind = value.type.tensor_type.elem_type
        if kind != TensorProto.FLOAT:
            text = f"is {TensorProto.DataType.Name(kind).lower()}; keep inputs and outputs float32"
            yield Finding("error", value.name, text)
    for name, constant in view.constants.items():
        if constant.dtype == "float64":
            yield Finding("error", name, "is float64, which TensorRT has not; store it as float32")


def _free_sides(view: _View, profile: bool) -> Iterator[Finding]:
    for value in view.inputs():
        sides = value.type.tensor_type.shape.dim
        free = [index for index, side in enumerate(sides) if not side.HasField("dim_value")]
        if free and (len(sides) != 4 or not set(free) <= {2, 3}):
            text = f"axes {free} are free, but only height and width may be; fix the others in the export"
            yield Finding("error", value.name, text)
        elif free and not profile:
            text = f"axes {free} are free and there is no profile for them; fix the shape, or give --shapes"
            yield Finding("error", value.name, text)


def _wide_weights(view: _View) -> Iterator[Finding]:
    """int64 is for sizes, axes and indices; anything else pays 8 bytes an element and slow kernels."""
    for name, constant in view.constants.items():
        if constant.dtype == "int64" and not _only_sizes(view, name, constant.size):
            text = f"is int64 of shape {constant.shape} and used as data; store it as float32 or int32"
            yield Finding("warning", name, text)


def _only_sizes(view: _View, name: str, elements: int) -> bool:
    if any(output.name == name for output in view.graph.output):
        return False
    return all(_is_size(view, node, index, elements) for node, index in view.consumers.get(name, ()))


def _is_size(view: _View, node: Any, index: int, elements: int) -> bool:
    if index in SHAPE_INPUTS.get(node.op_type, ()):
        return True
    if node.op_type not in SHAPE_ARITHMETIC:
        return False
    if node.op_type == "Cast":
        return elements == 1  # a single size may become a factor; a table of data may not
    return all(_only_sizes(view, output, elements) for output in node.output)


def _quantisers(view: _View) -> Iterator[Finding]:
    for node in view.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            yield from _scale(view, node)
            yield from _zero_point(view, node)
            yield from _granularity(view, node)
            yield from _pairing(view, node)


def _scale(view: _View, node: Any) -> Iterator[Finding]:
    scale = view.constants.get(node.input[1])
    if scale is None:
        yield Finding("error", _label(node), "its scale is not a constant; calibrate it")
    elif not (scale > 0).all():
        yield Finding("error", _label(node), "its scale must be above zero; calibrate again")


def _zero_point(view: _View, node: Any) -> Iterator[Finding]:
    if len(node.input) < 3 or not node.input[2]:
        if node.op_type == "QuantizeLinear" or _source_type(view, node) != "int8":
            text = "has no zero point: ONNX reads it as uint8, TensorRT as int8; add an int8 zero point of 0"
            yield Finding("error", _label(node), text)
        return
    zero_point = view.constants.get(node.input[2])
    if zero_point is None:
        yield Finding("error", _label(node), "its zero point is computed; TensorRT needs a constant of 0")
        return
    if (zero_point != 0).any():
        got = sorted({int(value) for value in zero_point.flat})
        text = f"has zero point {got}, TensorRT is symmetric; quantise with zero point 0 (symmetric preset)"
        yield Finding("error", _label(node), text)
    if zero_point.dtype != "int8":
        text = f"is {zero_point.dtype}, TensorRT takes int8 alone; leave biases in float32"
        if zero_point.dtype == "uint8":
            text = "is uint8, which TensorRT reads as int8; use int8, zero point 0, scale times 255/127"
        yield Finding("error", _label(node), text)


def _source_type(view: _View, node: Any) -> str:
    constant = view.constants.get(node.input[0])
    return str(constant.dtype) if constant is not None else "unknown"


def _granularity(view: _View, node: Any) -> Iterator[Finding]:
    scale = view.constants.get(node.input[1])
    if scale is None or scale.size == 1:
        return
    origin, before = node.input[0], view.producers.get(node.input[0])
    if before is not None and before.op_type == "QuantizeLinear":
        origin = before.input[0]
    if origin not in view.constants:
        text = f"quantises an activation with {scale.size} scales; use one (per_channel=False)"
        yield Finding("error", _label(node), text)
        return
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    for consumer, index in view.consumers.get(node.output[0], ()):
        expected = WEIGHT_AXIS.get(consumer.op_type)
        if index == 1 and expected is not None and axis != expected:
            text = f"scales a {consumer.op_type} weight along axis {axis}; quantise along axis {expected}"
            yield Finding("error", _label(node), text)


def _pairing(view: _View, node: Any) -> Iterator[Finding]:
    if node.op_type == "QuantizeLinear":
        after = [consumer for consumer, _ in view.consumers.get(node.output[0], ())]
        if not after or not all(_is(consumer, "DequantizeLinear") for consumer in after):
            text = "its output does not go to DequantizeLinear alone; add the missing half of the pair"
            yield Finding("error", _label(node), text)
        return
    if node.input[0] in view.constants:
        return
    before = view.producers.get(node.input[0])
    if not _is(before, "QuantizeLinear"):
        text = "input is no constant and no QuantizeLinear's output; add the missing half of the pair"
        yield Finding("error", _label(node), text)
    elif not _same_scale(view, before, node):
        text = f"its scale is not the one of {_label(before)}; give both halves of a pair one scale"
        yield Finding("error", _label(node), text)


def _same_scale(view: _View, first: Any, second: Any) -> bool:
    one, other = view.constants.get(first.input[1]), view.constants.get(second.input[1])
    return one is None or other is None or (one.shape == other.shape and bool((one == other).all()))


def _is(node: Any, operator: str) -> bool:
    return node is not None and node.op_type == operator
