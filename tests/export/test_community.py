"""Checkpoints of the community, from the file to a verified artifact that tiles as the network does."""

import json

import numpy as np
import pytest

import restorect_edge
from restorect_edge import ImageSpec, UsageError
from restorect_edge.cli.export import main
from restorect_edge.export.verify.check import verify

NAME = "realesr-compact-x4"


@pytest.fixture(scope="module")
def artifact(community, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    path = str(community(NAME))
    assert main(["--weights", path, "--target", "onnx", "--shapes", "40x48", "-o", str(folder)]) == 0
    return restorect_edge.Artifact.open(folder / f"{NAME}-onnx-fp32-40x48")


def test_it_says_where_it_is_from_and_what_it_takes(artifact, community):
    manifest = artifact.manifest
    assert manifest.weights["name"] == NAME
    assert manifest.weights["sha256"] == restorect_edge.artifact.file_hash(community(NAME))
    assert (manifest.spec.scale, manifest.spec.halo) == (4, 6)


def test_it_is_verified_again_by_the_copy_that_it_carries(artifact):
    assert verify(artifact.path).reference == "float32 PyTorch"
    assert manifest_psnr(artifact) > 100


def manifest_psnr(artifact) -> float:
    return json.loads((artifact.path / "manifest.json").read_text())["verification"]["psnr"]


def test_tiles_of_an_artifact_are_the_checkpoint_whole(artifact, community):
    image = np.random.default_rng(1).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    with restorect_edge.load(artifact.path) as tiled, restorect_edge.load(community(NAME)) as whole:
        assert np.abs(tiled(image).astype(int) - whole(image)).max() <= 1


def test_its_spec_is_its_own(community, tmp_path):
    with pytest.raises(UsageError, match="whose architecture says its spec"):
        restorect_edge.export(community(NAME), target="onnx", spec=ImageSpec(scale=2), output_dir=tmp_path)


@pytest.mark.parametrize("arguments", [["--form", "split"], ["--steps", "2"]])
def test_what_only_students_have_is_refused(community, tmp_path, arguments, capsys):
    words = ["--weights", str(community(NAME)), "--target", "onnx", "-o", str(tmp_path), *arguments]
    assert main(words) == 1
    assert "for students" in capsys.readouterr().err
