"""One wrong weight in an artifact fails its verification, for every target."""

import functools
import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from restorect_edge.artifact import Artifact, hash_files
from restorect_edge.cli import verify
from restorect_edge.errors import QualityError
from restorect_edge.export.verify.check import verify as verify_artifact
from restorect_edge.models.weights import load_weights


@pytest.fixture(params=["onnx", "openvino", "tensorrt", "coreml"])
def corrupted(request, tmp_path):
    """A copy of the target's artifact with one weight changed, and hashes that match the change."""
    artifact = request.getfixturevalue(f"artifact_{request.param}")
    copy = tmp_path / artifact.path.name
    shutil.copytree(artifact.path, copy)
    {"onnx": spoil_onnx, "tensorrt": spoil_onnx, "openvino": spoil_blob, "coreml": spoil_blob}[request.param](
        copy
    )
    return copy


@functools.cache
def kernel():
    """The first kernel of the body, as it was exported, (24, 12, 3, 3) float32."""
    student = load_weights("lowlight-small").student
    return student.body.enter.weight.detach().numpy()


def spoiled(values):
    values = values.copy()
    values.flat[np.abs(values).argmax()] *= -30
    return values


def spoil_onnx(folder):
    path = folder / "model.onnx"
    model = onnx.load(path)
    (target,) = [t for t in model.graph.initializer if tuple(t.dims) == kernel().shape]
    target.CopyFrom(numpy_helper.from_array(spoiled(numpy_helper.to_array(target)), target.name))
    onnx.save(model, path)


def spoil_blob(folder):
    (path,) = [*folder.rglob("model.bin"), *folder.rglob("weight.bin")]
    weights = kernel().astype(np.float16 if path.name == "weight.bin" else np.float32)
    blob = path.read_bytes()
    assert blob.count(weights.tobytes()) == 1
    path.write_bytes(blob.replace(weights.tobytes(), spoiled(weights).tobytes()))


def sign(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = hash_files(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_hash_gives_it_away(corrupted, capsys):
    assert verify.main([str(corrupted)]) == 4
    assert "was changed after the export" in capsys.readouterr().err


def test_signed_again_the_picture_gives_it_away(corrupted, capsys):
    sign(corrupted)
    Artifact.open(corrupted)
    with pytest.raises(QualityError, match=r"fail: .* dB from float32 PyTorch \(gate"):
        verify_artifact(corrupted)
    assert verify.main([str(corrupted)]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("fail: ")
    assert "is not close enough to its network; export it again" in err
