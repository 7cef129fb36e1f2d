"""The drift command: table, JSON and plot, from weights and from artifacts, and clear errors."""

import importlib.util
import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace

import pytest
from PIL import Image
from safetensors.torch import save_file

import restorect_edge
from restorect_edge.artifact import Artifact, hash_files
from restorect_edge.cli.drift import main
from restorect_edge.media.photos import photos
from restorect_edge.models import build
from restorect_edge.quantization.plan import PLAN_FILE
from restorect_edge.quantization.recipe import RECIPE_FILE

pytest.importorskip("nncf")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A nano student with fresh weights, for the low-light task."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(build("nano-means").state_dict(), path)
    path.with_suffix(".json").write_text('{"name": "tiny", "preset": "nano-means", "task": "lowlight"}')
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two photographs of 96x64."""
    folder = tmp_path_factory.mktemp("data") / "dark"
    folder.mkdir()
    for name, image in list(photos((64, 96)).items())[:2]:
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


@dataclass(frozen=True)
class Made:
    """What one run printed."""

    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report") / "drift"


@pytest.fixture(scope="module")
def made(weights, data, folder):
    """A run on weights, with a folder for the report."""
    pytest.importorskip("matplotlib")
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert main([str(weights), "--data", str(data), "-o", str(folder)]) == 0
    return Made(out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def artifact(weights, data, tmp_path_factory):
    """The same student, calibrated on the same photographs, for ONNX Runtime, without its verification."""
    return _artifact(weights, data, tmp_path_factory.mktemp("artifact"))


def _artifact(weights, data, folder):
    """Put together what the drift report reads of an INT8 artifact; fresh weights would fail verification."""
    from restorect_edge.artifact import GraphFile, hash_files
    from restorect_edge.cli.calibrate import main as calibrate

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        arguments = ["-w", str(weights), "--data", str(data), "-o", str(folder / PLAN_FILE)]
        assert calibrate(arguments) == 0
        with restorect_edge.load(str(weights), runtime="torch") as runtime:
            manifest = runtime.info
    (folder / "model.onnx").write_bytes(b"not read by the drift report")
    graphs = (GraphFile(role="whole", file="model.onnx", shape=(64, 96)),)
    manifest = replace(
        manifest,
        target="onnx",
        precision="int8",
        form="whole",
        prior=None,
        graphs=graphs,
        files=hash_files(folder),
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return Artifact.open(folder)


def test_the_table_has_every_module_and_marks_the_worst(made):
    lines = made.out.splitlines()
    assert lines[0] == (
        "tiny: INT8, calibrated on the same photographs, against float32, 2 photographs, folder 'dark'"
    )
    assert lines[1].split() == ["SNR", "dB", "cosine", "alone", "dB"]
    names = [line.split("  ")[0] for line in lines[2:] if not line.startswith("#")]
    assert names[0] == "prior.decomposition.layers.0"
    assert names[-2:] == ["body", "student"]
    assert {"prior.image_flow step 4", "body.decode1.0.first", "body.down2"} <= set(names)
    assert sum(" ← worst" in line or ", worst alone" in line for line in lines) in (1, 2)


def test_the_marked_row_has_the_least_decibels(made, folder):
    report = json.loads((folder / "drift.json").read_text())
    rows = {row["name"]: row for row in report["modules"] if row["stage"] in ("prior", "body")}
    snr = {name: row["snr_db"] for name, row in rows.items() if row["snr_db"] is not None}
    assert report["worst"] == min(snr, key=snr.get)
    (marked,) = (line for line in made.out.splitlines() if line.endswith(("← worst", "← worst, worst alone")))
    assert marked.startswith(f"{report['worst']} ")
    assert f" {snr[report['worst']]:.1f} " in marked
    assert "█" in marked


def test_the_report_says_on_what_it_was_measured(made, folder, data):
    report = json.loads((folder / "drift.json").read_text())
    assert (report["name"], report["photographs"]) == ("tiny", 2)
    assert report["photographs_source"] == "folder 'dark'"
    assert len(report["photographs_sha256"]) == 64
    assert "warning: calibrated on 2 different photographs" in made.err
    assert f"wrote {folder / 'drift.png'}" in made.err


def test_the_plot_is_a_picture_with_marks(made, folder):
    with Image.open(folder / "drift.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 1020
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 50


def test_an_artifact_gives_what_its_weights_gave(made, folder, artifact, weights, data, capsys):
    assert main([str(artifact.path), "-w", str(weights), "--data", str(data), "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["quantised"] == "rebuilt from its plan"
    assert report["modules"] == json.loads((folder / "drift.json").read_text())["modules"]
    assert "calibrat" not in err


def test_no_nncf_is_needed_for_an_artifact(artifact, weights, data, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "nncf" else find(n, *a))
    arguments = ["--data", str(data), "--num", "1", "--json"]
    assert main([str(artifact.path), "-w", str(weights), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["photographs"] == 1


# what is refused


def refused(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert out == ""
    return code, err


def test_an_artifact_in_floating_point(capsys, artifact, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(artifact.path, copied)
    (copied / "manifest.json").write_text(replace(artifact.manifest, precision="fp32").to_json())
    code, err = refused(capsys, copied)
    assert code == 1
    assert "is fp32; drift is between float32 and int8: export with --precision int8" in err


def test_an_artifact_of_other_weights(capsys, artifact, data):
    code, err = refused(capsys, artifact.path, "-w", "lowlight-small", "--data", data)
    assert code == 4
    assert "was made from other weights than 'lowlight-small'" in err


def test_an_artifact_whose_weights_are_not_here(capsys, artifact, data):
    code, err = refused(capsys, artifact.path, "--data", data)
    assert code == 1
    assert "made from weights 'tiny', which are not shipped; name their file" in err


def test_an_edited_plan(capsys, artifact, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(artifact.path, copied)
    (copied / PLAN_FILE).write_text("{}")
    code, err = refused(capsys, copied)
    assert code == 4
    assert "was changed after the export" in err


def test_a_fine_tuned_artifact_cannot_be_rebuilt_and_says_why(capsys, artifact, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(artifact.path, copied)
    recipe = json.loads((copied / RECIPE_FILE).read_text())
    (copied / RECIPE_FILE).write_text(json.dumps({**recipe, "qat_steps": 5}))
    (copied / "manifest.json").write_text(replace(artifact.manifest, files=hash_files(copied)).to_json())
    code, err = refused(capsys, copied)
    assert code == 1
    assert "was fine-tuned with --qat, so it has other weights than those it was made from" in err


def test_a_second_name_for_weights(capsys, weights):
    code, err = refused(capsys, weights, "-w", weights)
    assert code == 1
    assert "--weights is for artifacts" in err


def test_a_plot_that_is_no_png(capsys, weights):
    code, err = refused(capsys, weights, "--plot", "drift.svg")
    assert code == 1
    assert "--plot writes a PNG image, got 'drift.svg'" in err


@pytest.mark.parametrize(
    ("library", "extra", "arguments"),
    [("matplotlib", "report", ["--plot", "drift.png"]), ("nncf", "calibrate", [])],
)
def test_a_missing_library_is_named(capsys, monkeypatch, weights, library, extra, arguments):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == library else find(n, *a))
    code, err = refused(capsys, weights, *arguments)
    assert code == 3
    assert f"no module '{library}'" in err
    assert f"pip install 'restorect-edge[{extra}]'" in err


def test_an_output_that_cannot_be_written(capsys, artifact, weights, data, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "file").write_text("")
    arguments = ["-w", weights, "--data", data, "--num", 1, "-o", tmp_path / "file"]
    code, err = refused(capsys, artifact.path, *arguments)
    assert code == 1
    assert f"cannot write '{tmp_path / 'file'}'" in err
