"""Core ML conversion: what the package says of itself, and what it computes."""

import logging
import warnings

import coremltools as ct
import numpy as np
import pytest
import torch
import tqdm
from coremltools.converters.mil.frontend.torch import ops
from coremltools.converters.mil.mil.passes import pass_pipeline

from restorect_edge.errors import BackendError, MissingDependencyError, UsageError
from restorect_edge.export.options import ExportOptions
from restorect_edge.mil.interpreter import MilProgram
from restorect_edge.models.tracing.graph import trace_split, trace_whole
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.coreml.converter import convert, finish

SHAPE = (48, 64)
SPEC = ImageSpec(size=SizeRequirements(minimum=8, multiple_of=8))
HALF = ExportOptions(precision="fp16", metadata={"name": "tiny", "steps": "2"})


@pytest.fixture(scope="module")
def student(tiny):
    return tiny(2)


@pytest.fixture(scope="module")
def whole(student):
    return next(trace_whole(student, SPEC, [SHAPE], False))


@pytest.fixture(scope="module")
def half(whole, tmp_path_factory):
    return convert(whole, tmp_path_factory.mktemp("half"), HALF)


@pytest.fixture(scope="module")
def full(whole, tmp_path_factory):
    return convert(whole, tmp_path_factory.mktemp("full"), ExportOptions(precision="fp32"))


@pytest.fixture(scope="module")
def split(student, tmp_path_factory):
    """Prior and body of dynamic shape."""
    directory = tmp_path_factory.mktemp("split")
    return [convert(g, directory, HALF) for g in trace_split(student, SPEC, [SHAPE], True)]


def photo(height, width, seed=0):
    """A smooth picture as levels, (1, 3, height, width) float32."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 3, 6, 6), np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return np.rint(smooth.clamp(0, 1).numpy() * 255)


def restored(network, levels):
    with torch.no_grad():
        return network(torch.from_numpy(levels / 255)).numpy()


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2))


def description(path):
    return ct.models.MLModel(str(path), skip_model_load=True).get_spec().description


def test_images_go_in_and_out(half):
    (image,), (output,) = description(half).input, description(half).output
    for feature, name in ((image, "image"), (output, "restored")):
        assert feature.name == name
        kind = feature.type.imageType
        assert (kind.height, kind.width) == SHAPE
        assert kind.colorSpace == kind.ColorSpace.Value("RGB")


def test_metadata_is_mirrored(half):
    model = ct.models.MLModel(str(half), skip_model_load=True)
    assert half.name == "model.mlpackage"
    assert model.user_defined_metadata["name"] == "tiny"
    assert model.user_defined_metadata["steps"] == "2"


def test_the_default_is_ios_17(half):
    assert ct.utils.load_spec(str(half)).specificationVersion == ct.target.iOS17


def test_float16_agrees_with_torch(half, student):
    levels = photo(*SHAPE)
    program = MilProgram(half)
    assert program.declares_float16
    found = program({"image": levels})["restored"]
    np.testing.assert_array_equal(found, np.rint(found))
    assert found.min() >= 0
    assert found.max() <= 255
    assert psnr(found / 255, restored(student, levels)) >= 50


def test_float32_agrees_with_torch_to_half_a_level(full, student):
    levels = photo(*SHAPE)
    program = MilProgram(full)
    assert not program.declares_float16
    found, expected = program({"image": levels})["restored"], restored(student, levels)
    assert np.abs(found / 255 - expected).max() <= 0.5 / 255 + 1e-5
    assert psnr(found / 255, expected) >= 58


def test_the_split_form_with_free_sides(split, student):
    prior, body = (MilProgram(path) for path in split)
    assert [f.is_image for f in (*prior.inputs, *prior.outputs)] == [False, False]
    assert [(f.name, f.is_image) for f in body.inputs] == [("image", True), ("z", False)]
    for path in split:
        arrays = [f for f in (*description(path).input, *description(path).output) if f.name != "image"]
        kinds = {f.type.multiArrayType.dataType for f in arrays if f.type.HasField("multiArrayType")}
        assert kinds == {ct.proto.FeatureTypes_pb2.ArrayFeatureType.FLOAT32}
    for height, width in (SHAPE, (40, 88)):
        levels = photo(height, width, seed=height)
        thumbnail = student.thumbnail(torch.from_numpy(levels / 255)).numpy()
        z = prior({"thumbnail": thumbnail})["z"]
        found = body({"image": levels, "z": z})["restored"] / 255
        assert psnr(found, restored(student, levels)) >= 50


def test_free_sides_have_a_range(split):
    kind = description(split[1]).input[0].type.imageType.imageSizeRange
    assert (kind.heightRange.lowerBound, kind.heightRange.upperBound) == (8, 4096)
    assert (kind.widthRange.lowerBound, kind.widthRange.upperBound) == (8, 4096)


def test_a_whole_network_with_free_sides(student, tmp_path):
    """Sizes are computed in float32: float16 would miscount them."""
    path = convert(next(trace_whole(student, SPEC, [SHAPE], True)), tmp_path, HALF)
    program = MilProgram(path)
    for height, width in (SHAPE, (200, 72)):
        levels = photo(height, width)
        found = program({"image": levels})["restored"] / 255
        assert psnr(found, restored(student, levels)) >= 50
    function = ct.utils.load_spec(str(path)).mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    counting = [o.outputs[0].type.tensorType.dataType for o in operations if o.type == "range_1d"]
    assert counting
    assert ct.proto.MIL_pb2.FLOAT16 not in counting


def test_a_flipped_bit_in_one_weight_shows(half, student):
    spec = ct.utils.load_spec(str(half))
    function = spec.mlProgram.functions["main"]
    value = next(
        o.attributes["val"].blobFileValue
        for o in function.block_specializations[function.opset].operations
        if o.type == "const" and "body_leave_weight" in o.outputs[0].name
    )
    blob = half / "Data/com.apple.CoreML/weights/weight.bin"
    good = blob.read_bytes()
    start = int.from_bytes(good[value.offset + 16 : value.offset + 24], "little")  # of the entry's values
    bad = bytearray(good)
    bad[start + 1] ^= 0x40  # the top bit of a float16's exponent
    levels = photo(*SHAPE)
    try:
        blob.write_bytes(bad)
        found = MilProgram(half)({"image": levels})["restored"] / 255
    finally:
        blob.write_bytes(good)
    assert psnr(found, restored(student, levels)) < 40


def test_nothing_is_printed_or_left_behind(tmp_path, capfd):
    logger = logging.getLogger("coremltools")
    level, filters = logger.level, list(warnings.filters)
    graph = next(trace_whole(torch.nn.Conv2d(3, 3, 3, padding=1), ImageSpec(), [(8, 8)], False))
    convert(graph, tmp_path, ExportOptions())
    MilProgram(tmp_path / "model.mlpackage")
    assert capfd.readouterr() == ("", "")
    assert logger.level == level
    assert warnings.filters == filters
    assert ops._tqdm is tqdm.tqdm
    assert pass_pipeline.tqdm is tqdm.tqdm
    assert [p.name for p in tmp_path.iterdir()] == ["model.mlpackage"]
    assert {p.name for p in (tmp_path / "model.mlpackage").iterdir()} == {"Data", "Manifest.json"}


@pytest.mark.parametrize("name", ["ios16", "iOS18"])
def test_another_deployment_target(tmp_path, name):
    graph = next(trace_whole(torch.nn.Identity(), ImageSpec(), [(8, 8)], False))
    path = convert(graph, tmp_path, ExportOptions(minimum_deployment_target=name))
    assert ct.utils.load_spec(str(path)).specificationVersion == ct.target["iOS" + name[3:]]


@pytest.mark.parametrize("name", ["ios15", "android", ""])
def test_an_unknown_deployment_target(whole, tmp_path, name):
    message = rf"unknown minimum deployment target '{name}'; allowed: ios16, ios17, ios18"
    with pytest.raises(UsageError, match=message):
        convert(whole, tmp_path, ExportOptions(minimum_deployment_target=name))
    assert not list(tmp_path.iterdir())


def test_an_unknown_precision(whole, tmp_path):
    with pytest.raises(UsageError, match=r"unknown precision 'fp61'; known: .* \(did you mean 'fp16'\?\)"):
        convert(whole, tmp_path, ExportOptions(precision="fp61"))


def test_an_output_that_is_no_image(tmp_path):
    graph = next(trace_whole(torch.nn.PixelUnshuffle(2), ImageSpec(), [(8, 8)], False))
    with pytest.raises(BackendError, match=r"coremltools cannot convert the whole graph: .*hape"):
        convert(graph, tmp_path, ExportOptions())


class Unconvertible(torch.nn.Module):
    def forward(self, image):
        return torch.special.bessel_j0(image)


def test_what_coremltools_cannot_convert(tmp_path):
    graph = next(trace_whole(Unconvertible(), ImageSpec(), [(8, 8)], False))
    with pytest.raises(BackendError, match=r"coremltools cannot convert the whole graph: .*bessel_j0"):
        convert(graph, tmp_path, ExportOptions())
    assert not list(tmp_path.iterdir())


def test_without_coremltools_the_extra_is_named(whole, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "coremltools", None)
    with pytest.raises(MissingDependencyError, match="Core ML export needs the extra 'coreml'"):
        convert(whole, tmp_path, ExportOptions())


def test_the_notes_speak_of_eligibility(half, full, split):
    notes = finish(half.parent, [half], HALF)
    assert notes["placement"] == "not measured"
    assert notes["neural_engine_eligibility"]["model.mlpackage"]["eligible"] is True
    notes = finish(split[0].parent, split, HALF)["neural_engine_eligibility"]
    assert notes["prior.mlpackage"]["findings"] == []
    (finding,) = notes["body.mlpackage"]["findings"]
    assert finding.startswith("flexible shape: would keep ")
    (finding,) = finish(full.parent, [full], HALF)["neural_engine_eligibility"]["model.mlpackage"]["findings"]
    assert finding.startswith("float32 arithmetic: would keep ")
