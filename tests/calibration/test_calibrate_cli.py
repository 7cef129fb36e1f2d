"""The calibrate command: one plan, the same for the same weights, data and seed, and clear errors."""

import importlib.util
import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from restorect_edge.calibrate import main
from restorect_edge.calibration.dataset import calibration_images
from restorect_edge.models import build
from restorect_edge.models.weights import Weights

pytest.importorskip("nncf")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A nano student with fresh weights, for the low-light task."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(build("nano").state_dict(), path)
    path.with_suffix(".json").write_text('{"name": "tiny", "preset": "nano", "task": "lowlight"}')
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Twenty dark photographs of 96x64 in low/, so that nothing is to be warned of."""
    folder = tmp_path_factory.mktemp("data") / "pairs"
    (folder / "low").mkdir(parents=True)
    found = calibration_images(num=20)
    for name, image in zip(found.names, found.images, strict=True):
        cut = Image.fromarray(np.ascontiguousarray(image[64:128, 64:160]))
        cut.save(folder / "low" / f"{Path(name).stem}.png")
    return folder


@dataclass(frozen=True)
class Made:
    """What one run left behind."""

    plan: Path
    out: str
    err: str


@pytest.fixture(scope="module")
def made(weights, pairs, tmp_path_factory) -> Made:
    """A run with nothing but weights and data given."""
    folder = tmp_path_factory.mktemp("plan")
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        assert main(["-w", str(weights), "--data", str(pairs)]) == 0
    return Made(folder / "out" / "tiny-int8-plan.json", out.getvalue(), err.getvalue())


def test_the_plan_names_its_calibration_set(made, pairs):
    plan = json.loads(made.plan.read_text())
    chosen = calibration_images(pairs)
    assert plan["calibration_sha256"] == chosen.sha256
    assert plan["calibration_source"] == "pairs 'pairs' (low/)"
    assert (plan["images"], plan["seed"]) == (20, 0)


def test_every_tensor_is_symmetric_int8(made):
    tensors = json.loads(made.plan.read_text())["tensors"]
    assert tensors
    for tensor in tensors:
        assert (tensor["dtype"], tensor["zero_point"]) == ("int8", 0)
        assert all(scale > 0 for scale in tensor["scale"])


def test_the_summary_says_what_was_done_and_where(made):
    digest = json.loads(made.plan.read_text())["calibration_sha256"]
    lines = made.out.splitlines()
    assert "activations in int8" in lines[0]
    assert "calibrated on 20 of 20 photographs, 128 asked for, pairs 'pairs' (low/)" in lines
    assert f"  seed 0, sha256 {digest}" in lines
    assert lines[-1] == str(Path("out/tiny-int8-plan.json"))
    assert made.err == "calibrating tiny on 20 photographs, pairs 'pairs' (low/)\n"


def test_the_plan_is_the_same_byte_for_byte(made, weights, pairs, tmp_path, capsys):
    moved = tmp_path / "elsewhere" / "pairs"
    shutil.copytree(pairs, moved)
    again = tmp_path / "again.json"
    assert main(["-w", str(weights), "--data", str(moved), "-o", str(again), "--json"]) == 0
    assert again.read_bytes() == made.plan.read_bytes()
    assert capsys.readouterr().out == made.plan.read_text()


def test_another_choice_gives_another_plan_and_json_alone_no_file(
    made, weights, pairs, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    arguments = ["-w", str(weights), "--data", str(pairs), "--num", "2", "--seed", "1", "--json"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    other, plan = json.loads(out), json.loads(made.plan.read_text())
    assert (other["images"], other["seed"]) == (2, 1)
    assert other["calibration_sha256"] != plan["calibration_sha256"]
    assert other["tensors"] != plan["tensors"]
    assert "warning: calibrated on 2 different photographs; 16 or more are advised\n" in err
    assert not list(tmp_path.iterdir())


# what is refused


def refused(capsys, *arguments: str) -> tuple[int, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    assert out == ""
    return code, err


def test_a_bad_folder_leaves_no_plan(weights, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    Image.new("RGB", (96, 64), (4, 4, 4)).save(tmp_path / "set" / "a.png")
    output = tmp_path / "plan.json"
    code, err = refused(capsys, "-w", str(weights), "--data", str(tmp_path / "set"), "-o", str(output))
    assert code == 1
    assert err.startswith("error: folder 'set' carries no signal")
    assert not output.exists()


def test_an_edited_set_is_incompatible(weights, tmp_path, capsys):
    Image.new("RGB", (96, 64)).save(tmp_path / "a.png")
    images = [{"file": "a.png", "sha256": "0" * 64}]
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"schema": 1, "task": "lowlight", "images": images}))
    code, err = refused(capsys, "-w", str(weights), "--data", str(path))
    assert code == 4
    assert "'a.png' is missing or not the file of that sha256" in err


def test_a_task_without_a_set_needs_data(weights, tmp_path, capsys):
    shutil.copy(weights, tmp_path / "sea.safetensors")
    (tmp_path / "sea.json").write_text('{"name": "sea", "preset": "nano", "task": "underwater"}')
    code, err = refused(capsys, "-w", str(tmp_path / "sea.safetensors"))
    assert code == 1
    assert "'underwater', which no calibration set is shipped for (there is: lowlight); give" in err


def test_only_students_are_quantised(monkeypatch, capsys):
    other = Weights("big", nn.Identity(), {"task": "lowlight"}, "0" * 64, 4)
    monkeypatch.setattr("restorect_edge.models.weights.load_weights", lambda source: other)
    code, err = refused(capsys, "-w", "big")
    assert code == 1
    assert "'big' has no prior and local body" in err


@pytest.mark.parametrize("library", ["torch", "nncf", "torchao"])
def test_a_missing_library_is_named(monkeypatch, capsys, library):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == library else find(name))
    code, err = refused(capsys)
    assert code == 3
    assert f"no module '{library}'" in err
    assert "pip install 'restorect-edge[calibrate]'" in err


@pytest.mark.parametrize(("output", "blocked_by"), [("file/plan.json", "file"), ("folder", "folder")])
def test_an_output_that_cannot_be_written(weights, tmp_path, capsys, output, blocked_by):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    code, err = refused(capsys, "-w", str(weights), "-o", str(tmp_path / output))
    assert code == 1
    assert f"cannot write '{tmp_path / output}': '{tmp_path / blocked_by}' is in the way" in err
