"""Profiles by the real backends: all of the time is accounted for, under names of the source."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorect_edge.bench.profile import BETWEEN, NOT_MAPPED, Profile, profile
from restorect_edge.errors import UsageError
from restorect_edge.inference.profiling.base import Timed
from restorect_edge.inference.profiling.source import source_of
from restorect_edge.targets.onnx.profiler import onnx_operations
from restorect_edge.targets.tensorrt.profiler import layer_module

CONVOLUTIONS = {"body.enter", "body.encode1.0.first", "body.encode1.0.second", "body.down2", "body.leave"}


@pytest.mark.parametrize(
    ("artifact", "runtime"),
    [
        ("artifact_onnx", "onnxruntime"),
        ("artifact_onnx", "openvino"),
        ("artifact_openvino", "openvino"),
        ("artifact_split", "onnxruntime"),
        pytest.param("artifact_int8", "onnxruntime", marks=pytest.mark.cpu),
    ],
)
def test_modules_of_an_artifact(request, photo, artifact, runtime):
    path = request.getfixturevalue(artifact).path
    check(profile(path, [photo], runtime=runtime, threads=1, runs=3, warm_up=1))


def test_modules_of_weights(photo):
    found = profile("lowlight-small", [photo], threads=1, runs=2, warm_up=1)
    check(found)
    assert "body.encode1.0.activate" in found.modules_ms


def check(found):
    modules = found.modules_ms
    assert modules.keys() >= CONVOLUTIONS
    assert any(name.startswith("prior.") for name in modules)
    assert not any(name.endswith(("weight", "bias")) for name in modules)
    assert found.not_mapped < 0.02
    assert all(ms > 0 for ms in modules.values())
    assert sum(modules.values()) == pytest.approx(max(found.total_ms, sum(op.ms for op in found.operations)))
    assert found.operations[0].ms == max(op.ms for op in found.operations)
    text = found.as_markdown(most=3)
    assert "`body.encode1.0.first`" in text
    assert "not mapped" in text


def test_only_runs_after_the_warm_up_count(artifact_onnx, photo):
    few, many = (profile(artifact_onnx.path, [photo], threads=1, runs=2, warm_up=n) for n in (0, 8))
    assert len(few.operations) == len(many.operations)
    assert sum(op.ms for op in many.operations) <= many.total_ms * 1.05


def test_a_runtime_without_profiler(artifact_coreml, photo):
    with pytest.raises(UsageError, match="'mil' has no profiler; these have: torch, onnx"):
        profile(artifact_coreml.path, [photo], runtime="mil")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("lowlight-small", {"runtime": "openvino"}, "export it for 'openvino' first"),
        ("ARTIFACT", {"runtime": "torch"}, "does not run onnx artifacts; these do: onnxruntime, openvino"),
        ("ARTIFACT", {"runs": 0}, "at least 1 run, got 0"),
    ],
)
def test_what_cannot_be_profiled(artifact_onnx, photo, source, options, message):
    with pytest.raises(UsageError, match=message):
        profile(artifact_onnx.path if source == "ARTIFACT" else source, [photo], **options)


def test_images_of_one_size(artifact_onnx, photo):
    with pytest.raises(UsageError, match="images of one size, got 32x56, 40x56"):
        profile(artifact_onnx.path, [photo, photo[:32]])


@given(st.lists(st.tuples(st.sampled_from(["a.b", "a", None]), st.floats(0.01, 10)), min_size=1))
def test_the_parts_make_the_whole(pieces):
    operations = tuple(Timed(name=str(i), kind="x", module=m, ms=t) for i, (m, t) in enumerate(pieces))
    sum_ms = sum(t for _, t in pieces)
    found = Profile(
        source="s", provider="p", shape=(8, 8), images=1, operations=operations, total_ms=sum_ms + 1
    )
    assert sum(found.modules_ms.values()) == pytest.approx(sum_ms + 1)
    assert found.modules_ms[BETWEEN] == pytest.approx(1)
    assert (NOT_MAPPED in found.modules_ms) == any(module is None for module, _ in pieces)


@pytest.mark.parametrize(
    ("layer", "module"),
    [
        ("FIRST + node_relu", "body.encode1.0.first"),
        ("SECOND + ADD", "body.encode1.0.second"),
        ("{ForeignNode[FIRST...SECOND]}", "body.encode1.0"),
        ("Reformatting CopyNode for Input Tensor 0 to DOWN", "body.down2"),
        ("[HostToDeviceCopy 0]", None),
    ],
)
def test_layers_of_tensorrt(artifact_onnx, layer, module):
    """Names made up in the style of its layers, none recorded: TensorRT itself does not run here."""
    graph = artifact_onnx.path / artifact_onnx.manifest.graphs[0].file
    source = source_of(onnx_operations(graph), "whole", {})
    operations = source.placement.operations
    convolutions = {op.weights[0]: op for op in operations if op.weights and op.kind == "Conv"}
    second = convolutions["body.encode1.0.second.weight"]
    names = {
        "FIRST": convolutions["body.encode1.0.first.weight"].name,
        "SECOND": second.name,
        "ADD": next(op.name for op in operations if op.kind == "Add" and second.gives[0] in op.reads),
        "DOWN": convolutions["body.down2.weight"].name,
    }
    for word, name in names.items():
        layer = re.sub(rf"\b{word}\b", name, layer)
    assert layer_module(layer, source) == module
