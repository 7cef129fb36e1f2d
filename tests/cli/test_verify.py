"""The verify command: verdict, exit codes, and an artifact that is made to fail."""

import json
import shutil

import pytest
from PIL import Image

from restorect_edge.artifact import hash_files
from restorect_edge.cli.verify import main

LICENSE = "license of lowlight-small: research use (trained on LOL-v1)\n"


@pytest.fixture
def copy(artifact_onnx, tmp_path):
    """A copy of the artifact to damage."""
    return shutil.copytree(artifact_onnx.path, tmp_path / "copy")


def corrupt_one_weight(path):
    """Change one value of the last convolution, and vouch for the file in the manifest."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(path / "model.onnx")
    convolution = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    (tensor,) = (t for t in model.graph.initializer if t.name == convolution.input[1])
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] += 0.5
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, path / "model.onnx")
    vouch(path)


def vouch(path):
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"] = hash_files(path)
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_a_good_artifact_passes(artifact_onnx, capsys):
    assert main([str(artifact_onnx.path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("pass: ")
    assert "from float32 PyTorch (gate 80 dB)" in out
    assert err == LICENSE


def test_json_is_one_object(artifact_onnx, capsys):
    assert main([str(artifact_onnx.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["artifact"] == str(artifact_onnx.path)
    assert found["status"] == "pass"
    assert found["psnr"] >= found["gate"] == 80.0
    assert found["by"].startswith("ONNX Runtime")
    assert found["images"] == 10


def test_one_corrupt_weight_fails_with_2(copy, capsys):
    corrupt_one_weight(copy)
    assert main([str(copy)]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("fail: ")
    assert err == f"{LICENSE}error: '{copy}' is not close enough to its network; export it again\n"
    assert main([str(copy), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "fail"
    assert found["psnr"] < 80


def test_an_edited_file_exits_with_4(copy, capsys):
    with (copy / "model.onnx").open("ab") as stream:
        stream.write(b"\0")
    assert main([str(copy)]) == 4
    assert "model.onnx' was changed after the export" in capsys.readouterr().err


def test_photographs_of_ones_own(artifact_onnx, tmp_path, photo, capsys):
    Image.fromarray(photo).save(tmp_path / "mine.png")
    assert main([str(artifact_onnx.path), "--images", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 1
    assert found["worst_image"].startswith("mine")
    assert main([str(artifact_onnx.path), "--images", str(tmp_path / "none")]) == 1
    assert "no folder of images" in capsys.readouterr().err


def test_weights_by_name(artifact_onnx, capsys):
    assert main([str(artifact_onnx.path), "--weights", "lowlight-small"]) == 0
    assert main([str(artifact_onnx.path), "--weights", "lowlight-smal"]) == 1
    assert "did you mean 'lowlight-small'" in capsys.readouterr().err


def test_weights_that_are_gone_leave_the_golden_images(copy, capsys):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["weights"]["name"] = "mine"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert main([str(copy), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reference"] == "its golden images"
    assert main([str(copy), "--images", str(copy / "golden")]) == 1
    assert "--images needs the network to compare with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entry", "value"), [("target", "toaster"), ("target", "torch"), ("precision", "fp8")]
)
def test_what_there_is_no_verdict_for_is_refused_by_name(copy, capsys, entry, value):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, entry: value}))
    assert main([str(copy)]) == 4
    assert (
        f"there is no verdict for the {entry} '{value}' of the manifest; known: " in capsys.readouterr().err
    )
