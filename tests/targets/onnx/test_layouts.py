"""INT8 graphs arranged for ONNX Runtime: fewer and cheaper steps, the same values."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.targets.onnx.layouts import arrange, hold_layout

RNG = np.random.default_rng(0)
HALF = "half"


class Body:
    """A graph as a student has it: unshuffle, convolve, up by a shuffle of bytes, convolve to floats."""

    def __init__(self, *, sides=(8, 12), perm=(0, 1, 3, 5, 2, 4), mode="CRD", stride=1, stored=np.float32):
        self.nodes, self.tensors = [], {}
        self.constant("zero", np.uint8(128))
        self.constant("tall", np.array([1, 3, sides[0] // 2, 2, sides[1] // 2, 2], np.int64))
        self.constant("flat", np.array([1, 12, sides[0] // 2, sides[1] // 2], np.int64))
        self.node("Reshape", ["image", "tall"], "six")
        self.node("Transpose", ["six"], "places", perm=list(perm))
        self.node("Reshape", ["places", "flat"], "small")
        # eighths, so that sums are exact in any order
        self.constant("enter_w", RNG.integers(-8, 8, (8, 12, 3, 3)).astype(stored) / stored(8))
        entered = "enter_w"
        if stored != np.float32:
            self.node("Cast", ["enter_w"], "enter_wide", to=TensorProto.FLOAT)
            entered = "enter_wide"
        self.node("Conv", ["small", entered], "entered", pads=[1] * 4, strides=[stride] * 2)
        self.weights("up", (16, 8, 1, 1))
        self.node("Conv", [self.pair("entered", 0.5), "up", "up_b"], "risen")
        self.node("DepthToSpace", [self.pair("risen", 0.25)], "shuffled", mode=mode, blocksize=2)
        self.weights("leave", (3, 4, 3, 3))
        self.node("Conv", [self.pair("shuffled", 0.25), "leave", "leave_b"], "restored", pads=[1] * 4)
        shape = [1, 3, *sides]
        self.model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "body",
                [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
                [helper.make_tensor_value_info("restored", TensorProto.FLOAT, [1, 3, None, None])],
                [numpy_helper.from_array(np.asarray(v), name) for name, v in self.tensors.items()],
            ),
            opset_imports=[helper.make_opsetid("", 18)],
            ir_version=9,
        )

    def constant(self, name, value):
        self.tensors[name] = value

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))

    def weights(self, name, shape):
        self.constant(f"{name}_w", RNG.integers(-60, 60, shape, np.int8))
        self.constant(f"{name}_s", (2.0 ** -RNG.integers(5, 9, shape[0])).astype(np.float32))
        self.constant(f"{name}_z", np.zeros(shape[0], np.int8))
        self.constant(f"{name}_b", RNG.integers(-8, 8, shape[0]).astype(np.float32) / np.float32(8))
        self.node("DequantizeLinear", [f"{name}_w", f"{name}_s", f"{name}_z"], name, axis=0)

    def pair(self, name, scale):
        self.constant(f"{name}_s", np.float32(scale))
        self.node("QuantizeLinear", [name, f"{name}_s", "zero"], f"{name}_q")
        self.node("DequantizeLinear", [f"{name}_q", f"{name}_s", "zero"], f"{name}_dq")
        return f"{name}_dq"


def run(model, *, literal=True):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if literal:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (image,) = session.get_inputs()
    eighths = np.random.default_rng(1).integers(0, 8, image.shape).astype(np.float32) / np.float32(8)
    return session.run(None, {"image": eighths})[0]


def arranged(model):
    found = onnx.ModelProto()
    found.CopyFrom(model)
    arrange(found)
    onnx.checker.check_model(found, full_check=True)
    return found


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("literal", [True, False])
@pytest.mark.parametrize("options", [{}, {"stored": np.float16}, {"sides": (16, 4)}])
def test_the_values_are_the_same(options, literal):
    model = Body(**options).model
    assert np.array_equal(run(arranged(model), literal=literal), run(model, literal=literal))


def test_unshuffling_becomes_part_of_the_convolution():
    found = arranged(Body().model)
    (enter,) = [node for node in found.graph.node if node.output[0] == "entered"]
    assert enter.input[0] == "image"
    assert next(a.ints for a in enter.attribute if a.name == "kernel_shape") == [6, 6]
    assert kinds(found)["DepthToSpace"] == 0


def test_weights_of_a_convolution_to_floats_are_floats():
    found = arranged(Body().model)
    (leave,) = [node for node in found.graph.node if node.output[0] == "restored"]
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in found.graph.initializer}
    assert tensors[leave.input[1]].dtype == np.float32
    (up,) = [node for node in found.graph.node if node.output[0] == "risen"]
    assert up.input[1] not in tensors


@pytest.mark.parametrize(
    ("options", "output"),
    [
        ({"perm": (0, 1, 5, 3, 2, 4)}, "places"),
        ({"sides": (16, 16), "stride": 2}, "places"),
        ({"mode": "DCR"}, "shuffled"),
    ],
)
def test_another_form_is_left_alone(options, output):
    model = Body(**{"sides": (8, 8), **options}).model
    found = arranged(model)
    before, after = ([n for n in each.graph.node if n.output[0] == output] for each in (model, found))
    assert before == after
    assert np.array_equal(run(found), run(model))


def test_levels_become_planes_by_a_transposition_in_two_dimensions():
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["restored"], to=TensorProto.FLOAT),
    ]
    value = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "h", "w", 3]),
        helper.make_tensor_value_info("restored", TensorProto.FLOAT, [1, 3, None, None]),
    ]
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(
        helper.make_graph(nodes, "g", value[:1], value[1:]), opset_imports=opset, ir_version=9
    )
    hold_layout(model)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = RNG.integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    assert np.array_equal(session.run(None, {"image": image})[0], image.transpose(0, 3, 1, 2))
    (moved,) = [node for node in model.graph.node if node.op_type == "Transpose"]
    assert list(moved.attribute[0].ints) == [1, 0]


def test_a_float_graph_stays_as_it_is():
    nodes = [helper.make_node("Relu", ["image"], ["restored"])]
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 4, 4]) for n in ("image", "restored")]
    model = helper.make_model(helper.make_graph(nodes, "g", value[:1], value[1:]))
    assert arranged(model) == model
