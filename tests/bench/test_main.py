"""The command line: what it prints and writes, what it refuses before any work, and its exit codes."""

import json
import sys
from pathlib import Path

import pytest

from restorect_edge.bench import run as module
from restorect_edge.bench.measure.record import Report
from restorect_edge.cli.bench import main

QUICK = ("--quick", "--runs", "5", "--duration", "0.05", "--threads", "1")


def bench(*arguments):
    return main([*map(str, arguments), *QUICK])


def test_a_table_verdicts_and_three_files(artifact_onnx, model, tmp_path, capsys):
    theirs, folder = model((1, 3, 64, 96)), tmp_path / "made" / "report"
    assert bench(artifact_onnx.path, "--onnx", theirs, "-o", folder) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == [
        "image",
        "rank",
        "p50",
        "in",
        "ms",
        "(interval)",
        "p95",
        "model",
        "memory",
        "roofline",
        "psnr",
    ]
    assert lines[1].startswith("theirs FP32 · ONNX Runtime ")
    assert lines[2].startswith("lowlight-small FP32 · ONNX Runtime ")
    ranks = [line.split("96×64")[1].split()[0] for line in lines[1:3]]
    assert lines[3] == ""
    said = {  # on a busy machine the intervals of so short a run may overlap
        ("1", "2"): "96×64: theirs FP32 · ONNX Runtime is faster than lowlight-small FP32",
        ("1", "1"): "96×64: no difference between theirs FP32 · ONNX Runtime and lowlight-small FP32",
    }
    assert lines[4].startswith(said[tuple(ranks)])
    assert [line.rpartition("/")[2] for line in lines[-3:]] == ["report.json", "report.md", "report.html"]
    assert err.startswith("license of lowlight-small: ") and err.count("\n") == 1
    report = Report.open(folder / "report.json")
    assert [row.status for row in report.rows] == ["measured", "measured"]
    assert lines[4] in (folder / "report.md").read_text()
    words = "is faster than" if ranks == ["1", "2"] else "no difference"
    assert words in (folder / "report.html").read_text()

    before = (folder / "report.json").read_bytes()
    assert bench(artifact_onnx.path, "-o", folder) == 1
    assert f"'{folder / 'report.json'}' exists; use --overwrite" in capsys.readouterr().err
    assert (folder / "report.json").read_bytes() == before
    assert bench(artifact_onnx.path, "-o", folder, "--overwrite") == 0
    assert len(Report.open(folder / "report.json").rows) == 1


@pytest.mark.parametrize("by", ["path", "name"])
def test_verdicts_against_any_row(artifact_onnx, model, tmp_path, capsys, by):
    theirs = model((1, 3, 64, 96))
    named = theirs if by == "path" else "theirs"
    assert bench(artifact_onnx.path, "--onnx", theirs, "--against", named, "-o", tmp_path / "report") == 0
    ours, other = "lowlight-small FP32 · ONNX Runtime", "theirs FP32 · ONNX Runtime"
    # on a busy machine a few runs may not tell them apart; what is compared with what is said all the same
    told = {f"96×64: {ours} is slower than {other}", f"96×64: no difference between {ours} and {other}"}
    out, page = capsys.readouterr().out, (tmp_path / "report" / "report.md").read_text()
    assert any(said in out and said in page for said in told), out


def test_against_what_is_not_timed(artifact_onnx, capsys):
    assert bench(artifact_onnx.path, "--against", "theirs.onnx") == 1
    assert f"--against theirs.onnx is none of what is timed: {artifact_onnx.path}" in capsys.readouterr().err


def test_json_is_one_object(artifact_openvino, capsys):
    assert bench(artifact_openvino.path, "--json", "--sustained", "0.05", "--power-mode", "quiet") == 0
    out, err = capsys.readouterr()
    report = Report.from_json(out)
    assert report.device.power_mode == "quiet"
    assert report.protocol.threads == 1
    assert (report.protocol.least_runs, report.protocol.duration_s) == (5, 0.05)
    assert report.rows[0].sustained
    assert err.startswith("license of lowlight-small: ") and err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="says what other systems need")
def test_what_cannot_run_here_is_a_row(artifact_onnx, artifact_coreml, tmp_path, capsys):
    assert bench(artifact_onnx.path, artifact_coreml.path, "-o", tmp_path / "r") == 0
    out = capsys.readouterr().out
    assert "cpuAndNeuralEngine, 96×64: not measured: Core ML predicts on macOS only" in out
    statuses = [row.status for row in Report.open(tmp_path / "r" / "report.json").rows]
    assert statuses == ["measured", *["not measured"] * 4]


@pytest.mark.skipif(sys.platform == "darwin", reason="says what other systems need")
def test_nothing_measured_is_an_error(artifact_coreml, artifact_onnx, tmp_path, capsys):
    assert bench(artifact_coreml.path, "-o", tmp_path / "report") == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("error: Core ML predicts on macOS only")
    assert bench(artifact_onnx.path, "--shapes", "32x32", "-o", tmp_path / "report") == 1
    assert "nothing was measured: made for 64x96" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_a_row_that_fails(artifact_onnx, model, tmp_path, monkeypatch, capsys):
    """A model that is spoilt when its turn comes, beside an artifact that is well."""
    theirs, real = model((1, 3, 64, 96)), module.Session.run

    def run(session):
        (Path(session.candidates[1].place) / "model.onnx").write_bytes(b"")
        return real(session)

    monkeypatch.setattr(module.Session, "run", run)
    assert bench(artifact_onnx.path, "--onnx", theirs, "-o", tmp_path / "report") == 5
    out, err = capsys.readouterr()
    assert "theirs FP32 · ONNX Runtime, 96×64: failed: " in out
    assert "error: 1 of 2 rows failed: " in err
    rows = Report.open(tmp_path / "report" / "report.json").rows
    assert [row.status for row in rows] == ["measured", "failed"]


def test_clocks_that_cannot_be_put_back_cost_no_measurement(artifact_onnx, tmp_path, monkeypatch, capsys):
    from restorect_edge.bench.platforms.device import Machine

    policy = tmp_path / "root" / "sys/devices/system/cpu/cpufreq/policy0"
    policy.mkdir(parents=True)
    (policy / "scaling_governor").write_text("powersave")
    real = module.Session._groups

    def groups(session):
        (policy / "scaling_governor").unlink(missing_ok=True)
        return real(session)

    monkeypatch.setattr(module.Session, "_groups", groups)
    monkeypatch.setattr(module, "Machine", lambda: Machine(tmp_path / "root"))
    assert bench(artifact_onnx.path, "--lock-clocks", "-o", tmp_path / "report") == 5
    assert "could not put back" in capsys.readouterr().err
    assert Report.open(tmp_path / "report" / "report.json").rows[0].status == "measured"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 1, "nothing to time: give an ARTIFACT"),
        (["lowlight-smal"], 1, "did you mean 'lowlight-small'"),
        (["lowlight-small", "--duration", "-1"], 1, "--duration is at least 0, got -1"),
        (["lowlight-small", "--duration", "nan"], 1, "--duration is at least 0, got nan"),
        (["lowlight-small", "--runs", "0"], 1, "--runs is at least 1, got 0"),
        (["lowlight-small", "--sustained", "inf"], 1, "--sustained is at least 0, got inf"),
        (["lowlight-small", "--threads", "0"], 1, "--threads is at least 1, got 0"),
        (["lowlight-small", "--shapes", "64"], 1, "'64' is not a shape"),
        (["lowlight-small", "--power-mode", "15W", "MAXN"], 1, "several are for --host"),
        (["lowlight-small", "-o", "FILE/report"], 1, "is no folder"),
        (["--onnx", "none.onnx"], 1, "there is no file 'none.onnx'"),
        (["lowlight-small", "--host", "user@jetson"], 1, "--host needs -o DIR"),
        (["lowlight-small", "--bundle", "jetson"], 1, "--bundle needs -o FILE"),
        (["x", "--host", "a@b", "-o", "OUT", "--profile"], 1, "are not for --host"),
        (["--nonsense"], 1, "see: restorect-edge bench --help"),
    ],
)
def test_wrong_usage(arguments, code, said, tmp_path, capsys):
    (tmp_path / "file").touch()
    places = {"OUT": tmp_path / "out", "FILE/report": tmp_path / "file" / "report"}
    words = [str(places.get(word, word)) for word in arguments]
    assert main(words) == code
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_a_model_that_takes_no_image(model, capsys):
    assert main(["--onnx", str(model((1, 128)))]) == 4
    assert "takes x0: float32 1x128" in capsys.readouterr().err


def test_locked_clocks_need_a_machine_that_has_them(artifact_onnx, monkeypatch, tmp_path, capsys):
    from restorect_edge.bench.platforms.device import Machine

    monkeypatch.setattr(module, "Machine", lambda: Machine(tmp_path))
    assert bench(artifact_onnx.path, "--lock-clocks") == 5
    assert "offers no clock governors" in capsys.readouterr().err


@pytest.mark.usefixtures("interrupted")
def test_an_interruption_keeps_what_was_measured(artifact_split, tmp_path, capsys):
    arguments = artifact_split.path, "--shapes", "24x40,64x96", "-o", tmp_path / "report"
    assert bench(*arguments) == 130
    rows = Report.open(tmp_path / "report" / "report.json").rows
    assert [row.status for row in rows] == ["measured", "not measured"]


def test_a_kit(artifact_tensorrt, tmp_path, capsys):
    kit = tmp_path / "kit.tar.gz"
    assert main([str(artifact_tensorrt.path), "--bundle", "jetson", "-o", str(kit)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{kit}\n"
    assert "next: scp " in err
    made = kit.read_bytes()
    assert main([str(artifact_tensorrt.path), "--bundle", "jetson", "-o", str(kit)]) == 1
    assert "use --overwrite" in capsys.readouterr().err
    assert kit.read_bytes() == made


def test_a_report_is_json_of_the_schema(artifact_onnx, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    from restorect_edge.bench.measure.record import json_schema

    assert bench(artifact_onnx.path, "-o", tmp_path) == 0
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), json_schema())
