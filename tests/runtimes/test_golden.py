"""The golden vectors: what they are pinned to, how they are judged, and the Python runtimes on them."""

import importlib
import json
import shutil
import sys
from dataclasses import asdict

import numpy as np
import pytest

from restorect_edge import load
from restorect_edge.artifact import file_hash
from restorect_edge.errors import IncompatibleError
from restorect_edge.media.frames import MATRICES, RANGES, SHIFT, coefficients, to_rgb
from restorect_edge.weights import locate

SIDES = (64, 96)
"""Of the whole artifacts of this suite."""


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "runtimes" / "golden"


@pytest.fixture(scope="module")
def modules(folder):
    sys.path.insert(0, str(folder))
    yield importlib.import_module("vectors"), importlib.import_module("run_python")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def golden(modules):
    return modules[0].read()


def test_they_are_pinned_to_the_shipped_weights(golden):
    weights = golden[0]["weights"]
    assert weights["sha256"] == file_hash(locate(weights["name"])), "python runtimes/golden/make_golden.py"


def test_they_say_what_the_prior_looks_at(golden):
    with load(golden[0]["weights"]["name"], device="cpu") as restore:
        assert golden[0]["prior"] == asdict(restore.info.prior)


def test_they_hold_every_layout_form_and_colour(golden):
    frames = [vector.frame for vector in golden[1]]
    # spec/frames has every layout and matrix; these are restored too
    assert {frame.layout for frame in frames} == {"rgb", "bgr", "bgra", "nv12", "yuyv"}
    assert {vector.form for vector in golden[1]} == {"whole", "split", "tiled", "convert"}
    for layout in ("nv12", "yuyv"):
        found = {(f.matrix, f.range) for f in frames if f.layout == layout}
        assert found == {(matrix, levels) for matrix in ("bt601", "bt709") for levels in RANGES}
    assert any(frame.stride > frame.row_bytes for frame in frames)


def test_no_file_is_left_over(golden, folder):
    named = {
        row[key]["file"] for row in golden[0]["vectors"] for key in ("input", "rgb", "output") if row[key]
    }
    assert named == {path.name for path in folder.glob("*.bin")}


def test_the_integers_of_the_conversion_are_those_of_the_package(golden):
    written = golden[0]["conversion"]
    assert written["shift"] == SHIFT
    for matrix in MATRICES:
        for levels in RANGES:
            assert tuple(written["coefficients"][matrix][levels]) == coefficients(matrix, levels)


def test_frames_become_rgb_to_the_byte(golden):
    for vector in golden[1]:
        assert np.array_equal(to_rgb(vector.data, vector.frame), vector.rgb), vector.name


def test_the_prior_gives_the_latents(golden):
    name, tolerance = golden[0]["weights"]["name"], golden[0]["tolerance"]["z"]
    vectors = [vector for vector in golden[1] if vector.z is not None]
    assert vectors
    with load(name, device="cpu") as restore:
        for vector in vectors:
            z = restore._z(restore._thumbnail(vector.rgb, vector.padded))
            assert np.abs(z.ravel() - vector.z).max() <= tolerance, vector.name


@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_split_artifacts_pass(name, golden, modules, request):
    source = (
        golden[0]["weights"]["name"] if name == "torch" else request.getfixturevalue("artifact_split").path
    )
    vectors = [vector for vector in golden[1] if vector.form in ("split", "tiled")]
    with load(source, device="cpu", threads=1) as restore:
        found = list(modules[1].restored(restore, vectors, golden[0]["tolerance"], rounds=0))
    assert {line["form"] for line in found} == {"split", "tiled"}
    assert sum(line["vectors"] for line in found) == len(vectors)
    for line in found:
        assert line["passed"] == line["vectors"], line


@pytest.mark.parametrize("target", ["onnx", "openvino", "coreml"])
def test_whole_artifacts_pass(target, golden, modules, request):
    artifact = request.getfixturevalue(f"artifact_{target}")
    vectors = [vector for vector in golden[1] if vector.form == "whole" and vector.padded == SIDES]
    runtime = "mil" if target == "coreml" else None
    with load(artifact.path, device="cpu", threads=1, runtime=runtime) as restore:
        if target == "coreml":
            vectors = vectors[:1]
        found = list(modules[1].restored(restore, vectors, golden[0]["tolerance"], rounds=0))
    assert found
    for line in found:
        assert line["passed"] == line["vectors"], line


def test_the_conversion_has_a_line_for_each_layout(golden, modules):
    found = list(modules[1].converted(golden[1]))
    assert {line["format"] for line in found} == {"rgb", "bgr", "bgra", "nv12", "yuyv"}
    assert all(line["passed"] == line["vectors"] and line["max_difference"] == 0 for line in found)


@pytest.mark.parametrize(
    ("off", "share", "precision", "expected"),
    [(1, 1.0, "fp32", True), (2, 0.001, "fp32", False), (2, 0.0005, "fp16", True), (2, 0.01, "fp16", False)],
)
def test_a_difference_in_levels_is_judged(modules, golden, off, share, precision, expected):
    right = np.full((100, 100, 3), 100, np.uint8)
    wrong = right.copy()
    wrong.reshape(-1)[: int(share * wrong.size)] += np.uint8(off)
    assert modules[0].passes(wrong, right, golden[0]["tolerance"][precision]) is expected


def test_int8_is_judged_in_decibels(modules, golden):
    right = np.full((64, 64, 3), 100, np.uint8)
    tolerance = golden[0]["tolerance"]["int8"]
    assert modules[0].passes(right + np.uint8(1), right, tolerance)
    assert not modules[0].passes(right + np.uint8(3), right, tolerance)


@pytest.mark.parametrize("change", ["edit", "remove", "schema"])
def test_changed_vectors_are_refused(modules, folder, tmp_path, change):
    shutil.copytree(folder, tmp_path / "golden", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    manifest = tmp_path / "golden" / "golden.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    file = tmp_path / "golden" / content["vectors"][0]["input"]["file"]
    if change == "edit":
        file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    elif change == "remove":
        file.unlink()
    else:
        manifest.write_text(json.dumps({**content, "schema_version": 2}), encoding="utf-8")
    with pytest.raises(IncompatibleError, match=r"schema version 2|is missing or was changed"):
        modules[0].read(tmp_path / "golden")
