"""Models of another format: exported for the targets that start there, run and scored as they are."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import restorect_edge
from restorect_edge import ImageSpec, SizeRequirements, UsageError
from restorect_edge.cli.export import main
from restorect_edge.errors import IncompatibleError
from restorect_edge.export.foreign import ModelNetwork
from restorect_edge.export.verify.check import verify
from restorect_edge.targets.models import is_model, starting_at

MODEL = "the model itself by ONNX Runtime"


def enlarging(path, height="h", width="w", *, grid=1, residual=False):
    """Write a model that makes a picture twice as large: a convolution and DepthToSpace, in [0, 1].

    A residual one adds that to nearest-neighbor.
    """
    random = np.random.default_rng(3)
    weight = random.normal(0, 0.05, (12, 3, 3, 3)).astype(np.float32)
    if not residual:
        weight[np.arange(12), np.arange(12) // 4, 1, 1] += 0.8  # near to nearest-neighbor
    nodes = [
        helper.make_node("Conv", ["pixels", "weight"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("DepthToSpace", ["features"], ["large"], blocksize=2, mode="CRD"),
    ]
    if grid > 1 or residual:  # sides must be a multiple: a mean over blocks comes back, enlarged
        nodes[1].output[0] = "detail"
        nodes += [
            helper.make_node(
                "AveragePool", ["pixels"], ["blocks"], kernel_shape=[grid] * 2, strides=[grid] * 2
            ),
            helper.make_node("Resize", ["blocks", "", "scales"], ["light"], mode="nearest"),
            helper.make_node("Mul", ["light", "little"], ["dim"]),
            helper.make_node("Add", ["detail", "dim"], ["large"]),
        ]
    scales = np.array([1, 1, 2 * grid, 2 * grid], np.float32)
    constants = {
        "weight": weight,
        "scales": scales,
        "little": np.array([0.9 if residual else 0.1], np.float32),
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "enlarging",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("large", TensorProto.FLOAT, [1, 3, None, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return enlarging(tmp_path_factory.mktemp("models") / "enlarging.onnx")


@pytest.mark.parametrize(("height", "width", "grid"), [("h", "w", 1), ("h", "w", 4), (16, 24, 1)])
def test_scale_and_sides_are_found_by_running_it(tmp_path, height, width, grid):
    path = enlarging(tmp_path / "m.onnx", height, width, grid=grid)
    with restorect_edge.load(path) as restore:
        spec = restore.info.spec
        assert (spec.scale, spec.size.multiple_of) == (2, grid)
        assert restore(np.zeros((16, 24, 3), np.uint8)).shape == (32, 48, 3)


def test_a_spec_that_is_given_allows_tiles(model):
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    with (
        restorect_edge.load(model, spec=ImageSpec(scale=2, halo=1)) as tiled,
        restorect_edge.load(model, runtime="openvino") as whole,
    ):
        assert np.abs(tiled(image, tile=16).astype(int) - whole(image)).max() <= 1


@pytest.mark.parametrize("names", [("image", "restored"), ("restored", "image"), ("x", "image")])
def test_its_values_may_have_the_names_that_ours_have(model, tmp_path, names):
    changed = onnx.load(model)
    for node in changed.graph.node:
        for side in (node.input, node.output):
            side[:] = [{"pixels": names[0], "large": names[1]}.get(name, name) for name in side]
    changed.graph.input[0].name, changed.graph.output[0].name = names
    onnx.save(changed, tmp_path / "m.onnx")
    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    with restorect_edge.load(model) as one, restorect_edge.load(tmp_path / "m.onnx") as other:
        assert np.array_equal(one(image), other(image))


@pytest.mark.parametrize("target", ["onnx", "openvino", "tensorrt", "mnn"])
def test_it_is_exported_and_verified_where_the_target_starts_there(model, tmp_path, target):
    words = ["--weights", str(model), "--target", target, "--shapes", "32x40", "-o", str(tmp_path)]
    assert main([*words, "--precision", "fp32"]) == 0
    artifact = restorect_edge.Artifact.open(tmp_path / f"enlarging-{target}-fp32-32x40")
    assert artifact.manifest.verification["status"] == "pass"
    assert (artifact.manifest.spec.scale, artifact.manifest.weights["name"]) == (2, "enlarging")
    assert verify(artifact.path).status == "pass"


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
    return enlarging(tmp_path_factory.mktemp("models") / "residual.onnx", residual=True)


@pytest.mark.parametrize("target", ["onnx", "openvino", "tensorrt"])
def test_int8_of_the_model_itself(residual, photographs, tmp_path, target):
    artifact = restorect_edge.export(
        residual,
        target=target,
        precision="int8",
        shapes=[(32, 40)],
        calib_data=photographs,
        output_dir=tmp_path,
    )
    verdict = artifact.manifest.verification
    assert verdict["status"] == "pass"
    assert verdict["agreement"] >= 45 and verdict["psnr"] >= 30
    assert (artifact.path / "quantization.json").is_file()
    again = verify(artifact.path)
    assert again.reference == MODEL, "and not the golden images"
    assert again.psnr == verdict["psnr"] < 100, "against the float network and not that in INT8"


def test_int8_of_any_size(residual):
    images = [np.random.default_rng(seed).integers(0, 256, (32, 40, 3), np.uint8) for seed in range(2)]
    network = ModelNetwork(residual)
    quantized = network.quantized(images, None, saturation_safe=True)
    for sides in ((32, 40), (31, 45)):
        image = torch.rand(1, 3, *sides)
        assert 0 < (quantized(image) - network(image)).abs().max() < 0.05
    (graph,) = quantized.graphs([(64, 64)], True)
    assert graph.shape is None


def test_int8_needs_photographs(model, tmp_path):
    with pytest.raises(UsageError, match="need --calib-data"):
        restorect_edge.export(model, target="onnx", precision="int8", output_dir=tmp_path)


def test_a_model_that_was_exported_here_is_exported_again(model, tmp_path):
    first = restorect_edge.export(model, target="onnx", shapes=[(32, 40)], output_dir=tmp_path)
    second = restorect_edge.export(
        first.path / "model.onnx", target="onnx", name="twice", output_dir=tmp_path
    )
    assert verify(second.path).reference == MODEL
    properties = onnx.load(second.path / "model.onnx").metadata_props
    assert {entry.value for entry in properties if entry.key == "restorect_edge.name"} == {"twice"}


def test_free_sides_and_half_precision(model, tmp_path):
    artifact = restorect_edge.export(
        model, target="onnx", precision="fp16", dynamic=True, output_dir=tmp_path, name="half"
    )
    assert artifact.manifest.verification["psnr"] > 50
    with restorect_edge.load(artifact.path) as restore:
        assert restore(np.zeros((31, 45, 3), np.uint8)).shape == (62, 90, 3)


def test_a_target_that_starts_at_pytorch_says_so(model, tmp_path, capsys):
    assert main(["--weights", str(model), "--target", "coreml", "-o", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert "coreml starts at PyTorch" in err
    assert starting_at(model) == ["mnn", "onnx", "openvino", "tensorrt"]


def test_sides_that_are_fixed_stay_so(tmp_path):
    path = enlarging(tmp_path / "fixed.onnx", 16, 24)
    with pytest.raises(UsageError, match="fixed sides 16x24"):
        restorect_edge.export(path, target="onnx", shapes=[(32, 32)], output_dir=tmp_path)


@pytest.mark.parametrize("spec", [ImageSpec(scale=3), ImageSpec(size=SizeRequirements(multiple_of=2))])
def test_a_spec_that_does_not_fit_is_refused(model, tmp_path, spec):
    with pytest.raises(IncompatibleError, match="expected"):
        restorect_edge.export(model, target="onnx", spec=spec, shapes=[(16, 16)], output_dir=tmp_path)


def test_what_only_students_have_is_refused(model, tmp_path):
    with pytest.raises(UsageError, match="for students"):
        restorect_edge.export(model, target="onnx", form="split", output_dir=tmp_path)


def test_names_and_folders_are_no_models(tmp_path):
    assert not is_model("lowlight-nano")
    assert not is_model(tmp_path)
    assert not is_model(tmp_path / "gone.onnx")
