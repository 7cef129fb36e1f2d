"""Two reports: what is slower beyond noise, what the machine itself explains, and what is not compared."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from restorect_edge.bench.compare import compare
from restorect_edge.bench.measure.protocol import PROTOCOL
from restorect_edge.bench.measure.record import Device, Report, Row, Subject
from restorect_edge.cli.compare import main
from restorect_edge.errors import IncompatibleError, UsageError

HOST = Device(kind="host", name="bench host", cpu="a CPU", cores=2, libraries={"onnxruntime": "1.0"})


def samples(milliseconds, seed, spread=0.02):
    noise = np.random.default_rng(seed).normal(1, spread, 200)
    return tuple(float(value) for value in milliseconds * noise)


def row(milliseconds, *, seed=0, machine=1.0, name="lowlight-small", **others):
    values = {
        "subject": Subject(name=name, target="onnx", precision="fp32", form="whole", files={"m": "ab"}),
        "runtime": "onnxruntime",
        "device": "cpu",
        "shape": (400, 600),
        "status": "measured",
        "total_ms": samples(machine * milliseconds, seed),
        "anchor_ms": samples(machine * 5.0, seed + 1),
    }
    return Row(**(values | others))


def report(*rows, **others):
    values = {
        "created": "2026-11-24T00:00:00+00:00",
        "toolkit_version": "0.1.0",
        "device": HOST,
        "protocol": replace(PROTOCOL, threads=2, anchor="products"),
        "rows": rows,
    }
    return Report(**(values | others))


BEFORE = report(row(20.0))


@pytest.mark.parametrize(
    ("milliseconds", "verdict"),
    [(20.0, "no difference"), (22.0, "slower"), (18.0, "faster"), (20.3, "no difference")],
)
def test_verdicts(milliseconds, verdict):
    (change,) = compare(BEFORE, report(row(milliseconds, seed=7))).changes
    assert change.verdict == verdict
    assert change.ratio == pytest.approx(milliseconds / 20, rel=0.01)


def test_a_slower_machine_is_not_a_slower_artifact():
    found = compare(BEFORE, report(row(20.0, seed=7, machine=1.3)))
    (change,) = found.changes
    assert change.verdict == "no difference"
    assert change.machine == pytest.approx(1.3, rel=0.01)
    assert change.corrected and re.search(r"\+(29|30)\.\d %, taken out", found.as_text())
    assert change.after_ms.value == pytest.approx(26, rel=0.01), "what was measured is shown as it is"
    assert found.notes == ()


def test_a_slower_artifact_on_a_faster_machine():
    (change,) = compare(BEFORE, report(row(22.0, seed=7, machine=0.9))).changes
    assert (change.verdict, change.machine) == ("slower", pytest.approx(0.9, rel=0.01))


def test_the_anchors_noise_is_not_taken_for_another_machine():
    noisy = [row(ms, seed=at, anchor_ms=samples(5.0, at + 9, 0.4)) for ms, at in ((20.0, 0), (22.0, 7))]
    (change,) = compare(report(noisy[0]), report(noisy[1])).changes
    assert abs(change.machine - 1) > 0.005
    assert (change.corrected, change.verdict) == (False, "slower")
    assert change.ratio == pytest.approx(1.1, rel=0.005)
    assert "noise" in compare(report(noisy[0]), report(noisy[1])).as_text()


def test_another_anchor_corrects_nothing():
    other = report(row(20.0, seed=7, machine=1.3), protocol=replace(BEFORE.protocol, anchor="other"))
    found = compare(BEFORE, other)
    assert (found.changes[0].verdict, found.changes[0].machine) == ("slower", None)
    assert any("not corrected for a slower machine" in note for note in found.notes)


def test_noise_hides_a_small_change():
    noisy = [row(ms, total_ms=samples(ms, seed, 0.5)) for ms, seed in ((20.0, 1), (21.0, 2))]
    assert compare(report(noisy[0]), report(noisy[1])).changes[0].verdict == "no difference"


def test_the_threshold_is_the_least_change_that_counts():
    after = report(row(21.0, seed=7))
    assert compare(BEFORE, after, threshold=0.03).changes[0].verdict == "slower"
    assert compare(BEFORE, after, threshold=0.08).changes[0].verdict == "no difference"


def test_rows_are_matched_and_the_others_named():
    before = report(row(20.0), row(30.0, shape=(720, 1280)), row(9.0, name="gone"))
    hot = row(60.0, shape=(720, 1280), status="throttled", reason="hot")
    found = compare(before, report(hot, row(20.0, seed=3), row(5.0, name="new")))
    assert [change.name for change in found.changes] == ["lowlight-small FP32 · ONNX Runtime, 600×400"]
    assert found.left_out == (
        "lowlight-small FP32 · ONNX Runtime, 1280×720: measured before, throttled after",
        "gone FP32 · ONNX Runtime, 600×400: only before",
        "new FP32 · ONNX Runtime, 600×400: only after",
    )


def test_versions_that_differ_are_named():
    after = report(row(20.0), device=replace(HOST, libraries={"onnxruntime": "2.0"}, governor="powersave"))
    assert compare(BEFORE, after).notes == (
        "governor differs: None before, powersave after",
        "onnxruntime differs: 1.0 before, 2.0 after",
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"device": replace(HOST, name="other")}, "name is 'bench host' before and 'other' after"),
        ({"device": replace(HOST, cores=4)}, "cores is 2 before and 4 after"),
        ({"device": replace(HOST, clocks_locked=True)}, "clocks locked is None before and True after"),
        ({"protocol": replace(PROTOCOL, threads=None)}, "2 threads before and any number of after"),
    ],
)
def test_what_cannot_be_compared(changed, said):
    with pytest.raises(IncompatibleError, match=said):
        compare(BEFORE, report(row(20.0), **changed))


def test_no_row_in_common():
    with pytest.raises(UsageError, match=r"no row was measured in both reports: .*: only before"):
        compare(BEFORE, report(row(20.0, name="other")))


@pytest.fixture
def saved(tmp_path):
    def save(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else content.to_json())
        return str(path)

    return save


def test_exit_codes_and_table(saved, capsys):
    before, slow = saved("a.json", BEFORE), saved("b.json", report(row(22.0, seed=7)))
    assert main([before, before]) == 0
    out, err = capsys.readouterr()
    assert "no difference" in out and err == ""
    assert main([before, slow]) == 2
    out, err = capsys.readouterr()
    cells = out.splitlines()[1]
    assert cells.startswith("lowlight-small FP32 · ONNX Runtime, 600×400  20") and cells.endswith("slower")
    assert "+10." in cells or "+9." in cells
    assert err == "error: 1 of 1 rows are slower beyond noise\n"
    assert main([before, slow, "--threshold", "15"]) == 0
    assert main([slow, before]) == 0, "faster is no failure"


def test_json(saved, capsys):
    before, slow = saved("a.json", BEFORE), saved("b.json", report(row(22.0, seed=7)))
    assert main([before, slow, "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["changes"][0]["verdict"] == "slower"
    assert found["changes"][0]["same_files"] is True


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("{}", 4, "report.created is missing"),
        ('{"schema_version": 99}', 4, "schema_version is 99, this version of restorect_edge reads up to"),
        ("no JSON", 4, "not strict JSON"),
        (None, 1, "cannot read "),
    ],
)
def test_files_that_are_no_reports(saved, tmp_path, content, code, said, capsys):
    other = str(tmp_path / "none.json") if content is None else saved("b.json", content)
    assert main([saved("a.json", BEFORE), other]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("threshold", ["-1", "100", "nan"])
def test_a_threshold_is_a_percentage(saved, threshold, capsys):
    path = saved("a.json", BEFORE)
    assert main([path, path, "--threshold", threshold]) == 1
    assert "--threshold is a percentage from 0 to below 100" in capsys.readouterr().err


def test_it_is_part_of_bench(saved, capsys):
    from restorect_edge.cli.verbs import main as cli

    path = saved("a.json", BEFORE)
    assert cli(["bench", "compare", path, path]) == 0
    assert "no difference" in capsys.readouterr().out
