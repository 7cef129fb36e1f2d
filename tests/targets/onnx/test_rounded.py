"""Float16 graphs in half arithmetic: each result rounded once, as a device rounds it."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from restorect_edge.targets.onnx.rounded import rounded

F16, F32 = TensorProto.FLOAT16, TensorProto.FLOAT
IMAGE = np.linspace(0.01, 1.0, 2 * 3, dtype=np.float32).reshape(1, 1, 2, 3)


def model(nodes, *initializers):
    """A graph image → restored in float32 around `nodes`, which make half `y` of half `x`."""
    into = helper.make_node("Cast", ["image"], ["x"], to=F16)
    out = helper.make_node("Cast", ["y"], ["restored"], to=F32)
    ends = [helper.make_tensor_value_info(name, F32, [1, 1, 2, 3]) for name in ("image", "restored")]
    graph = helper.make_graph([into, *nodes, out], "half", ends[:1], ends[1:], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def constant(value):
    return helper.make_tensor("c", F16, [], [value])


def run(graph, *, optimised=False):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, {"image": IMAGE})[0]


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ("Mul", "Div", 6.0e4),  # beyond 65504 after the second factor
        ("Add", "Sub", 1000.0),  # digits lost
        ("Div", "Mul", 6.0e4),  # below the smallest
        ("Pow", "Sqrt", 2.0),
    ],
)
@pytest.mark.parametrize("optimised", [False, True])
def test_results_are_those_of_torch_in_half(first, second, value, optimised):
    nodes = [
        helper.make_node("Mul", ["x", "k"], ["w"]),
        helper.make_node(first, ["w", "c"], ["v"]),
        helper.make_node(second, ["v"] if second == "Sqrt" else ["v", "c"], ["y"]),
    ]
    graph = model(nodes, constant(value), helper.make_tensor("k", F16, [], [300.0]))
    onnx.checker.check_model(graph)
    x, c = torch.from_numpy(IMAGE).half() * 300.0, torch.tensor(value).half()
    functions = {"Mul": torch.mul, "Div": torch.div, "Add": torch.add, "Sub": torch.sub, "Pow": torch.pow}
    made = functions[first](x, c)
    expected = (made.sqrt() if second == "Sqrt" else functions[second](made, c)).float().numpy()
    np.testing.assert_array_equal(run(rounded(graph), optimised=optimised), expected)


def test_without_it_nothing_overflows():
    nodes = [helper.make_node("Mul", ["x", "c"], ["v"]), helper.make_node("Mul", ["v", "c"], ["w"])]
    graph = model([*nodes, helper.make_node("Div", ["w", "c"], ["y"])], constant(6.0e4))
    assert np.isfinite(run(graph, optimised=True)).all()
    assert np.isinf(run(rounded(graph))).all()


def test_operations_inside_branches_are_rounded_too():
    def branch(operation):
        node = helper.make_node(operation, ["v", "c"], [f"{operation}-y"])
        return helper.make_graph(
            [node], operation, [], [helper.make_tensor_value_info(f"{operation}-y", F16, None)]
        )

    flag = helper.make_tensor("flag", TensorProto.BOOL, [], [True])
    nodes = [
        helper.make_node("Mul", ["x", "c"], ["v"]),
        helper.make_node("If", ["flag"], ["y"], then_branch=branch("Mul"), else_branch=branch("Div")),
    ]
    assert np.isinf(run(rounded(model(nodes, constant(6.0e4), flag)))).any()


def test_the_graph_itself_is_left_as_it_is():
    graph = model([helper.make_node("Mul", ["x", "c"], ["y"])], constant(2.0))
    before = graph.SerializeToString()
    rounded(graph)
    assert graph.SerializeToString() == before
