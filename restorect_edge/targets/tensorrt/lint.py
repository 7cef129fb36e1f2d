"""Lint for TensorRT: quantization, and what its parser refuses or what costs its kernels.

From the operator list of TensorRT's ONNX parser and its documentation, versions 10 and 11.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from restorect_edge.quantization.lint.rules import loaded, quantization_findings
from restorect_edge.quantization.lint.view import Finding, View, label, nodes

__all__ = ["OPSETS", "RULES", "SUPPORTED", "UNSUPPORTED", "lint"]

RULES = {
    "opset": "the opset is one that it reads",
    "operator": "operators are ones that it has",
    "type": "inputs and outputs are float32, nothing is float64",
    "free-sides": "only height and width vary, and only with a profile",
    "wide-weight": "int64 is for sizes alone",
}
"""What each rule asks for, by name, besides those of `restorect_edge.quantization.lint.rules`."""

OPSETS = range(9, 21)
"""What TensorRT 10.0 reads; later ones read newer opsets too."""

UNSUPPORTED = {
    **dict.fromkeys(
        ("DynamicQuantizeLinear", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
        "quantize with QuantizeLinear/DequantizeLinear pairs",
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
"""Operators without an implementation in TensorRT, with the fix."""

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


def lint(model: Path | Any, *, excluded: Iterable[str] = (), profile: bool = False) -> list[Finding]:
    """Check an ONNX graph, whose int8 must be written as such.

    Args:
        model: a file, or an `onnx.ModelProto` with its weights.
        excluded: names of modules that stay float on purpose, such as `excluded_modules` returns.
        profile: whether the engine is built with an optimization profile, so that height and width of
            (N, C, H, W) inputs may be free.

    Returns:
        Findings, errors first; an empty list if there is nothing to say.
    """
    model = loaded(model)
    view = View.of(model.graph)
    found = [
        *_graph_findings(model, view, profile=profile),
        *quantization_findings(view, excluded=excluded, unsigned=False),
    ]
    return sorted(found, key=lambda finding: finding.severity)


def _graph_findings(model: Any, view: View, *, profile: bool) -> Iterator[Finding]:
    """Yield what TensorRT refuses or handicaps in a graph; `profile` allows free heights and widths."""
    yield from _opset(model)
    yield from _operators(model.graph)
    yield from _types(view)
    yield from _free_sides(view, profile)
    yield from _wide_weights(view)


def _error(rule: str, node: str, message: str, mend: str) -> Finding:
    return Finding(severity="error", rule=rule, node=node, message=message, mend=mend)


def _warning(rule: str, node: str, message: str, mend: str) -> Finding:
    return Finding(severity="warning", rule=rule, node=node, message=message, mend=mend)


def _opset(model: Any) -> Iterator[Finding]:
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version not in OPSETS:
            text = f"opset {entry.version} is outside {OPSETS[0]} to {OPSETS[-1]}, which TensorRT 10.0 reads"
            yield _error("opset", "opset", text, "export with opset 18")


def _operators(graph: Any) -> Iterator[Finding]:
    for node in nodes(graph):
        kind, where = node.op_type, label(node)
        if node.domain not in ("", "ai.onnx"):
            text = f"{node.domain}::{kind} is not ONNX's own and needs a plugin"
            yield _error("operator", where, text, "export without it")
        elif kind in UNSUPPORTED:
            yield _error("operator", where, f"TensorRT has no {kind}", UNSUPPORTED[kind])
        elif kind not in SUPPORTED:
            yield _warning("operator", where, f"{kind} is not known to work in TensorRT", "build it first")


def _types(view: View) -> Iterator[Finding]:
    """Inputs and outputs are float32, and nothing is float64."""
    from onnx import TensorProto

    for value in (*view.inputs(), *view.graph.output):
        kind = value.type.tensor_type.elem_type
        if kind != TensorProto.FLOAT:
            text = f"is {TensorProto.DataType.Name(kind).lower()}"
            yield _error("type", value.name, text, "keep inputs and outputs float32")
    for name, constant in view.constants.items():
        if constant.dtype == "float64":
            yield _error("type", name, "is float64, which TensorRT has not", "store it as float32")


def _free_sides(view: View, profile: bool) -> Iterator[Finding]:
    for value in view.inputs():
        sides = value.type.tensor_type.shape.dim
        free = [index for index, side in enumerate(sides) if not side.HasField("dim_value")]
        if free and (len(sides) != 4 or not set(free) <= {2, 3}):
            text = f"axes {free} are free, but only height and width may be"
            yield _error("free-sides", value.name, text, "fix the others in the export")
        elif free and not profile:
            text = f"axes {free} are free and there is no profile for them"
            yield _error("free-sides", value.name, text, "fix the shape, or give --shapes")


def _wide_weights(view: View) -> Iterator[Finding]:
    """int64 is for sizes, axes and indices; anything else pays 8 bytes an element and slow kernels."""
    for name, constant in view.constants.items():
        if constant.dtype == "int64" and not _only_sizes(view, name, constant.size):
            text = f"is int64 of shape {constant.shape} and used as data"
            yield _warning("wide-weight", name, text, "store it as float32 or int32")


def _only_sizes(view: View, name: str, elements: int) -> bool:
    if any(output.name == name for output in view.graph.output):
        return False
    return all(_is_size(view, node, index, elements) for node, index in view.consumers.get(name, ()))


def _is_size(view: View, node: Any, index: int, elements: int) -> bool:
    if index in SHAPE_INPUTS.get(node.op_type, ()):
        return True
    if node.op_type not in SHAPE_ARITHMETIC:
        return False
    if node.op_type == "Cast":
        return elements == 1  # a single size may become a factor; a table of data may not
    return all(_only_sizes(view, output, elements) for output in node.output)
