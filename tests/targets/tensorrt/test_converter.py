"""The TensorRT target: ONNX, script and proof for real, with the nano student."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from restorect_edge.errors import BackendError, MissingDependencyError
from restorect_edge.export.options import ExportOptions
from restorect_edge.models import build
from restorect_edge.models.tracing.graph import trace_split, trace_whole
from restorect_edge.quantization.lint.rules import FLOAT_BY_RULE, Finding, tolerated
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.onnx.half import SMALLEST_STORED, store_half
from restorect_edge.targets.tensorrt import build_engine
from restorect_edge.targets.tensorrt import converter as tensorrt
from restorect_edge.targets.tensorrt.lint import lint

pytest.importorskip("tensorrt_rtx_bindings")

SPEC = ImageSpec(size=SizeRequirements(minimum=8, multiple_of=8))
METADATA = {"restorect_edge.multiple_of": "8"}


@pytest.fixture(scope="session")
def student():
    return build("nano").deploy()


@pytest.fixture(scope="session")
def graph(student):
    (whole,) = trace_whole(student, SPEC, [(64, 96)], False)
    return whole


def export(graphs, folder, **options):
    chosen = ExportOptions(metadata=METADATA, **options)
    files = [tensorrt.convert(graph, folder, chosen) for graph in graphs]
    return files, tensorrt.finish(folder, files, chosen)


def check_proof(notes, graphs):
    proof = notes["tensorrt_rtx"]
    assert proof["version"].startswith("TensorRT-RTX 1.")
    assert proof["compute_capabilities"] == ["8.6", "8.9"]
    assert proof["parser_warnings"] == []
    assert sorted(proof["graphs"]) == sorted(graphs)
    for key in ("layers", "engine_bytes"):
        assert proof[key] == sum(graph[key] for graph in proof["graphs"].values()) > 0
    assert notes["lint"] == []
    assert notes["device"] == "not run on device"
    assert notes["verified"].endswith("built its engine for SM 8.6 and 8.9")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_whole(graph, tmp_path, precision):
    files, notes = export([graph], tmp_path, precision=precision)
    check_proof(notes, ["model.onnx"])
    assert files == [tmp_path / "model.onnx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["build_engine.py", "model.onnx"]
    assert (tmp_path / "build_engine.py").read_bytes() == Path(build_engine.__file__).read_bytes()
    kinds = {tensor.data_type for tensor in onnx.load(files[0]).graph.initializer}
    assert (TensorProto.FLOAT16 in kinds) == (precision == "fp16")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_free_sides(student, tmp_path, precision):
    graphs = list(trace_whole(student, SPEC, [(64, 96)], True))
    _, notes = export(graphs, tmp_path, dynamic=True, precision=precision)
    check_proof(notes, ["model.onnx"])


def test_split(student, tmp_path):
    _, notes = export(list(trace_split(student, SPEC, [(64, 64)], False)), tmp_path)
    check_proof(notes, ["prior.onnx", "body.onnx"])


def test_without_the_extra(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorrt, "MODULE", "no_tensorrt_rtx")
    with pytest.raises(MissingDependencyError, match="TensorRT export needs the extra 'tensorrt'") as caught:
        tensorrt.convert(graph, tmp_path, ExportOptions())
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingDependencyError, match="no_tensorrt_rtx"):
        tensorrt.finish(tmp_path, [], ExportOptions())


def planted(path, nodes, constants=(), opset=18):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("restored", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10), path)
    return path


@pytest.fixture
def uint8(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "s", "z"], ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["restored"]),
    ]
    return planted(tmp_path / "model.onnx", nodes, [("s", np.float32(0.1)), ("z", np.uint8(0))])


def test_lint_errors_stop_the_export(uint8, tmp_path):
    with pytest.raises(BackendError, match=r"'model\.onnx' as meant \(2 findings\): quantize: is uint8"):
        tensorrt.finish(tmp_path, [uint8], ExportOptions())
    assert not (tmp_path / "build_engine.py").exists()


def test_parser_warnings_stop_the_export(uint8, tmp_path, monkeypatch):
    monkeypatch.setattr(tensorrt, "_lint", lambda file, directory, options: [])
    with pytest.raises(BackendError, match=r"warns about 'model\.onnx': .*Defaulting to INT8"):
        tensorrt.finish(tmp_path, [uint8], ExportOptions())


def test_parser_errors_stop_the_export(tmp_path, monkeypatch):
    source = planted(tmp_path / "model.onnx", [helper.make_node("Det", ["image"], ["restored"], name="d")])
    monkeypatch.setattr(tensorrt, "_lint", lambda file, directory, options: [])
    with pytest.raises(BackendError, match="UNSUPPORTED_NODE at Det 'd'"):
        tensorrt.finish(tmp_path, [source], ExportOptions())


def test_lint_warnings_are_reported(tmp_path):
    nodes = [
        helper.make_node("Cast", ["table"], ["t"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["image", "t"], ["restored"]),
    ]
    source = planted(tmp_path / "model.onnx", nodes, [("table", np.arange(16))])
    (warning,) = tensorrt.finish(tmp_path, [source], ExportOptions())["lint"]
    assert (warning["file"], warning["severity"], warning["node"]) == ("model.onnx", "warning", "table")


@pytest.mark.parametrize("channels", [8, SMALLEST_STORED])
def test_scales_of_many_channels_stay_constants(channels):
    """A quantized 1×1 convolution; its scales are as many as are stored in half elsewhere."""
    weight = np.ones((channels, 3, 1, 1), np.int8)
    scales = np.full(channels, 0.5, np.float32)
    tensors = {
        "w": weight,
        "s": scales,
        "z": np.zeros(channels, np.int8),
        "one": np.float32(1),
        "zero": np.int8(0),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "one", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "one", "zero"], ["x"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["weight"], axis=0),
        helper.make_node("Conv", ["x", "weight"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "planted",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    store_half(model)
    assert lint(model) == []


@pytest.mark.parametrize(("why", "severity"), [(FLOAT_BY_RULE, "warning"), ("it cost more", "error")])
def test_float_between_quantized_layers_is_a_warning_where_a_plan_says_so_by_rule(tmp_path, why, severity):
    plan = tmp_path / "quantization.json"
    plan.write_text(json.dumps({"excluded": [{"name": "body (add)", "operation": "add", "why": why}]}))
    found = Finding(severity="error", rule="residual", node="add", message="adds in float", mend="quantize")
    other = replace(found, rule="dtype")
    assert [f.severity for f in tolerated([found, other], plan)] == [severity, "error"]
    assert tolerated([found], tmp_path / "none.json") == [found]
