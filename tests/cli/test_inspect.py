"""The inspect command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from restorect_edge.artifact import Artifact, GraphFile, PriorSpec
from restorect_edge.cli.inspect import describe, main, next_commands, takes
from restorect_edge.cli.run import main as run
from restorect_edge.spec import ImageSpec, SizeRequirements


def test_the_summary_says_what_one_must_know(artifact_onnx, capsys):
    assert main([str(artifact_onnx.path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    facts = artifact_onnx.manifest
    for expected in (
        "lowlight-small for onnx, fp32, whole",
        str(artifact_onnx.path),
        "images of up to 64x96 (height x width)",
        "multiples of 8",
        "image: float32 NCHW, RGB, 0.0 to 1.0",
        "4 Euler steps",
        facts.weights["sha256"][:12],
        facts.weights["license"],
        "pass: ",
        "by ONNX Runtime",
        "model.onnx 64x96",
        f"{artifact_onnx.bytes:,} bytes",
        facts.tools["torch"],
        facts.created,
        f"restorect-edge verify {artifact_onnx.path}",
        f"restorect-edge run {artifact_onnx.path} frame-96x64.jpg",
    ):
        assert expected in out


def test_what_comes_next_takes_the_picture_that_it_names(artifact_onnx, tmp_path, monkeypatch):
    command = list(next_commands(artifact_onnx))[-1].split()
    width, height = map(int, Path(command[-1]).stem.removeprefix("frame-").split("x"))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (width, height), "gray").save(command[-1])
    assert run(command[2:]) == 0


def test_json_is_the_manifest_with_sizes(artifact_onnx, capsys):
    assert main([str(artifact_onnx.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == str(artifact_onnx.path)
    assert found["bytes"] == artifact_onnx.bytes == found["sizes"]["model.onnx"]
    assert found["sizes"].keys() == found["manifest"]["files"].keys()
    on_disk = json.loads((artifact_onnx.path / "manifest.json").read_text())
    assert found["manifest"] == on_disk


@pytest.mark.parametrize(
    ("shapes", "halo", "multiple", "expected"),
    [
        ([(64, 96), (128, 96)], None, 1, "images of up to 64x96, 128x96 (height x width)"),
        ([(64, 96)], 12, 1, "any size, by tiles of 64x96"),
        ([None], None, 1, "any size"),
        ([None], 12, 1, "any size, large ones by tiles"),
        ([None], None, 8, "any size; the runtime pads sides to multiples of 8 and crops back"),
    ],
)
def test_sizes_in_words(artifact_onnx, shapes, halo, multiple, expected):
    graphs = (GraphFile(role="prior", file="p"), *(GraphFile(role="body", file="b", shape=s) for s in shapes))
    spec = ImageSpec(halo=halo, size=SizeRequirements(minimum=multiple, multiple_of=multiple))
    assert takes(replace(artifact_onnx.manifest, graphs=graphs, spec=spec)) == expected


def test_a_network_of_ones_own_and_options_and_scale(artifact_onnx):
    restored = {**artifact_onnx.manifest.input["restored"], "scale": 2}
    manifest = replace(
        artifact_onnx.manifest,
        weights={},
        steps=None,
        verification={},
        prior=PriorSpec(thumbnail=128, pool=4),
        options={"minimum_deployment_target": "ios17"},
        input={"restored": restored},
    )
    lines = dict(describe(Artifact(artifact_onnx.path, manifest)))
    assert lines["weights"].startswith("a network of one's own")
    assert lines["verified"] == "not verified"
    assert lines["option"] == "minimum_deployment_target ios17"
    assert lines["output"].endswith("0.0 to 1.0, 2 times as large")
    assert "steps" not in lines
    assert "input" not in lines


def test_a_tensorrt_artifact_says_how_to_build_its_engine(artifact_onnx):
    artifact = Artifact(artifact_onnx.path, replace(artifact_onnx.manifest, target="tensorrt"))
    assert list(next_commands(artifact))[-1].endswith(f"python3 {artifact.path.name}/build_engine.py")
    assert len(list(next_commands(artifact_onnx))) == 2
