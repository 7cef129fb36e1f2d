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

from restorect_edge.cli.calibrate import main
from restorect_edge.models import build
from restorect_edge.models.weights import Weights
from restorect_edge.quantization.data.dataset import calibration_images

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
    recipe: Path
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
    made = folder / "out"
    return Made(made / "tiny-int8-plan.json", made / "tiny-int8-recipe.json", out.getvalue(), err.getvalue())


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
    assert lines[-3].startswith("quality drop ")
    assert lines[-2:] == [str(Path("out/tiny-int8-plan.json")), str(Path("out/tiny-int8-recipe.json"))]
    said = made.err.splitlines()
    assert said[0] == "license of tiny: not stated"
    assert said[1] == "calibrating tiny on 20 photographs, pairs 'pairs' (low/)"
    assert all("flat frames" in line for line in said[2:])


def test_the_recipe_says_what_was_measured(made, pairs):
    recipe = json.loads(made.recipe.read_text())
    assert recipe["cpu"] == "portable"
    assert recipe["calibration_sha256"] == calibration_images(pairs).sha256
    assert (recipe["validation_source"], recipe["validation_images"]) == (
        "shipped photographs for 'lowlight'",
        4,
    )
    assert max(recipe["psnr_drop"], recipe["psnr_drop_before"]) <= recipe["max_psnr_drop"] == 0.1
    assert recipe["flat_shift"] <= recipe["max_flat_shift"]
    assert (recipe["returned"], recipe["ranking"]) == ([], [])


def test_the_plan_and_the_recipe_are_the_same_byte_for_byte(made, weights, pairs, tmp_path, capsys):
    moved = tmp_path / "elsewhere" / "pairs"
    shutil.copytree(pairs, moved)
    again = tmp_path / "again.json"
    assert main(["-w", str(weights), "--data", str(moved), "-o", str(again), "--json"]) == 0
    assert again.read_bytes() == made.plan.read_bytes()
    assert (tmp_path / "again-recipe.json").read_bytes() == made.recipe.read_bytes()
    out, err = capsys.readouterr()
    assert out == made.plan.read_text()
    assert "\nquality drop " in err


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


def test_validation_pairs_of_ones_own_a_recipe_and_a_cpu_where_asked(weights, pairs, tmp_path, capsys):
    shutil.copytree(pairs / "low", tmp_path / "val" / "low")
    shutil.copytree(pairs / "low", tmp_path / "val" / "high")
    recipe = tmp_path / "decision.json"
    arguments = [
        "-w",
        str(weights),
        "--data",
        str(pairs),
        "--num",
        "2",
        "--validation",
        str(tmp_path / "val"),
    ]
    arguments += ["--max-psnr-drop", "2", "--cpu", "vnni"]
    assert main([*arguments, "--recipe", str(recipe), "--json"]) == 0
    found = json.loads(recipe.read_text())
    assert (found["validation_source"], found["validation_images"]) == ("pairs 'val'", 20)
    assert (found["max_psnr_drop"], found["cpu"]) == (2.0, "vnni")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decision.json", "val"]


def test_a_task_without_clean_photographs_is_not_passed_in_silence(weights, pairs, tmp_path, capsys):
    shutil.copy(weights, tmp_path / "eye.safetensors")
    (tmp_path / "eye.json").write_text('{"name": "eye", "preset": "nano", "task": "fundus"}')
    arguments = ["-w", str(tmp_path / "eye.safetensors"), "--data", str(pairs), "--num", "2"]
    assert main([*arguments, "-o", str(tmp_path / "plan.json")]) == 0
    assert "quality drop not measured: there are no clean images; give pairs" in capsys.readouterr().out
    assert json.loads((tmp_path / "plan-recipe.json").read_text())["psnr_drop"] is None


# what is refused


def refused(capsys, *arguments: str) -> tuple[int, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    assert out == ""
    return code, err.removeprefix("license of tiny: not stated\n")


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
    shutil.copy(weights, tmp_path / "eye.safetensors")
    (tmp_path / "eye.json").write_text('{"name": "eye", "preset": "nano", "task": "fundus"}')
    code, err = refused(capsys, "-w", str(tmp_path / "eye.safetensors"))
    assert code == 1
    assert "no calibration set is shipped for the task 'fundus' (there are: backlit, lowlight" in err


@pytest.mark.parametrize("task", ["backlit", "underwater"])
def test_weights_are_calibrated_and_measured_on_pictures_of_their_task(weights, task, tmp_path, capsys):
    shutil.copy(weights, tmp_path / "other.safetensors")
    (tmp_path / "other.json").write_text(json.dumps({"name": "other", "preset": "nano", "task": task}))
    arguments = ["-w", str(tmp_path / "other.safetensors"), "--num", "2", "--max-psnr-drop", "9"]
    assert main([*arguments, "-o", str(tmp_path / "plan.json")]) == 0
    plan, recipe = (json.loads((tmp_path / f"plan{end}.json").read_text()) for end in ("", "-recipe"))
    assert plan["calibration_source"] == f"shipped set '{task}'"
    assert plan["calibration_sha256"] == calibration_images(task=task, num=2).sha256
    assert recipe["validation_source"] == f"shipped photographs for '{task}'"
    capsys.readouterr()


def test_only_students_are_quantized(monkeypatch, capsys):
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-psnr-drop", "-1"], "--max-psnr-drop is a loss in dB, 0 or more, such as 0.10; got -1.0"),
        (["--max-psnr-drop", "nan"], "--max-psnr-drop is a loss in dB, 0 or more, such as 0.10; got nan"),
        (["--qat", "0"], "--qat is a time in minutes, more than 0; got 0.0"),
        (["--validation", "nowhere"], "no image pairs in 'nowhere': it must hold low/ and high/"),
    ],
)
def test_mistakes_in_the_budget(weights, pairs, capsys, options, message):
    code, err = refused(capsys, "-w", str(weights), "--data", str(pairs), "--num", "1", *options)
    assert code == 1
    assert message in err


def test_over_the_budget_no_file_is_left(weights, pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("restorect_edge.quantization.budget.Meter.drop", lambda self, body: 0.2)
    output = tmp_path / "plan.json"
    code, err = refused(capsys, "-w", str(weights), "--data", str(pairs), "--num", "1", "-o", str(output))
    assert code == 2
    assert "INT8 loses 0.200 dB of PSNR on shipped photographs" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "said"), [("file/plan.json", "'{}/file' is no folder"), ("folder", "it is a folder")]
)
def test_an_output_that_cannot_be_written(weights, tmp_path, capsys, output, said):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    code, err = refused(capsys, "-w", str(weights), "-o", str(tmp_path / output))
    assert code == 1
    assert f"cannot write '{tmp_path / output}': " in err
    assert said.format(tmp_path) in err
