"""What an artifact of several fixed sizes is verified on: every graph of it, at the size that it has."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import restorect_edge
from restorect_edge import ImageSpec
from restorect_edge.artifact import Artifact, hash_files
from restorect_edge.export.verify.check import check, find_reference, photographs
from restorect_edge.export.verify.verdict import LEVEL, large_gate
from restorect_edge.targets.models import as_artifact

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


def exposed(image, exposure=0.33):
    """Bring the mean of each channel to a third: a sum over all pixels, which rounding makes inexact."""
    return image * np.float32(exposure / image.mean((2, 3), np.float64, keepdims=True))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An ONNX model of `exposed`, and a folder with a flat frame of 1280×720."""
    folder = tmp_path_factory.mktemp("large")
    sides = [1, 3, "height", "width"]
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3]),
        helper.make_node("Div", ["exposure", "mean"], ["gain"]),
        helper.make_node("Mul", ["image", "gain"], ["result"]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name in ("image", "result")]
    exposure = numpy_helper.from_array(np.float32([0.33]), "exposure")
    graph = helper.make_graph(nodes, "exposed", values[:1], values[1:], [exposure])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "exposed.onnx")
    for name in ("frames", "artifact"):
        (folder / name).mkdir()
    Image.new("RGB", (1280, 720), (128, 128, 128)).save(folder / "frames" / "flat.png")
    return as_artifact(folder / "exposed.onnx", folder / "artifact", ImageSpec()), folder / "frames"


def test_sums_over_many_pixels_are_rounding_and_no_fault(large):
    artifact, frames = large
    found = check(artifact, exposed, images=frames)
    assert found.status == "pass", found.failures
    assert found.max_abs < LEVEL / 2
    assert found.gate < 80


@pytest.mark.parametrize("exposure", [0.328, 0.332])
def test_a_fault_that_no_rounding_explains_is_found_in_a_large_image(large, exposure):
    artifact, frames = large
    assert check(artifact, lambda image: exposed(image, exposure), images=frames).status == "fail"


@pytest.mark.parametrize(
    ("pixels", "max_abs", "gate"),
    [
        (96 * 64, 0.0, 80.0),
        (150_000, 0.0, 80.0),
        (1_500_000, LEVEL / 2, 60.0),
        (1_500_000, 2 * LEVEL, 80.0),
    ],
)
def test_the_gate_of_float32_falls_with_pixels_while_the_picture_is_the_same(pixels, max_abs, gate):
    assert large_gate(80.0, pixels, max_abs) == gate
