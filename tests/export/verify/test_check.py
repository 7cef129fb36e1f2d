"""What an artifact of several fixed sizes is verified on: every graph of it, at the size that it has."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import restorect_edge
from restorect_edge.artifact import Artifact, hash_files
from restorect_edge.export.verify.check import check, find_reference, photographs

SHAPES = [(48, 64), (120, 192), (64, 96)]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """ONNX, float32, prior and bodies of three sizes, the largest neither first nor last."""
    return restorect_edge.export(
        "lowlight-nano",
        target="onnx",
        form="split",
        shapes=SHAPES,
        output_dir=tmp_path_factory.mktemp("artifacts"),
    )


def test_every_size_is_verified_and_the_largest_by_tiles(split):
    found = [photo.shape[:2] for photo in photographs(split, None).values()]
    assert set(found) == {(48, 64), (64, 96), (120, 384)}
    assert len(found) == 3 * 2
    assert split.manifest.verification["psnr"] >= 80


def test_one_wrong_body_is_found(split, tmp_path):
    reference = find_reference(split, None)
    for height, width in SHAPES:
        copy = tmp_path / f"{height}x{width}"
        shutil.copytree(split.path, copy)
        spoil(copy / f"body-{height}x{width}.onnx")
        spoilt = Artifact(copy, replace(split.manifest, files=hash_files(copy)))
        assert check(spoilt, reference).status == "fail"


def spoil(path):
    model = onnx.load(path)
    (kernel,) = [t for t in model.graph.initializer if t.name.endswith("enter.weight")]
    values = numpy_helper.to_array(kernel) * np.float32(1.05)
    kernel.CopyFrom(numpy_helper.from_array(values, kernel.name))
    onnx.save(model, path)


def test_a_picture_between_two_sizes_is_restored_but_for_its_border(split):
    """It continues by reflection up to the sides of the graph, and the network sees no border there."""
    photo = next(iter(photographs(split, None).values()))
    wide = np.concatenate([photo, photo[:, ::-1]], axis=1)
    with restorect_edge.load(split.path) as runtime, restorect_edge.load("lowlight-nano") as network:
        off = np.abs(runtime(wide).astype(int) - network(wide))
    halo = split.manifest.spec.aligned_halo
    assert off[: wide.shape[0] - halo, : wide.shape[1] - halo].max() <= 1
    assert 1 < off.max() < 64
