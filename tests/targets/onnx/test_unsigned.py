"""INT8 activations in the form that ONNX Runtime computes fast: equal results, and really in int8."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.targets.onnx.unsigned import to_unsigned
from restorect_edge.utils.cpu import has_vnni

SIDE = 24


def residual(*, channels: int = 8, zero: np.ndarray | None = None) -> onnx.ModelProto:
    """Return a graph with a residual block, as the student's body has them, from int8 weights."""
    rng = np.random.default_rng(0)
    zero = np.asarray(0, np.int8) if zero is None else zero
    tensors = {"zero": zero, "weight_zero": np.zeros(channels, np.int8)}
    nodes = []

    def pair(name: str, scale: float) -> str:
        tensors[f"{name}_scale"] = np.float32(scale)
        nodes.append(helper.make_node("QuantizeLinear", [name, f"{name}_scale", "zero"], [f"{name}_q"]))
        nodes.append(
            helper.make_node("DequantizeLinear", [f"{name}_q", f"{name}_scale", "zero"], [f"{name}_dq"])
        )
        return f"{name}_dq"

    def convolve(name: str, source: str) -> str:
        tensors[f"{name}_w"] = rng.integers(-90, 90, (channels, channels, 3, 3), np.int8)
        tensors[f"{name}_s"] = np.full(channels, 1e-3, np.float32)
        tensors[f"{name}_b"] = rng.normal(0, 0.1, channels).astype(np.float32)
        inputs = [f"{name}_w", f"{name}_s", "weight_zero"]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [f"{name}_weight"], axis=0))
        nodes.append(
            helper.make_node("Conv", [source, f"{name}_weight", f"{name}_b"], [name], pads=[1, 1, 1, 1])
        )
        return name

    entered = pair(convolve("enter", pair("image", 0.01)), 0.004)
    nodes.append(helper.make_node("Relu", [convolve("first", entered)], ["relu"], name="relu"))
    second = pair(convolve("second", pair("relu", 0.002)), 0.002)
    nodes.append(helper.make_node("Add", [entered, second], ["sum"]))
    nodes.append(helper.make_node("Identity", [pair("sum", 0.003)], ["restored"]))
    kind, shape = TensorProto.FLOAT, [1, channels, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("restored", kind, shape)],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def session(model, *, literal, written=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_DISABLE_ALL if literal else levels.ORT_ENABLE_EXTENDED
    if written:
        options.optimized_model_filepath = str(written)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


@pytest.fixture
def models():
    signed, unsigned = residual(), residual()
    to_unsigned(unsigned)
    onnx.checker.check_model(unsigned, full_check=True)
    return signed, unsigned


def test_results_are_equal_also_where_values_saturate(models):
    signed, unsigned = models
    image = np.random.default_rng(1).normal(0, 1.5, (1, 8, SIDE, SIDE)).astype(np.float32)
    expected, found = (session(m, literal=True).run(None, {"image": image})[0] for m in (signed, unsigned))
    assert np.array_equal(expected, found)
    assert expected.max() == np.float32(127) * np.float32(0.003)


def test_activations_are_unsigned_and_weights_are_not(models):
    _, unsigned = models
    zeros = {t.name: numpy_helper.to_array(t) for t in unsigned.graph.initializer}
    for node in unsigned.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = zeros[node.input[2]]
            is_weight = node.input[0] in zeros
            assert zero.dtype == (np.int8 if is_weight else np.uint8)
            assert (zero == (0 if is_weight else 128)).all()
    assert "Relu" not in {node.op_type for node in unsigned.graph.node}


@pytest.mark.cpu
@pytest.mark.skipif(has_vnni() is None, reason="what ONNX Runtime chooses on x86")
def test_onnx_runtime_computes_every_convolution_in_int8(models, tmp_path):
    kinds = []
    for index, model in enumerate(models):
        session(model, literal=False, written=tmp_path / f"{index}.onnx")
        graph = onnx.load(tmp_path / f"{index}.onnx").graph
        kinds.append(Counter(node.op_type for node in graph.node))
    signed, unsigned = kinds
    assert signed["QLinearConv"] < 3  # why this exists
    assert unsigned["QLinearConv"] == 3
    assert not {"Conv", "FusedConv"} & set(unsigned)


def test_a_graph_without_quantizers_is_left_alone():
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> g (float[1] a) => (float[1] b) {b = Relu(a)}'
    )
    before = model.SerializeToString()
    to_unsigned(model)
    assert model.SerializeToString() == before
