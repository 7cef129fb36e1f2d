"""INT8 of an ONNX model as it is: symmetric pairs, stored weights, layers that return to float."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.errors import BackendError, IncompatibleError
from restorect_edge.quantization.lint.pairs import pair_findings
from restorect_edge.quantization.lint.view import View
from restorect_edge.targets.onnx.foreign import run_literally
from restorect_edge.targets.onnx.int8 import quantized

RANDOM = np.random.default_rng(5)
WEIGHTS = {
    "first": RANDOM.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
    "linear": RANDOM.normal(0, 0.3, (8, 8)).astype(np.float32),
    "last": RANDOM.normal(0, 0.1, (3, 8, 3, 3)).astype(np.float32),
    "bias": RANDOM.normal(0, 0.1, 3).astype(np.float32),
}


def network(opset=17, constants=False, named=True):
    """A convolution, a linear layer over the channels, and a convolution, beside the image itself."""
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["c", "linear"], ["d"]),
        helper.make_node("Transpose", ["d"], ["e"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["e", "last", "bias"], ["f"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["image", "f"], ["restored"]),
    ]
    for index, node in enumerate(nodes):
        node.name = f"node{index}" if named else ""
    stored = [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()]
    if constants:
        nodes = [*(helper.make_node("Constant", [], [t.name], value=t) for t in stored), *nodes]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "h", "w"]) for n in ("image", "restored")
    ]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:], [] if constants else stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


SAMPLES = [RANDOM.random((1, 3, 24, 32), dtype=np.float32) for _ in range(3)]
BRIGHT = [np.full((1, 3, 24, 32), 1, np.float32)]


def run(model):
    return run_literally(model, SAMPLES[0], ["restored"])["restored"]


@pytest.fixture(scope="module")
def made():
    return quantized(network(), SAMPLES, BRIGHT)


@pytest.mark.parametrize(
    "options", [{"constants": True, "named": False}, {"opset": 11}], ids=["unnamed constants", "an old opset"]
)
def test_every_form_of_a_model_is_quantized(options):
    model = network(**options)
    found = quantized(model, SAMPLES, BRIGHT, saturation_safe=True)
    assert len(found.floats) == 3
    assert list(pair_findings(View.of(found.model.graph))) == []
    assert 0 < np.abs(run(found.model) - run(model)).max() < 0.1
    stored = [
        numpy_helper.to_array(t) for t in found.model.graph.initializer if t.data_type == TensorProto.INT8
    ]
    assert max(int(np.abs(levels.astype(int)).max()) for levels in stored) <= 64, "half the range"


def test_scales_are_those_that_every_target_holds(made):
    tensors, floats = made.rows()
    scales = np.float32([scale for tensor in tensors for scale in tensor.scale])
    assert np.array_equal(scales, scales.astype(np.float16).astype(np.float32))
    assert {tensor.kind for tensor in tensors} == {"weight", "image", "Transpose"}
    assert {row["operation"] for row in floats} == {"Add", "Relu", "Transpose"}


def test_ranges_hold_what_frames_need():
    found = quantized(network(), [sample / 8 for sample in SAMPLES], BRIGHT)
    given, expected = (
        run_literally(m, BRIGHT[0], ["restored"])["restored"] for m in (found.model, network())
    )
    assert np.abs(given - expected).max() < 0.05


@pytest.mark.parametrize("layer", ["node0", "node3", "node5"])
def test_a_layer_returns_to_float(made, layer):
    found = made.with_float([layer])
    assert set(made.floats) - set(found.floats) == {layer}
    weights = {tensor.name for tensor in found.model.graph.initializer}
    assert {tensor.name for tensor in made.floats[layer]} <= weights
    onnx.checker.check_model(found.model)
    (row,) = [row for row in found.rows()[1] if row["name"] == layer]
    assert "it cost more PSNR" in row["why"]


def test_all_layers_in_float_are_the_model_itself(made):
    found = made.with_float(list(made.floats))
    assert not any(node.op_type == "QuantizeLinear" for node in found.model.graph.node)
    assert np.abs(run(found.model) - run(network())).max() < 1e-6


def test_a_model_that_is_quantized_already(made):
    with pytest.raises(IncompatibleError, match="quantized already: export it with --precision fp32"):
        quantized(made.model, SAMPLES, BRIGHT)


def test_what_nncf_refuses_is_one_line():
    broken = network()
    broken.graph.node[1].op_type = "NoSuchOperator"
    with pytest.raises(BackendError) as caught:
        quantized(broken, SAMPLES, BRIGHT)
    assert "\n" not in str(caught.value)
