"""The lint, a planted fault per rule: each is found by that rule and by no other."""

import json
from dataclasses import FrozenInstanceError

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.quantization.lint.rules import RULES, excluded_modules, lint
from restorect_edge.targets.tensorrt.lint import RULES as PARSER_RULES
from restorect_edge.targets.tensorrt.lint import SUPPORTED, UNSUPPORTED
from restorect_edge.targets.tensorrt.lint import lint as strict_lint

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


def quantized(
    *,
    scale=SCALE,
    zero_point=ZERO,
    after=None,
    weight_axis=0,
    weight_scale=None,
    bias=False,
):
    """A convolution with quantized image and weight, faultless unless told otherwise."""
    if weight_scale is None:
        weight_scale = np.full(4, 0.01, np.float32)
    pair = ["scale"] + (["zero_point"] if zero_point is not None else [])
    nodes = [
        helper.make_node("QuantizeLinear", ["image", *pair], ["q"], name="quantize", axis=1),
        helper.make_node(
            "DequantizeLinear", ["q", after or "scale", *pair[1:]], ["d"], name="dequantize", axis=1
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


PAIR = {"scale": SCALE, "zero": ZERO}
WEIGHT = {
    "weight": np.ones((3, 3, 3, 3), np.int8),
    "weight_scale": np.full(3, 0.01, np.float32),
    "weight_zero": np.zeros(3, np.int8),
}


def pair(source, result):
    return [
        helper.make_node("QuantizeLinear", [source, "scale", "zero"], [f"{result}_q"]),
        helper.make_node("DequantizeLinear", [f"{result}_q", "scale", "zero"], [result]),
    ]


def convolution(source, result, weight="weight"):
    stored = [f"{weight}{part}" for part in ("", "_scale", "_zero")]
    return [
        helper.make_node("DequantizeLinear", stored, [f"{result}_w"], axis=0),
        helper.make_node("Conv", [source, f"{result}_w"], [result], name=f"conv_{result}", pads=[1] * 4),
    ]


def residual(first, second):
    """Convolutions a and b of one quantized image, their results' pairs pa and pb, an add of two of these."""
    nodes = [
        *pair("image", "x"),
        *convolution("x", "a"),
        *convolution("x", "b"),
        *pair("a", "pa"),
        *pair("b", "pb"),
        helper.make_node("Relu", ["a"], ["ra"]),
        helper.make_node("DepthToSpace", ["pb"], ["shuffled"], blocksize=1),
        helper.make_node("Add", [first, second], ["sum"], name="add"),
        *pair("sum", "restored"),
    ]
    return model(_needed(nodes), [*PAIR.items(), *WEIGHT.items()])


def _needed(nodes):
    """Leave out what nothing reads, so that nothing but the add is at fault."""
    kept, wanted = [], {"restored"}
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def rules(findings):
    return {finding.rule for finding in findings}


def tensorrt(graph, **options):
    return strict_lint(graph, **options)


def test_clean_graphs_have_no_findings():
    assert tensorrt(relu()) == []
    assert tensorrt(quantized()) == []
    assert tensorrt(relu(shape=[1, 3, "height", "width"]), profile=True) == []


def test_reads_a_file(tmp_path):
    onnx.save(relu(opset=8), tmp_path / "model.onnx")
    assert only(tensorrt(tmp_path / "model.onnx")).node == "opset"


def test_every_rule_has_a_fault_planted_here(request):
    """Names in the source of this file, so that a rule without a test is noticed."""
    text = request.path.read_text(encoding="utf-8")
    assert [rule for rule in (*RULES, *PARSER_RULES) if f'"{rule}"' not in text] == []


def test_findings_are_frozen_and_speak_for_themselves():
    found = only(tensorrt(relu(opset=8)))
    assert str(found) == f"opset: {found.message}; export with opset 18"
    with pytest.raises(FrozenInstanceError):
        found.node = "other"


@pytest.mark.parametrize("opset", [8, 21])
def test_opset(opset):
    found = only(tensorrt(relu(opset=opset)))
    assert (found.severity, found.rule) == ("error", "opset")
    assert f"opset {opset} is outside 9 to 20" in str(found)
    assert "opset 18" in str(found)


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
    found = only(tensorrt(model([node], domains=[domain] if domain else [])))
    assert (found.severity, found.rule, found.node) == (severity, "operator", "planted")
    assert message in str(found)


def test_operators_inside_branches_are_seen():
    branch = helper.make_graph(
        [helper.make_node("Unique", ["image"], ["y"], name="inner")],
        "branch",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["yes"], ["restored"], name="if", then_branch=branch, else_branch=branch)
    found = tensorrt(model([node], [("yes", np.bool_(True))]))
    assert [f.node for f in found if f.severity == "error"] == ["inner", "inner"]


def test_operator_lists_agree_with_the_parser():
    trt = pytest.importorskip("tensorrt_rtx_bindings")
    from restorect_edge.targets.tensorrt.build_engine import logger_of

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
    found = only(tensorrt(relu(shape=shape), profile=profile))
    assert (found.severity, found.rule, found.node) == ("error", "free-sides", "image")
    assert message in str(found)


def test_inputs_and_outputs_are_float32():
    found = tensorrt(relu(kind=TensorProto.FLOAT16))
    assert [f.node for f in found] == ["image", "restored"]
    assert rules(found) == {"type"}
    assert "is float16; keep inputs and outputs float32" in str(found[0])


def test_float64_constant():
    add = helper.make_node("Add", ["image", "offset"], ["restored"])
    found = only(tensorrt(model([add], [("offset", np.float64(0.1))])))
    assert (found.rule, found.node) == ("type", "offset")
    assert "store it as float32" in str(found)


def test_int64_data_is_a_warning():
    nodes = [
        helper.make_node("Cast", ["table"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["image", "t"], ["restored"]),
    ]
    found = only(tensorrt(model(nodes, [("table", np.arange(16))])))
    assert (found.severity, found.rule, found.node) == ("warning", "wide-weight", "table")
    assert "is int64 of shape (16,) and used as data" in str(found)


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
    assert tensorrt(model(nodes, constants)) == []


@pytest.mark.parametrize(
    ("fault", "rule", "node", "message"),
    [
        ({"zero_point": np.int8(5)}, "zero-point", "quantize", "has zero point [5], TensorRT is symmetric"),
        ({"zero_point": np.uint8(0)}, "dtype", "quantize", "is uint8, which TensorRT reads as int8"),
        ({"zero_point": None}, "zero-point", "quantize", "has no zero point: ONNX reads it as uint8"),
        ({"after": "other"}, "pair", "dequantize", "its scale is not the one of quantize"),
        ({"scale": np.float32(0)}, "scale", "quantize", "not above zero and finite; calibrate again"),
        ({"scale": np.float32("nan")}, "scale", "quantize", "not above zero and finite"),
        ({"scale": np.float32("inf")}, "scale", "quantize", "not above zero and finite"),
        (
            {"weight_scale": np.array([0.1, 0.1, 0.1, np.nan], np.float32)},
            "scale",
            "weight",
            "not above zero and finite",
        ),
        (
            {"scale": np.full(3, 0.02, np.float32), "zero_point": np.zeros(3, np.int8)},
            "granularity",
            "dequantize",
            "quantizes an activation with 3 scales; use one",
        ),
        (
            {"weight_axis": 1, "weight_scale": np.full(3, 0.01, np.float32)},
            "axis",
            "weight",
            "scales a Conv weight along axis 1; quantize along axis 0",
        ),
        ({"bias": True}, "dtype", "bias", "is int32, TensorRT takes int8 alone; leave biases in float32"),
    ],
)
def test_quantization_faults(fault, rule, node, message):
    findings = tensorrt(quantized(**fault))
    assert rules(findings) == {rule}
    assert {f.severity for f in findings} == {"error"}
    assert any(f.node == node and message in str(f) for f in findings), findings


def test_a_negative_axis_counts_from_the_end():
    assert tensorrt(quantized(weight_axis=-4)) == []


def test_elsewhere_faults_of_quantization_are_warnings_and_the_parser_has_no_say():
    found = lint(quantized(zero_point=np.uint8(0)))
    assert {(f.rule, f.severity) for f in found} == {("dtype", "warning")}
    assert lint(relu(opset=21, shape=["n", 3, "height", "width"])) == []


def test_outside_of_tensorrt_int8_may_be_written_as_uint8():
    shifted = quantized(zero_point=np.uint8(128))
    assert lint(shifted) == []
    assert rules(tensorrt(shifted)) == {"zero-point", "dtype"}


def test_outside_of_tensorrt_a_pair_may_clip_its_bytes():
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"], name="quantize"),
        helper.make_node("Clip", ["q", "zero"], ["clipped"], name="relu"),
        helper.make_node("DequantizeLinear", ["clipped", "scale", "zero"], ["restored"], name="dequantize"),
    ]
    clipping = model(nodes, [("scale", np.float32(0.1)), ("zero", np.int8(0))])
    assert lint(clipping) == []
    assert "pair" in rules(tensorrt(clipping))


def float_convolution(name="encode.weight", *, data="image"):
    nodes = [
        *pair("image", "x"),
        *convolution("x", "a"),
        helper.make_node("Conv", ["x" if data == "x" else "a", name], ["b"], name="float", pads=[1] * 4),
        *pair("b", "restored"),
    ]
    constants = [*PAIR.items(), *WEIGHT.items(), (name, np.ones((3, 3, 3, 3), np.float32))]
    return model(nodes, constants)


def test_a_float_convolution_in_a_quantized_graph():
    found = only(tensorrt(float_convolution()))
    assert (found.rule, found.node) == ("float-convolution", "float")
    assert "its data and weight come without a dequantizer" in found.message
    assert "its weight come" in only(tensorrt(float_convolution(data="x"))).message
    nodes = [*convolution("image", "a"), *pair("a", "restored")]
    found = only(tensorrt(model(nodes, [*PAIR.items(), *WEIGHT.items()])))
    assert (found.rule, found.node) == ("float-convolution", "conv_a")
    assert "its data come" in found.message


@pytest.mark.parametrize(
    ("weight", "excluded"),
    [
        ("body.encode.weight", "body.encode"),
        ("body.encode_weight", "body.encode"),
        ("encode_weight", "body.encode"),
        ("prior.flow.out.weight", "prior"),
    ],
)
def test_modules_that_stay_float_on_purpose(weight, excluded):
    assert tensorrt(float_convolution(weight), excluded=[excluded]) == []


@pytest.mark.parametrize("excluded", ["body.enc", "encode", "prior"])
def test_other_modules_are_not_excused(excluded):
    found = only(tensorrt(float_convolution("body.encode.weight"), excluded=[excluded]))
    assert found.rule == "float-convolution"


def test_float_graphs_may_convolve_in_float():
    nodes = [helper.make_node("Conv", ["image", "w"], ["restored"], pads=[1] * 4)]
    assert tensorrt(model(nodes, [("w", np.ones((3, 3, 3, 3), np.float32))])) == []
    stored = convolution("image", "restored")
    assert tensorrt(model(stored, WEIGHT.items())) == []


@pytest.mark.parametrize(
    ("first", "second"), [("pa", "pb"), ("x", "pa"), ("a", "x"), ("a", "pb"), ("shuffled", "x"), ("pb", "a")]
)
def test_residual_adds_with_their_pairs(first, second):
    """The output of a convolution needs none: the add is part of its kernel."""
    assert tensorrt(residual(first, second)) == []


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("ra", "pb"), ("x", "ra"), ("a", "image")])
def test_residual_adds_without_a_pair(first, second):
    found = only(tensorrt(residual(first, second)))
    assert (found.rule, found.node) == ("residual", "add")
    assert "in float between quantized convolutions" in found.message


def test_an_output_that_is_read_elsewhere_cannot_be_part_of_the_kernel():
    nodes = [
        *pair("image", "x"),
        *convolution("x", "a"),
        helper.make_node("Add", ["a", "x"], ["sum"], name="add"),
        *pair("sum", "s"),
        helper.make_node("Mul", ["a", "s"], ["restored"]),
    ]
    found = only(tensorrt(model(nodes, [*PAIR.items(), *WEIGHT.items()])))
    assert (found.rule, found.node) == ("residual", "add")


def test_an_add_of_the_image_path_is_not_residual():
    nodes = [
        *pair("image", "x"),
        *convolution("x", "a"),
        helper.make_node("Add", ["image", "a"], ["restored"], name="add"),
    ]
    assert tensorrt(model(nodes, [*PAIR.items(), *WEIGHT.items()])) == []


def test_the_exclusions_of_a_plan(tmp_path):
    plan = tmp_path / "quantization.json"
    assert excluded_modules(plan) == ()
    plan.write_text(json.dumps({"excluded": [{"name": "prior", "why": "x"}, {"name": "body.exposure"}]}))
    assert excluded_modules(plan) == ("prior", "body.exposure")


def test_missing_halves_of_a_pair():
    constants = [("scale", np.float32(0.1)), ("zero", np.int8(0))]
    alone = helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"], name="alone")
    cast = helper.make_node("Cast", ["q"], ["restored"], to=TensorProto.FLOAT)
    assert "does not go to DequantizeLinear alone" in str(only(tensorrt(model([alone, cast], constants))))
    nodes = [
        helper.make_node("Cast", ["image"], ["q"], to=TensorProto.INT8),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["restored"], name="orphan"),
    ]
    found = only(tensorrt(model(nodes, constants)))
    assert (found.rule, found.node) == ("pair", "orphan")
    assert "no QuantizeLinear's output" in str(found)


@pytest.mark.parametrize(
    ("computed", "message"), [(1, "its scale is not a constant"), (2, "zero point is computed")]
)
def test_computed_quantization_parameters(computed, message):
    inputs = ["image", "scale", "zero"]
    inputs[computed] = "computed"
    nodes = [
        helper.make_node("Identity", [("scale", "zero")[computed - 1]], ["computed"]),
        helper.make_node("QuantizeLinear", inputs, ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", *inputs[1:]], ["restored"], name="dequantize"),
    ]
    found = tensorrt(model(nodes, [("scale", np.float32(0.1)), ("zero", np.int8(0))]))
    assert {f.node for f in found} == {"quantize", "dequantize"}
    assert rules(found) == {("scale", "zero-point")[computed - 1]}
    assert all(message in str(f) for f in found)


def test_errors_come_first_and_old_initialiser_inputs_are_not_inputs():
    nodes = [
        helper.make_node("Cast", ["table"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["image", "t"], ["restored"], domain="com.example"),
    ]
    graph = model(nodes, [("table", np.arange(16))], domains=["com.example"])
    graph.graph.input.append(helper.make_tensor_value_info("table", TensorProto.INT64, ["n"]))
    assert [f.severity for f in tensorrt(graph)] == ["error", "warning"]
