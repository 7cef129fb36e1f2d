"""Weights in INT8 for Core ML: smaller, and as good as float16."""

import json

import numpy as np
import pytest

from restorect_edge.artifact import Artifact
from restorect_edge.errors import UsageError
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.export.verify.check import GATES
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import TARGETS

ct = pytest.importorskip("coremltools")

SHAPE = (64, 96)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory) -> Artifact:
    """W8 of the shipped weights; no photographs, no NNCF."""
    request = ExportRequest(
        precision="w8",
        shapes=[SHAPE],
        output_dir=tmp_path_factory.mktemp("w8"),
    )
    (made,) = prepare("lowlight-small", ["coreml"], request).run()
    return made


def program(artifact):
    from coremltools.converters.mil.frontend.milproto import load as milproto

    path = artifact.path / artifact.manifest.graphs[0].file
    spec = ct.utils.load_spec(str(path))
    weights = str(path / "Data" / "com.apple.CoreML" / "weights")
    return milproto.load(spec, spec.specificationVersion, weights).functions["main"].operations


def test_it_is_verified_and_says_what_it_is(artifact):
    found = artifact.manifest.verification
    assert artifact.path.name == "lowlight-small-coreml-w8-64x96"
    assert artifact.manifest.precision == "w8"
    assert found["status"] == "pass"
    assert found["gate"] == GATES["w8"]
    assert found["psnr"] >= GATES["w8"]
    assert found["agreement"] >= TARGETS["coreml"].agreement
    assert abs(found["psnr_drop"]) < 0.3
    assert not (artifact.path / "quantization.json").exists()


def test_every_weight_is_int8_and_activations_are_not(artifact):
    operations = program(artifact)
    kinds = [operation.op_type for operation in operations]
    convolutions = [operation for operation in operations if operation.op_type == "conv"]
    assert len(convolutions) >= 20
    weights = [operation.inputs["weight"] for operation in convolutions]
    # what centers blocks is a constant of the prior, no weight
    assert {w.op.op_type for w in weights if w.shape != (16, 1, 4, 4)} == {"constexpr_affine_dequantize"}
    assert "quantize" not in kinds
    assert "dequantize" not in kinds


def test_weights_are_symmetric_with_one_scale_per_output_channel(artifact):
    for operation in program(artifact):
        if operation.op_type == "constexpr_affine_dequantize":
            levels, scale = (operation.inputs[name].val for name in ("quantized_data", "scale"))
            assert levels.dtype == np.int8
            assert np.abs(levels.astype(int)).max() <= 127
            assert not np.any(operation.inputs["zero_point"].val)
            assert scale.shape == (levels.shape[0],)


def test_it_is_smaller_than_float16(artifact, artifact_coreml):
    def weights(made):
        return sum(f.stat().st_size for f in made.path.rglob("weight.bin"))

    assert weights(artifact) < 0.6 * weights(artifact_coreml)


def test_it_runs(artifact, photo):
    with load(artifact.path) as runtime:
        assert runtime(photo).shape == photo.shape


@pytest.mark.parametrize("target", ["onnx", "openvino", "tensorrt"])
def test_it_is_for_core_ml(target):
    with pytest.raises(
        UsageError, match=rf"w8 is for --target coreml; {target} has fp32, fp16, int8 and auto"
    ):
        prepare("lowlight-small", [target], ExportRequest(precision="w8"))


def test_it_needs_ios_17():
    with pytest.raises(UsageError, match="INT8 weights for --minimum-deployment-target ios17"):
        prepare(
            "lowlight-small", ["coreml"], ExportRequest(precision="w8", minimum_deployment_target="ios16")
        )


@pytest.mark.parametrize("option", ["calib_data", "num_calib", "max_psnr_drop", "cpu"])
def test_it_takes_no_photographs(option):
    value = {"calib_data": "x", "num_calib": 4, "max_psnr_drop": 0.1, "cpu": "vnni"}[option]
    name = "--" + option.replace("_", "-")
    with pytest.raises(UsageError, match=f"{name}: for --precision int8 or auto, got w8"):
        prepare("lowlight-small", ["coreml"], ExportRequest(precision="w8", **{option: value}))


def test_a_network_of_ones_own_is_refused():
    import torch

    plan = prepare(torch.nn.Identity(), ["coreml"], ExportRequest(precision="w8"))
    with pytest.raises(UsageError, match="'identity' is none"):
        plan.run()


def test_the_command_line_takes_it(tmp_path, capsys):
    from restorect_edge.cli.export import main

    arguments = ["--target", "coreml", "--precision", "w8", "--shapes", "64x96", "-o", str(tmp_path)]
    assert main([*arguments, "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["artifacts"]
    assert row["precision"] == "w8"
