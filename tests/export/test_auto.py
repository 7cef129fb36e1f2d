"""``--precision auto`` for real: exported, timed and measured here, one kept, nothing else left."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from restorect_edge.artifact import Artifact
from restorect_edge.cli.export import main
from restorect_edge.errors import BackendError, QualityError, UsageError
from restorect_edge.export import ExportRequest, auto, prepare
from restorect_edge.export.staging import PREFIX
from restorect_edge.export.verify.check import check, find_reference
from restorect_edge.media.photos import clean, photos
from restorect_edge.targets.loading import load
from restorect_edge.targets.registry import TARGETS

for library in ("nncf", "torchao", "openvino", "coremltools"):
    pytest.importorskip(library)

SHAPE = (64, 96)
MADE = ("onnx", "openvino", "coreml")
FEW = {"precision": "auto", "shapes": [SHAPE], "num_calib": 16}


@pytest.fixture(scope="module")
def pairs(saved_pairs):
    """The shipped photographs and their clean targets, a little larger than the artifacts."""
    return saved_pairs(photos((80, 112)), clean((80, 112)))


@pytest.fixture(scope="module")
def run(tmp_path_factory, pairs):
    """The folder, the artifacts by target, and what was said."""
    folder = tmp_path_factory.mktemp("auto")
    request = ExportRequest(**FEW, max_psnr_drop=0.5, validation=pairs, output_dir=folder)
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto, "ROUNDS", 7)
        plan = prepare("lowlight-small", MADE, request)
        made = plan.run(progress=said.append)
    assert [a.path for a in made] == plan.paths
    return folder, {a.manifest.target: a for a in made}, said


def report(artifact):
    return json.loads((artifact.path / "report.json").read_text())["auto"]


@pytest.mark.parametrize("target", MADE)
def test_one_artifact_is_kept_whole(run, target):
    folder, made, _ = run
    artifact = Artifact.open(made[target].path)
    assert artifact.path == folder / f"lowlight-small-{target}-auto-64x96"
    rows = report(artifact)["candidates"]
    assert [row["precision"] for row in rows] == list(auto.CANDIDATES)
    (kept,) = [row for row in rows if row["kept"]]
    assert kept["precision"] == artifact.manifest.precision
    assert kept["bytes"] == artifact.bytes
    assert kept["psnr"] == artifact.manifest.verification["psnr"]
    assert (artifact.path / "quantization.json").is_file() == (kept["precision"] == "int8")


def test_nothing_else_is_left(run):
    folder, made, _ = run
    assert {path.name for path in folder.iterdir()} == {a.path.name for a in made.values()}
    assert not list(folder.rglob(auto.FOLDER))
    assert not list(folder.rglob(f"{PREFIX}*"))


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_what_runs_here_is_timed_and_measured_as_it_runs(run, target):
    facts = report(run[1][target])
    assert (facts["timed_on"]["height"], facts["timed_on"]["width"]) == SHAPE
    assert facts["not_timed"] is None
    assert facts["max_psnr_drop"] == 0.5
    for row in facts["candidates"]:
        assert row["rounds"] == 7
        # The interval of a busy machine may reach down to 0.
        assert 0 <= row["ms_low"] <= row["ms_median"] <= row["ms_high"]
        assert row["ms_median"] > 0
        assert abs(row["psnr_drop"]) < (1e-3 if row["precision"] == "fp32" else 0.5)
    assert any(row["precision"] == "int8" and row["psnr_drop"] != 0 for row in facts["candidates"])


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML runs here")
def test_what_does_not_run_here_is_not_timed_and_says_so(run):
    facts = report(run[1]["coreml"])
    assert facts["timed_on"] is None
    assert run[1]["coreml"].manifest.precision == "fp16"
    for row in facts["candidates"]:
        assert row["ms_median"] is None
        assert row["verdict"].endswith("; speed not measured")
    assert any(line.startswith("coreml: fp16") and "kept: what the target" in line for line in run[2])
    assert any(line.startswith("coreml: speed not measured: Core ML runs on macOS only") for line in run[2])
    assert facts["not_timed"].startswith("Core ML runs on macOS only")


def test_which_targets_run_here():
    assert auto.untimed(TARGETS["onnx"]) == auto.untimed(TARGETS["openvino"]) == ""
    if sys.platform != "darwin":
        assert "macOS only" in auto.untimed(TARGETS["coreml"])


def test_a_back_end_that_fails_says_why_nothing_is_timed(monkeypatch):
    class Absent:
        @classmethod
        def devices(cls):
            raise BackendError("no GPU here")

    monkeypatch.setattr(auto, "backend_class", lambda name: Absent)
    assert auto.untimed(TARGETS["tensorrt"]) == "no GPU here"


def test_the_table_is_said_and_every_line_names_its_target(run):
    for target in MADE:
        lines = [line for line in run[2] if line.startswith(f"{target}: ") and "verdict" in line]
        assert len(lines) == 1
        for precision in auto.CANDIDATES:
            assert any(line.startswith(f"{target}: {precision} ") for line in run[2])


def test_calibration_is_done_once(run):
    assert sum(line.startswith("calibrating INT8") for line in run[2]) == 1


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_the_kept_one_still_verifies_and_runs(run, target, photo):
    artifact = run[1][target]
    assert check(artifact, find_reference(artifact, None)).status == "pass"
    with load(artifact.path) as runtime:
        assert runtime(photo).shape == photo.shape


def test_a_budget_that_int8_cannot_keep_leaves_the_rest(tmp_path, pairs, monkeypatch):
    """Calibration over budget is a rejection, not the end of the export."""

    def refuse(*_, **__):
        raise QualityError("INT8 loses 0.300 dB")

    monkeypatch.setattr(auto, "ROUNDS", 6)
    monkeypatch.setattr(auto, "calibrate", refuse)
    request = ExportRequest(**FEW, validation=pairs, output_dir=tmp_path)
    (made,) = prepare("lowlight-small", ["openvino"], request).run()
    assert made.manifest.precision in ("fp32", "fp16")
    row = report(made)["candidates"][2]
    assert row["verdict"] == "rejected: INT8 loses 0.300 dB"
    assert row["bytes"] is None


def test_a_dry_run_names_the_path_and_makes_nothing(tmp_path, capsys):
    arguments = ["--target", "onnx", "--precision", "auto", "--shapes", "64x96", "--num-calib", "4"]
    assert main([*arguments, "-o", str(tmp_path), "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["artifacts"]
    assert row["precision"] == "auto"
    assert row["path"] == str(tmp_path / "lowlight-small-onnx-auto-64x96")
    assert row["auto"] is None
    assert list(tmp_path.iterdir()) == []


def test_an_existing_artifact_is_not_replaced(run):
    request = ExportRequest(**FEW, output_dir=run[0])
    with pytest.raises(UsageError, match=r"auto-64x96' exists; use --overwrite"):
        prepare("lowlight-small", ["onnx"], request).run()


def test_a_network_of_ones_own_is_refused():
    import torch

    with pytest.raises(UsageError, match=r"int8 and auto of 'identity' need --calib-data"):
        prepare(torch.nn.Identity(), ["onnx"], ExportRequest(precision="auto"))


KILLED = """
import os, sys
from restorect_edge.errors import QualityError
from restorect_edge.export import ExportRequest, pipeline, auto, prepare

def refuse(*_):
    raise QualityError("no INT8, to be quick")

pipeline.calibrate = refuse
auto._measured = lambda *_: os.kill(os.getpid(), 9)
request = ExportRequest(precision="auto", shapes=[(64, 96)], num_calib=4, output_dir=sys.argv[1])
prepare("lowlight-small", ["openvino"], request).run()
"""


def test_what_a_killed_export_leaves_is_hidden_and_cleared_by_the_next(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], stderr=subprocess.PIPE, env=os.environ, check=False
    )
    assert done.returncode == -9, done.stderr
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f"{PREFIX}lowlight-small-openvino-auto-64x96-")
    assert {path.name for path in left.iterdir()} == {auto.FOLDER}
    request = ExportRequest(precision="fp32", shapes=[SHAPE], output_dir=tmp_path)
    (made,) = prepare("lowlight-small", ["openvino"], request).run()
    assert list(tmp_path.iterdir()) == [made.path]


def test_images_are_cut_to_what_the_artifact_takes(run):
    image = np.arange(80 * 112 * 3, dtype=np.uint8).reshape(80, 112, 3)
    cut = auto._fitting(image, run[1]["onnx"])
    assert np.array_equal(cut, image[8:72, 8:104])
    assert np.array_equal(auto._fitting(cut[:32], run[1]["onnx"]), cut[:32])
