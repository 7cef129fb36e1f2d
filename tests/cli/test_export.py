"""The export command as a user types it."""

import json

import pytest

from restorect_edge.cli.export import main
from restorect_edge.targets.registry import TARGETS

SMALL = ["--shapes", "64x96"]


def test_json_is_one_object_on_standard_output(tmp_path, capsys):
    assert main(["--target", "openvino", *SMALL, "-o", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    (row,) = json.loads(out)["artifacts"]
    assert set(row) == {"target", "precision", "form", "path", "bytes", "verification", "auto"}
    assert row["auto"] is None
    assert set(row["verification"]) == {"status", "by", "psnr", "max_abs"}
    assert row["verification"]["status"] == "pass"
    assert row["verification"]["psnr"] >= 80
    assert row["bytes"] > 100_000
    assert "verifying" in err


def test_the_last_line_is_the_path_and_a_second_export_needs_overwrite(tmp_path, capsys):
    command = ["--target", "onnx", *SMALL, "-o", str(tmp_path)]
    assert main(command) == 0
    path = capsys.readouterr().out.splitlines()[-1]
    assert path == str(tmp_path / "lowlight-small-onnx-fp32-64x96")
    before = (tmp_path / "lowlight-small-onnx-fp32-64x96" / "manifest.json").read_bytes()
    assert main(command) == 1
    assert "use --overwrite to replace it" in capsys.readouterr().err
    assert (tmp_path / "lowlight-small-onnx-fp32-64x96" / "manifest.json").read_bytes() == before
    assert main([*command, "--overwrite"]) == 0


def test_dry_run_writes_nothing(tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["--target", "all", "--dry-run", "-o", str(folder), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["artifacts"]
    assert [row["target"] for row in rows] == list(TARGETS)
    assert {row["verification"]["status"] for row in rows} == {"not-run"}
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--target", "corml"], 1, "did you mean 'coreml'"),
        ([], 1, "--target is missing"),
        (["--target", "onnx", "--weights", "lowlight-smal"], 1, "did you mean 'lowlight-small'"),
        (["--target", "onnx", "--weights", "none.pt2"], 1, "no weights at 'none.pt2'"),
        (["--target", "onnx", "--precision", "int4"], 1, "invalid choice"),
        (["--target", "onnx", "--shapes", "401x600"], 1, "the next that fits is 408x600"),
        (["--target", "onnx", "--shapes", "big"], 1, "not a shape"),
        (["--target", "onnx", "--dynamic", "--shapes", "64x64"], 1, "choose --dynamic or --shapes"),
        (["--target", "onnx", "--steps", "3"], 1, "steps must be one of 1, 2, 4, 8"),
        (["--target", "onnx", "--steps", "2"], 1, "'lowlight-small' was trained for 4 Euler steps; got 2"),
        (["--target", "onnx", "--halo", "3"], 1, "describe a .pt2 or .onnx network"),
        (["--target", "coreml", "--minimum-deployment-target", "ios9", *SMALL], 1, "ios17"),
    ],
)
def test_mistakes_get_a_message_and_a_code(tmp_path, capsys, arguments, code, message):
    assert main([*arguments, "-o", str(tmp_path / "out")]) == code
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


def test_a_missing_extra_is_named(tmp_path, capsys, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "tensorrt_rtx_bindings" else found(n, *a)
    )
    assert main(["--target", "tensorrt", "-o", str(tmp_path)]) == 3
    assert "pip install 'restorect-edge[tensorrt]'" in capsys.readouterr().err
