"""The C++ runtime: built twice, with sanitizers and for speed, and run on artifacts exported here."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.media.frames import LAYOUTS, MATRICES, RANGES, FrameFormat, from_rgb, to_rgb

SOURCE = Path(__file__).parents[2] / "runtimes" / "cpp"
GOLDEN = SOURCE.parent / "golden"
CODE = sorted(path for path in SOURCE.rglob("*") if path.suffix in {".c", ".cpp", ".h", ".hpp"})


@pytest.fixture(scope="module")
def artifacts(run, artifact_openvino, artifact_openvino_split, artifact_openvino_uint8, tmp_path_factory):
    """Artifacts by what they are: split of dynamic shape, in INT8 or 8-bit levels too, and whole, 64x96."""
    folder = tmp_path_factory.mktemp("artifacts")
    verb = [sys.executable, "-m", "restorect_edge.export", "--target", "openvino", "--precision", "int8"]
    run(*verb, "--form", "split", "--dynamic", "--num-calib", "4", "-o", folder)
    (int8,) = folder.glob("*int8*")
    paths = {"split": artifact_openvino_split, "whole": artifact_openvino, "uint8": artifact_openvino_uint8}
    return {**{kind: artifact.path for kind, artifact in paths.items()}, "int8": int8}


@pytest.fixture(scope="module")
def library(built):
    """The C interface, through ctypes as the example has it."""
    sys.path.insert(0, str(SOURCE / "examples"))
    try:
        module = importlib.import_module("restorect_ctypes")
    finally:
        sys.path.remove(str(SOURCE / "examples"))
    return module, module.Library(built("fast", "restorect", "restorect-soak") / "librestorect.so")


def test_the_unit_tests_and_the_c_program_pass_under_sanitizers(run, built, artifacts, program, sanitizers):
    named = {"RESTORECT_SPLIT": str(artifacts["split"]), "RESTORECT_WHOLE": str(artifacts["whole"])}
    folder = built("sanitized")
    run(folder / "restorect-tests", **sanitizers, **named)
    assert run(folder / "restorect-c-test", artifacts["split"], **sanitizers).stdout == "ok\n"


def test_mutated_manifests_are_read_as_python_reads_them(run, built, mutated_corpus, sanitizers):
    tests = built("sanitized") / "restorect-tests"
    said = run(tests, "-tc=every manifest*", RESTORECT_CORPUS=str(mutated_corpus), **sanitizers).stdout
    assert "| 601 passed | 0 failed" in said


def test_the_golden_vectors_pass_under_sanitizers(run, built, artifacts, sanitizers, tmp_path):
    vectors = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))["vectors"]
    sides = sorted({tuple(vector["padded"]) for vector in vectors if vector["padded"]})
    whole = restorect_edge.export("lowlight-small", target="openvino", shapes=sides, output_dir=tmp_path)
    runner = built("sanitized") / "restorect-golden"
    said = run(runner, GOLDEN, whole.path, artifacts["split"], artifacts["int8"], **sanitizers).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    assert all(line["passed"] == line["vectors"] for line in lines)
    assert sum(line["vectors"] for line in lines if line["precision"] != "int8") == len(vectors)
    assert {line["precision"] for line in lines} == {"fp32", "int8", None}
    assert {line["form"] for line in lines} == {"whole", "split", "tiled", "convert"}
    assert {line["format"] for line in lines} == {vector["frame"]["layout"] for vector in vectors}
    assert max(line["max_difference"] for line in lines if line["precision"] != "int8") <= 1


def test_the_golden_runner_tells_vectors_that_fail(run, built, artifacts, tmp_path, sanitizers):
    spoilt = tmp_path / "golden"
    shutil.copytree(GOLDEN, spoilt)
    manifest = json.loads((spoilt / "golden.json").read_text())
    manifest["tolerance"]["fp32"] = {"levels": -1, "share_beyond": 0.0}
    (spoilt / "golden.json").write_text(json.dumps(manifest))
    runner = built("sanitized") / "restorect-golden"
    assert '"passed":0' in run(runner, spoilt, artifacts["whole"], code=2, **sanitizers).stdout
    manifest["vectors"][0]["input"]["sha256"] = "0" * 64
    (spoilt / "golden.json").write_text(json.dumps(manifest))
    assert "was changed" in run(runner, spoilt, artifacts["whole"], code=4, **sanitizers).stderr


def test_the_sanitizers_of_the_build_do_report(run, program, tmp_path, sanitizers):
    """Otherwise their silence above would mean nothing."""
    (tmp_path / "bad.cpp").write_text("int main(int n, char**) { int* p = new int[n]; return p[n + 1]; }\n")
    run(program("g++"), "-fsanitize=address,undefined", tmp_path / "bad.cpp", "-o", tmp_path / "bad")
    assert "heap-buffer-overflow" in run(tmp_path / "bad", code=1, **sanitizers).stderr


def test_ten_thousand_frames_leave_memory_as_it_was(run, built, artifacts):
    said = run(built("fast", "restorect-soak") / "restorect-soak", artifacts["split"], "10000").stdout
    assert said.startswith("10000 frames, 1250 priors")


@pytest.mark.parametrize("kind", ["split", "uint8"])
def test_the_c_interface_gives_the_picture_of_python(library, artifacts, photo, kind):
    _, restorect = library
    with (
        restorect.open(artifacts[kind]) as ours,
        restorect_edge.load(artifacts[kind]) as theirs,
    ):
        for tile in (None, 16):
            off = np.abs(ours(photo, tile=tile or 0).astype(int) - theirs(photo, tile=tile))
            assert off.max() <= 1
        assert "OpenVINO" in ours.provider


@pytest.mark.parametrize("kind", ["split", "uint8"])
def test_a_stream_gives_the_frames_of_python(library, artifacts, photo, kind):
    _, restorect = library
    frames = [photo, photo + 3, photo + 9, photo // 2, 200 - photo, photo]
    with (
        restorect.open(artifacts[kind]) as ours,
        restorect_edge.load(artifacts[kind]) as theirs,
        theirs.stream(frames, prior_every=2, smooth=0.6) as expected,
    ):
        restore = ours.stream(prior_every=2, smooth=0.6)
        for frame, picture in zip(frames, expected, strict=True):
            assert np.abs(restore(frame).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("levels", RANGES)
def test_frames_are_converted_as_python_does(library, layout, matrix, levels):
    module, restorect = library
    rgb = np.random.default_rng(7).integers(0, 256, (46, 62, 3), dtype=np.uint8)
    colours = {"matrix": matrix, "range": levels}
    ours = FrameFormat(layout=layout, width=62, height=46, stride=260, **colours)
    theirs = module.Format.of(layout, 62, 46, stride=260, **colours)
    straight = module.Format.of("rgb", 62, 46)
    expected = from_rgb(rgb, ours)
    made = np.zeros(len(expected), np.uint8)
    restorect.call("convert", module.frame(rgb, straight), module.frame(made, theirs))
    assert made.tobytes() == expected
    assert (restorect.convert(made, theirs, straight).reshape(rgb.shape) == to_rgb(expected, ours)).all()


def test_errors_have_the_codes_and_texts_of_the_command_line(library, artifacts, tmp_path, photo):
    module, restorect = library
    spoilt = tmp_path / "spoilt"
    shutil.copytree(artifacts["split"], spoilt)
    (spoilt / "body.bin").write_bytes(b"")
    for path, code, text in (
        (tmp_path / "none", 1, "no artifact at"),
        (spoilt, 4, "body.bin' was changed after the export"),
        (tmp_path, 4, "has no manifest.json"),
    ):
        with pytest.raises(module.Code, match=text) as raised:
            restorect.open(path)
        assert raised.value.code == code
    with pytest.raises(module.Code, match="device 'tpu' is not available") as raised:
        restorect.open(artifacts["split"], device="tpu")
    assert raised.value.code == 5
    with (
        restorect.open(artifacts["whole"]) as restore,
        pytest.raises(module.Code, match="cannot be chosen") as raised,
    ):
        restore(photo, tile=8)
    assert raised.value.code == 1


def test_everything_is_formatted(run):
    formatter = Path(sys.executable).with_name("clang-format")
    run(formatter, "--dry-run", "--Werror", *CODE)


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
