"""Models with values of their own, 0..255 or normalized: every verb is told them, and gives pictures."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import restorect_edge
from restorect_edge import ImageSpec, UsageError
from restorect_edge.bench.subjects import candidates
from restorect_edge.cli import bench, evaluate, export, run

NORMALIZED = ("--mean", "0.4", "0.5", "0.6", "--std", "0.2", "0.25", "0.5")
KINDS = {
    "levels": ("--input-range", "0", "255", "--output-range", "-1", "1"),
    "normalized": (*NORMALIZED, "--output-mean", "0.4", "0.5", "0.6", "--output-std", "0.2", "0.25", "0.5"),
}


def twice(path, kind, *, dtype=TensorProto.FLOAT):
    """Write a model that makes a picture twice as large, by nearest-neighbor, in values of its kind."""
    factor, offset = (2 / 255, -1.0) if kind == "levels" else (1.0, 0.0)
    constants = {
        "scales": np.array([1, 1, 2, 2], np.float32),
        "factor": np.float32(factor),
        "offset": np.float32(offset),
    }
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Mul", ["large", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["y"]),
    ]
    if dtype != TensorProto.FLOAT:
        nodes = [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")]
        constants = {"scales": constants["scales"]}
    graph = helper.make_graph(
        nodes,
        "twice",
        [helper.make_tensor_value_info("x", dtype, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("y", dtype, [1, 3, None, None])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return str(path)


@pytest.fixture
def pairs(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    for folder, pixels in (("low", image), ("high", image.repeat(2, 0).repeat(2, 1))):
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "pairs" / folder / "0.png")
    return tmp_path / "pairs"


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_takes_a_model_with_its_values(kind, tmp_path, pairs, capsys):
    model, said = twice(tmp_path / "twice.onnx", kind), KINDS[kind]
    assert evaluate.main([model, "--data", str(pairs), "--json", *said]) == 0
    assert json.loads(capsys.readouterr().out)["psnr"] >= 60
    assert run.main([model, str(pairs / "low" / "0.png"), "-o", str(tmp_path / "out.png"), *said]) == 0
    made, wanted = (Image.open(path) for path in (tmp_path / "out.png", pairs / "high" / "0.png"))
    assert np.array_equal(np.asarray(made), np.asarray(wanted))
    args = bench.parser().parse_args(["--onnx", model, *said])
    (found,) = candidates((), args.onnx, values=args.values)
    assert np.array_equal(found.open(1)(np.asarray(Image.open(pairs / "low" / "0.png"))), np.asarray(wanted))
    capsys.readouterr()
    options = ["--target", "onnx", "--dynamic", "-o", str(tmp_path / "out")]
    assert export.main(["--weights", model, *options, *said]) == 0
    with restorect_edge.load(capsys.readouterr().out.strip()) as restore:
        assert (restore.info.spec.scale, restore.info.spec.values) == (2, {})
        assert np.array_equal(restore(np.asarray(Image.open(pairs / "low" / "0.png"))), np.asarray(wanted))


def test_load_takes_them_as_a_spec(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    spec = ImageSpec(scale=2, input_range=(0, 255), output_range=(-1, 1))
    with restorect_edge.load(twice(tmp_path / "twice.onnx", "levels"), spec=spec) as restore:
        assert np.array_equal(restore(image), image.repeat(2, 0).repeat(2, 1))


def test_levels_of_8_bits_say_themselves_what_they_are(tmp_path):
    model = twice(tmp_path / "twice.onnx", "levels", dtype=TensorProto.UINT8)
    with pytest.raises(UsageError, match="input is 8-bit levels, which say what black and white are"):
        restorect_edge.load(model, spec=ImageSpec(scale=2, input_range=(0, 255)))


@pytest.mark.parametrize(
    "command",
    [
        (evaluate.main, ["lowlight-nano", "--data", "pairs"]),
        (run.main, ["lowlight-nano", "pairs/low/0.png"]),
        (bench.main, ["lowlight-nano", "--quick"]),
        (export.main, ["--weights", "lowlight-nano", "--target", "onnx"]),
    ],
)
def test_what_brings_its_own_is_not_described(command, pairs, monkeypatch, capsys):
    monkeypatch.chdir(pairs.parent)
    main, words = command
    assert main([*words, "--input-range", "0", "255"]) == 1
    assert ".onnx" in capsys.readouterr().err
