"""The TensorRT lint, a planted fault per rule."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.export._onnx_lint import SUPPORTED, UNSUPPORTED, lint, lint_model

SIDES = [1, 3, 16, 16]
SCALE, ZERO = np.float32(0.02), np.int8(0)


def tensor(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def model(nodes, constants=(), *, shape=SIDES, kind=TensorProto.FLOAT, output=None, opset=18, domains=()):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("restored", output or kind, None)],
        [tensor(name, value) for name, value in constants],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def quantised(
    *,
    scale=SCALE,
    zero_point=ZERO,
    after=None,
    weight_axis=0,
    weight_scale=None,
    bias=False,
):
    """A convolution with quantised image and weight, faultless unless told otherwise."""
    if weight_scale is None:
        weight_scale = np.full(4, 0.01, np.float32)
    pair = ["scale"] + (["zero_point"] if zero_point is not None else [])
    nodes = [
        helper.make_node("QuantizeLinear", ["image", *pair], ["q"], name="quantise", axis=1),
        helper.make_node(
            "DequantizeLinear", ["q", after or "scale", *pair[1:]], ["d"], name="dequantise", axis=1
        ),
        helper.make_node(
            "DequantizeLinear",
            ["weight", "weight_scale", "weight_zero"],
            ["w"],
            name="weight",
            axis=weight_axis,
        ),
        helper.make_node(
            "Conv", ["d", "w"] + (["b"] if bias else []), ["restored"], name="conv", pads=[1] * 4
        ),
    ]
    if bias:
        nodes.insert(
            3, helper.make_node("DequantizeLinear", ["bias", "bias_scale", "bias_zero"], ["b"], name="bias")
        )
    constants = {
        "scale": scale,
        "zero_point": zero_point,
        "other": np.float32(0.5),
        "weight": np.ones((4, 3, 3, 3), np.int8),
        "weight_scale": weight_scale,
        "weight_zero": np.zeros_like(weight_scale, dtype=np.int8),
        "bias": np.ones(4, np.int32),
        "bias_scale": np.float32(0.0002),
        "bias_zero": np.int32(0),
    }
    used = {name for node in nodes for name in node.input}
    return model(nodes, [(k, v) for k, v in constants.items() if v is not None and k in used])


def relu(**options):
    return model([helper.make_node("Relu", ["image"], ["restored"], name="relu")], **options)


def only(findings):
    assert len(findings) == 1, findings
    return findings[0]


def test_clean_graphs_have_no_findings():
    assert lint_model(relu()) == []
    assert lint_model(quantised()) == []
    assert lint_model(relu(shape=[1, 3, "height", "width"]), profile=True) == []


def test_reads_a_file(tmp_path):
    onnx.save(relu(opset=8), tmp_path / "model.onnx")
    assert only(lint(tmp_path / "model.onnx")).node == "opset"


@pytest.mark.parametrize("opset", [8, 21])
def test_opset(opset):
    found = only(lint_model(relu(opset=opset)))
    assert found.severity == "error"
    assert f"opset {opset} is outside 9 to 20" in found.message
    assert "opset 18" in found.message


@pytest.mark.parametrize(
    ("operator", "domain", "severity", "message"),
    [
        ("Det", "", "error", "TensorRT has no Det; replace the layer"),
        ("DynamicQuantizeLinear", "", "error", "QuantizeLinear/DequantizeLinear pairs"),
        ("Loop", "", "warning", "Loop is not known to work"),
        ("FusedThing", "com.example", "error", "com.example::FusedThing is not ONNX's own"),
    ],
)
def test_operators(operator, domain, severity, message):
    node = helper.make_node(operator, ["image"], ["restored"], name="planted", domain=domain)
    found = only(lint_model(model([node], domains=[domain] if domain else [])))
    assert (found.severity, found.node) == (severity, "planted")
    assert message in found.message


def test_operators_inside_branches_are_seen():
    branch = helper.make_graph(
        [helper.make_node("Unique", ["image"], ["y"], name="inner")],
        "branch",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["yes"], ["restored"], name="if", then_branch=branch, else_branch=branch)
    found = lint_model(model([node], [("yes", np.bool_(True))]))
    assert [f.node for f in found if f.severity == "error"] == ["inner", "inner"]


def test_operator_lists_agree_with_the_parser():
    trt = pytest.importorskip("tensorrt_rtx_bindings")
    from restorect_edge.export.build_engine import logger_of

    builder = trt.Builder(logger_of(trt))
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger_of(trt))
    assert [name for name in SUPPORTED if not parser.supports_operator(name)] == []
    assert [name for name in UNSUPPORTED if parser.supports_operator(name)] == []


@pytest.mark.parametrize(
    ("shape", "profile", "message"),
    [
        ([1, 3, "height", "width"], False, "axes [2, 3] are free and there is no profile"),
        (["batch", 3, 16, 16], True, "axes [0] are free, but only height and width may be"),
        ([3, "height", "width"], True, "axes [1, 2] are free"),
    ],
)
def test_free_sides(shape, profile, message):
    found = only(lint_model(relu(shape=shape), profile=profile))
    assert (found.severity, found.node) == ("error", "image")
    assert message in found.message


def test_inputs_and_outputs_are_float32():
    found = lint_model(relu(kind=TensorProto.FLOAT16))
    assert [f.node for f in found] == ["image", "restored"]
    assert "is float16; keep inputs and outputs float32" in found[0].message


def test_float64_constant():
    add = helper.make_node("Add", ["image", "offset"], ["restored"])
    found = only(lint_model(model([add], [("offset", np.float64(0.1))])))
    assert found.node == "offset"
    assert "store it as float32" in found.message


def test_int64_data_is_a_warning():
    nodes = [
        helper.make_node("Cast", ["table"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["image", "t"], ["restored"]),
    ]
    found = only(lint_model(model(nodes, [("table", np.arange(16))])))
    assert (found.severity, found.node) == ("warning", "table")
    assert "is int64 of shape (16,) and used as data" in found.message


def test_int64_sizes_are_fine():
    nodes = [
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Constant", [], ["axis"], value_ints=[3]),
        helper.make_node("Gather", ["shape", "axis"], ["width"]),
        helper.make_node("Mul", ["width", "two"], ["double"]),
        helper.make_node("Concat", ["head", "double"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["image", "sizes"], ["restored"]),
    ]
    constants = [("two", np.array([2])), ("head", np.array([1, 3, 8]))]
    assert lint_model(model(nodes, constants)) == []


@pytest.mark.parametrize(
    ("fault", "node", "message"),
    [
        ({"zero_point": np.int8(5)}, "quantise", "has zero point [5], TensorRT is symmetric"),
        ({"zero_point": np.uint8(0)}, "quantise", "is uint8, which TensorRT reads as int8"),
        ({"zero_point": None}, "quantise", "has no zero point: ONNX reads it as uint8"),
        ({"after": "other"}, "dequantise", "its scale is not the one of quantise"),
        ({"scale": np.float32(0)}, "quantise", "must be above zero"),
        (
            {"scale": np.full(3, 0.02, np.float32), "zero_point": np.zeros(3, np.int8)},
            "dequantise",
            "quantises an activation with 3 scales; use one",
        ),
        (
            {"weight_axis": 1, "weight_scale": np.full(3, 0.01, np.float32)},
            "weight",
            "scales a Conv weight along axis 1; quantise along axis 0",
        ),
        ({"bias": True}, "bias", "is int32, TensorRT takes int8 alone; leave biases in float32"),
    ],
)
def test_quantisation_faults(fault, node, message):
    findings = lint_model(quantised(**fault))
    assert any(f.severity == "error" and f.node == node and message in f.message for f in findings), findings


def test_missing_halves_of_a_pair():
    constants = [("scale", np.float32(0.1)), ("zero", np.int8(0))]
    alone = helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"], name="alone")
    cast = helper.make_node("Cast", ["q"], ["restored"], to=TensorProto.FLOAT)
    assert (
        "does not go to DequantizeLinear alone" in only(lint_model(model([alone, cast], constants))).message
    )
    nodes = [
        helper.make_node("Cast", ["image"], ["q"], to=TensorProto.INT8),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["restored"], name="orphan"),
    ]
    found = only(lint_model(model(nodes, constants)))
    assert found.node == "orphan"
    assert "no QuantizeLinear's output" in found.message


@pytest.mark.parametrize(
    ("computed", "message"), [(1, "its scale is not a constant"), (2, "zero point is computed")]
)
def test_computed_quantisation_parameters(computed, message):
    inputs = ["image", "scale", "zero"]
    inputs[computed] = "computed"
    nodes = [
        helper.make_node("Identity", [("scale", "zero")[computed - 1]], ["computed"]),
        helper.make_node("QuantizeLinear", inputs, ["q"], name="quantise"),
        helper.make_node("DequantizeLinear", ["q", *inputs[1:]], ["restored"], name="dequantise"),
    ]
    found = lint_model(model(nodes, [("scale", np.float32(0.1)), ("zero", np.int8(0))]))
    assert {f.node for f in found} == {"quantise", "dequantise"}
    assert all(message in f.message for f in found)


def test_errors_come_first_and_old_initialiser_inputs_are_not_inputs():
    nodes = [
        helper.make_node("Cast", ["table"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["image", "t"], ["restored"], domain="com.example"),
    ]
    graph = model(nodes, [("table", np.arange(16))], domains=["com.example"])
    graph.graph.input.append(helper.make_tensor_value_info("table", TensorProto.INT64, ["n"]))
    assert [f.severity for f in lint_model(graph)] == ["error", "warning"]
