"""Operations are assigned to modules by the weights they read and by what lies around them."""

import pytest

from restorect_edge.inference.profiling.graph import Operation, common, module_of_weight, place
from restorect_edge.inference.profiling.source import source_of


def op(name, kind, reads, *weights, sources=()):
    return Operation(
        name=name, kind=kind, reads=tuple(reads), gives=(f"{name}.out",), weights=weights, sources=sources
    )


RESIDUAL = [
    op("enter", "Conv", ["image"], "body.enter.weight", "body.enter.bias"),
    op("first", "Conv", ["enter.out"], "body.block.0.first.weight"),
    op("relu", "Relu", ["first.out"]),
    op("unpack", "DequantizeLinear", [], "body.block.0.second.weight", "scale"),
    op("second", "Conv", ["relu.out", "unpack.out"]),
    op("sum", "Add", ["enter.out", "second.out"]),
    op("up", "Conv", ["sum.out"], "body.up.weight"),
    op("shuffle", "DepthToSpace", ["up.out"]),
    op("skip", "Add", ["enter.out", "shuffle.out"]),
    op("leave", "Conv", ["skip.out"], "body.leave.weight"),
    op("clip", "Clip", ["leave.out"]),
]


@pytest.fixture
def source():
    return source_of(RESIDUAL, "whole", {})


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("enter", "body.enter"),
        ("first", "body.block.0.first"),
        ("relu", "body.block.0"),
        ("second", "body.block.0.second"),
        ("sum", "body.block.0"),
        ("shuffle", "body"),
        ("skip", "body"),
        ("clip", "body"),
    ],
)
def test_a_residual_network(source, name, module):
    assert source.placement.modules[name] == module


@pytest.mark.parametrize(
    ("executed", "module"),
    [
        (op("relu.out_nchwc", "Conv", []), "body.block.0.first"),
        (op("second_token_17", "QLinearConv", []), "body.block.0.second"),
        (op("x", "Convolution", [], sources=("up/WithoutBiases", "shuffle")), "body.up"),
        (op("sum/duplicated", "Add", []), "body.block.0"),
        (op("Reorder_3", "Reorder", []), None),
    ],
)
def test_renamed_and_fused_operations_are_recognised(source, executed, module):
    assert source.module(executed) == module


def test_a_new_layout_belongs_to_who_asked_for_it():
    executed = [
        op("a", "Conv", ["image"]),
        op("out", "ReorderOutput", ["a.out"]),
        op("middle", "Mul", ["out.out"]),
        op("in", "ReorderInput", ["middle.out"]),
        op("b", "Conv", ["in.out"]),
    ]
    placed = place(executed, {"a": "net.a", "b": "net.b"}).modules
    assert (placed["out"], placed["middle"], placed["in"]) == ("net.a", "net", "net.b")


def test_what_no_weights_lie_around_is_not_assigned():
    assert place([op("abs", "Abs", ["image"])], {}).modules == {}


@pytest.mark.parametrize(
    ("name", "role", "module"),
    [
        ("body.encode1.0.first.weight", "whole", "body.encode1.0.first"),
        ("encode1.0.first.weight", "body", "body.encode1.0.first"),
        ("body.encode1_0_first_weight", "whole", "body.encode1.0.first"),
        ("encode1_0_first_weight", "body", "body.encode1.0.first"),
        ("prior.flow.out.weight.scale", "whole", "prior.flow.out"),
        ("val_71", "whole", None),
        ("val_71", "body", None),
        ("Constant_8174", "prior", None),
    ],
)
def test_names_of_weights(name, role, module):
    planned = {"body_encode1_0_first_weight": "body.encode1.0.first.weight"}
    assert module_of_weight(name, role, planned) == module


def test_the_innermost_module_that_holds_all():
    assert common(["body.a.0", "body.a.1"]) == "body.a"
    assert common(["body.a", "body.ab"]) == "body"
    assert common(["prior", "body"]) == ""
    assert common([]) == ""
