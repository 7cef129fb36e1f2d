"""A native file takes the sides that its manifest says, or is not loaded."""

import json
import shutil

import pytest

from restorect_edge import IncompatibleError, load


@pytest.mark.parametrize(
    ("fixture", "said", "message"),
    [
        ("artifact_onnx", [128, 96], "takes 64x96, but the manifest says 128x96"),
        ("artifact_onnx", None, "takes 64x96, but the manifest says any size"),
        ("artifact_openvino", [64, 64], "takes 64x96, but the manifest says 64x64"),
        ("artifact_litert", [128, 192], "takes 64x96, but the manifest says 128x192"),
        ("artifact_coreml", [96, 64], "takes 64x96, but the manifest says 96x64"),
        ("artifact_tensorrt", [4096, 4096], "takes 64x96, but the manifest says 4096x4096"),
        ("artifact_split", [4096, 4096], "takes any size, but the manifest says 4096x4096"),
        ("artifact_openvino_split", [4096, 4096], "takes any size, but the manifest says 4096x4096"),
    ],
)
def test_other_sides_in_the_manifest_are_refused(request, tmp_path, fixture, said, message):
    copy = shutil.copytree(request.getfixturevalue(fixture).path, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["graphs"][-1]["shape"] = said  # the first of two is the prior
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IncompatibleError, match=message):
        load(copy, runtime="onnxruntime" if fixture == "artifact_tensorrt" else None)


def test_a_prior_takes_no_image(artifact_split, tmp_path):
    copy = shutil.copytree(artifact_split.path, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    (prior,) = (graph for graph in manifest["graphs"] if graph["role"] == "prior")
    prior["shape"] = [4096, 4096]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IncompatibleError, match="is a prior, which takes a thumbnail, but the manifest says"):
        load(copy)
