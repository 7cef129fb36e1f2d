"""INT8 for every target, for real: one calibration, the same numbers everywhere."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from safetensors.torch import save_file

import restorect_edge
from restorect_edge.artifact import Artifact
from restorect_edge.cli.export import main
from restorect_edge.errors import QualityError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.export.verify.check import GATES, check, find_reference, photographs, verify
from restorect_edge.media.photos import photos
from restorect_edge.models import build
from restorect_edge.quantization.lint.rules import excluded_modules, lint
from restorect_edge.quantization.plan import PLAN_FILE
from restorect_edge.targets.registry import backend_class, resolve
from restorect_edge.targets.tensorrt.lint import lint as strict_lint

for library in ("nncf", "torchao", "openvino", "coremltools", "tensorrt_rtx_bindings", "litert_torch"):
    pytest.importorskip(library)

SHAPE = (64, 96)
LARGEST = {"onnx": 0.35, "tensorrt": 0.35, "openvino": 0.40, "coreml": 0.36, "litert": 0.36}
"""Most bytes of native files, as a share of the float32 weights; IR and ML Program spell graphs at length."""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """One INT8 artifact per target, from one calibration on sixteen photographs."""
    plan = prepare(
        "lowlight-small",
        ["onnx", "openvino", "tensorrt", "coreml", "litert"],
        ExportRequest(
            precision="int8",
            shapes=[SHAPE],
            num_calib=16,
            output_dir=tmp_path_factory.mktemp("int8"),
        ),
    )
    said = []
    made = plan.run(progress=said.append)
    assert "calibrating INT8 on 16 photographs (shipped set 'lowlight')" in said
    return {artifact.manifest.target: artifact for artifact in made}


def float_bytes(artifact):
    from restorect_edge.models.weights import load_weights

    network = load_weights("lowlight-small", steps=artifact.manifest.steps).network
    return 4 * sum(p.numel() for p in network.parameters())


TARGETS = pytest.mark.parametrize("target", ["onnx", "openvino", "tensorrt", "coreml", "litert"])


@TARGETS
def test_verification_records_float_and_quantized_agreement(artifacts, target):
    record = artifacts[target].manifest.verification
    assert record["status"] == "pass"
    assert record["gate"] == GATES["int8"] == 30.0
    assert GATES["int8"] <= record["psnr"] < 80.0
    assert record["agreement"] >= resolve(target).agreement
    assert abs(record["psnr_drop"]) < 1.0
    assert record["flat_offset"] <= 2.0
    assert record["color_offset"] > 0.0
    if target in ("onnx", "tensorrt"):
        assert "graph optimizations off" in record["by"]
        # 52.5 measured: one activation that rounds the other way counts in so small a picture
        assert record["agreement"] > 50.0


@TARGETS
def test_the_plan_is_in_the_artifact_and_hashed(artifacts, target):
    artifact = artifacts[target]
    assert PLAN_FILE in artifact.manifest.files
    text = (artifact.path / PLAN_FILE).read_text(encoding="utf-8")
    assert text == (artifacts["onnx"].path / PLAN_FILE).read_text(encoding="utf-8")
    plan = json.loads(text)
    assert (plan["images"], plan["seed"]) == (16, 0)
    assert len(plan["calibration_sha256"]) == 64


def test_pictures_are_those_of_the_task(tmp_path):
    weights = tmp_path / "sea.safetensors"
    save_file(build("nano").state_dict(), weights)
    card = {"name": "sea", "preset": "nano", "task": "underwater", "flow_steps": [1]}
    weights.with_suffix(".json").write_text(json.dumps(card))
    options = {"precision": "int8", "num_calib": 2, "max_psnr_drop": 9.0}
    said: list[str] = []
    artifact = restorect_edge.export(
        weights, target="onnx", shapes=[SHAPE], output_dir=tmp_path, progress=said.append, **options
    )
    assert "calibrating INT8 on 2 photographs (shipped set 'underwater')" in said
    assert all("-underwater" in name for name in photographs(artifact))
    assert artifact.manifest.verification["psnr_drop"] is not None
    golden = sorted(path.name for path in (artifact.path / "golden").glob("*-in.png"))
    assert golden == ["kodak04-underwater-in.png", "kodak07-underwater-in.png"]


@TARGETS
def test_load_runs_it(artifacts, target):
    photo = next(iter(photos(SHAPE).values()))
    name = "onnxruntime" if target == "tensorrt" else None
    with restorect_edge.load(artifacts[target].path, runtime=name) as runtime:
        restored = runtime(photo)
    assert restored.shape == (*SHAPE, 3)
    assert restored.dtype == np.uint8
    assert restored.mean() > photo.mean()


def test_the_targets_agree(artifacts):
    outputs = {}
    for target, name in (
        ("onnx", "onnxruntime"),
        ("tensorrt", "onnxruntime"),
        ("openvino",) * 2,
        ("coreml", "mil"),
    ):
        artifact = artifacts[target]
        with backend_class(name).literal()(artifact.manifest, artifact.path) as runtime:
            outputs[target] = [runtime(photo.astype(np.float32) / 255) for photo in photos(SHAPE).values()]
    for one, first in outputs.items():
        for other, second in outputs.items():
            if one < other:
                worst = min(psnr(a, b, peak=1.0) for a, b in zip(first, second, strict=True))
                # 46.56 measured, Core ML against ONNX: the portable form has half the levels
                assert worst >= 46.0, (one, other)


@TARGETS
def test_it_is_small(artifacts, target):
    share = artifacts[target].bytes / float_bytes(artifacts[target])
    assert share <= LARGEST[target]


@pytest.mark.parametrize("target", ["onnx", "tensorrt"])
def test_onnx_has_pairs_and_int8_weights(artifacts, target):
    file = artifacts[target].path / "model.onnx"
    graph = onnx.load(file).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    excluded = excluded_modules(artifacts[target].path / PLAN_FILE)
    assert {"onnx": lint, "tensorrt": strict_lint}[target](file, excluded=excluded) == []
    unsigned = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.UINT8]
    assert [int(numpy_helper.to_array(t)) for t in unsigned] == ([128] if target == "onnx" else [])
    made_by = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    half = {name: constants[node.input[0]] for name, node in made_by.items() if node.op_type == "Cast"}
    assert {tensor.data_type for tensor in half.values()} == {TensorProto.FLOAT16}
    floats = {**constants, **half}
    # which convolutions may stay in float is the lint's, above: those of modules that the plan leaves out
    quantized = [node for node in convolutions if node.input[1] not in floats]
    assert len(quantized) > 20
    for node in quantized:
        dequantize = made_by[node.input[1]]
        assert dequantize.op_type == "DequantizeLinear"
        assert [a.i for a in dequantize.attribute if a.name == "axis"] == [0]
        assert constants[dequantize.input[0]].data_type == TensorProto.INT8
        assert not numpy_helper.to_array(constants[dequantize.input[2]]).any()
    assert not any(node.metadata_props for node in graph.node)


def test_openvino_keeps_int8(artifacts):
    import openvino

    model = openvino.Core().read_model(artifacts["openvino"].path / "model.xml")
    constants = [op for op in model.get_ops() if op.get_type_name() == "Constant"]
    stored = sum(op.get_byte_size() for op in constants if op.get_element_type() == openvino.Type.i8)
    assert stored > 0.2 * float_bytes(artifacts["openvino"])
    assert any(op.get_type_name() == "FakeQuantize" for op in model.get_ops())


def test_openvino_gives_the_same_at_every_call(artifacts):
    photo, other = list(photos(SHAPE).values())[:2]
    with restorect_edge.load(artifacts["openvino"].path) as runtime:
        first = runtime(photo)
        runtime(other)
        np.testing.assert_array_equal(runtime(photo), first)


def test_coreml_is_w8a8(artifacts):
    import coremltools as ct

    spec = ct.utils.load_spec(str(artifacts["coreml"].path / "model.mlpackage"))
    function = spec.mlProgram.functions["main"]
    kinds = [op.type for op in function.block_specializations[function.opset].operations]
    assert kinds.count("dequantize") >= kinds.count("quantize") > 15
    assert kinds.count("constexpr_affine_dequantize") > 15


def test_tensorrt_builds_without_a_warning(artifacts):
    notes = json.loads((artifacts["tensorrt"].path / "report.json").read_text())["notes"]
    assert notes["tensorrt_rtx"]["parser_warnings"] == []
    assert notes["tensorrt_rtx"]["graphs"]["model.onnx"]["builder_warnings"] == []
    assert notes["lint"] == []


def test_verify_later_compares_with_the_float_network(artifacts):
    result = verify(artifacts["onnx"].path)
    assert result.status == "pass"
    assert result.agreement is None
    assert "float32 PyTorch" in result.summary()


def test_an_artifact_of_another_network_fails(artifacts):
    artifact = Artifact.open(artifacts["onnx"].path)
    reference = find_reference(artifact, None)
    other = lambda image: np.clip(reference(image) + 0.02, 0, 1)  # noqa: E731
    result = check(artifact, reference, quantized=other)
    assert result.agreement < resolve("onnx").agreement
    assert result.status == "fail"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp16", "num_calib": 4}, "--num-calib: for --precision int8"),
        ({"precision": "int8", "calib_data": "nowhere"}, "no calibration photographs at 'nowhere'"),
        ({"precision": "int8", "num_calib": 0}, "at least 1 photograph, got 0"),
        (
            {"precision": "int8", "minimum_deployment_target": "ios16"},
            "need --minimum-deployment-target ios17",
        ),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(UsageError, match=message):
        prepare("lowlight-small", ["coreml"], ExportRequest(**options))


def test_a_network_of_ones_own_is_refused():
    import torch

    with pytest.raises(UsageError, match=r"int8 and auto of 'identity' need --calib-data"):
        prepare(torch.nn.Identity(), ["onnx"], ExportRequest(precision="int8"))


def test_a_missing_extra_is_named(tmp_path, capsys, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "nncf" else found(n, *a))
    assert main(["--target", "onnx", "--precision", "int8", "-o", str(tmp_path)]) == 3
    assert "pip install 'restorect-edge[calibrate]'" in capsys.readouterr().err


def test_a_split_student_with_free_sides(tmp_path, monkeypatch):
    artifact = restorect_edge.export(
        "lowlight-small",
        target="onnx",
        precision="int8",
        form="split",
        dynamic=True,
        num_calib=16,
        output_dir=tmp_path,
    )
    assert artifact.path.name == "lowlight-small-onnx-int8-split-dynamic"
    assert artifact.manifest.verification["agreement"] >= resolve("onnx").agreement
    monkeypatch.setitem(GATES, "int8", 190.0)
    with pytest.raises(QualityError, match="gate 190 dB"):
        verify(artifact.path)
