"""The table of runtimes: made from the lines of runners, and the committed one from the committed result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from restorect_edge.errors import UsageError

FOLDER = Path(__file__).parents[2] / "benchmarks"
PAGE = FOLDER.parent / "runtimes" / "README.md"
FACTS = {"cpu": "Some CPU", "threads": 1}


def row(**changed):
    whole = {
        "runtime": "a",
        "precision": "fp32",
        "format": "rgb",
        "form": "whole",
        "vectors": 2,
        "passed": 2,
        "max_difference": 1,
        "ms_640x480": None,
        "status": "run here",
    }
    return {**whole, **changed}


def test_a_row_per_runtime_and_form_and_a_column_per_layout(script):
    rows = [
        row(),
        row(format="nv12", vectors=3, passed=1, max_difference=7),
        row(runtime="b", ms_640x480=12.34, max_difference=0),
        row(runtime="c", form=None, precision=None, format=None, vectors=None, status="not compiled here"),
    ]
    lines = script("_runtimes_table").table(rows, FACTS).splitlines()
    assert lines[0] == "| runtime | precision | form | rgb | nv12 | largest difference |"
    assert lines[2] == "| a | fp32 | whole | 2/2 | 1/3 | 7 levels |"
    assert lines[3] == "| b | fp32 | whole | 2/2, 12.3 ms | – | 0 levels |"
    assert lines[4].startswith("| c | not compiled here |")
    assert {line.count("|") for line in lines[:5]} == {7}
    assert "on Some CPU" in lines[-1]
    assert script("_runtimes_table").table(rows[:1], FACTS).endswith("times: not measured.")


def test_the_table_is_replaced_between_its_markers(script, tmp_path):
    module, page = script("_runtimes_table"), tmp_path / "page.md"
    page.write_text(f"before\n{module.START}\nold\n{module.END}\nafter\n")
    for text in ("new", "newer"):
        module.replace_table(page, text)
        assert page.read_text() == f"before\n{module.START}\n\n{text}\n\n{module.END}\nafter\n"
    page.write_text("no markers")
    with pytest.raises(UsageError, match="has no line"):
        module.replace_table(page, "new")


def test_lines_come_once_and_other_machines_are_named(script):
    rows = list(script("runtimes")._distinct(iter([row(), row(), row(form="split")])))
    assert [r["form"] for r in rows if r["vectors"]] == ["whole", "split"]
    assert {r["runtime"]: r["status"] for r in rows if not r["vectors"]} == script("_golden").ELSEWHERE


def test_a_runner_that_is_run_again_leaves_the_lines_of_others(script):
    module = script("runtimes")
    before = {"conditions": {"date": "then", "rounds": 7, "load_before": 1}}
    names = ("openvino", "cpp-openvino", "gstreamer-openvino", "gstreamer-openvino", "tensorrt")
    before["rows"] = [row(runtime=name, format=f"f{at}") for at, name in enumerate(names)]
    before["rows"][-1]["status"] = "not run on device"
    again = [row(runtime="gstreamer-openvino", format=name, ms_640x480=9.0) for name in ("f3", "f9")]
    facts, rows = module._merged(
        before, ["gstreamer"], {"date": "now", "rounds": 9, "load_before": 0}, [*again, before["rows"][-1]]
    )
    assert facts["date"] == "then"
    assert facts["run_again"] == {"gstreamer": {"date": "now", "rounds": 9, "load_before": 0}}
    assert [(r["format"], r["ms_640x480"]) for r in rows] == [
        *[("f0", None), ("f1", None), ("f3", 9.0), ("f4", None), ("f9", 9.0)]
    ]


def test_a_runner_that_breaks_is_no_result(script):
    lines = script("_golden")._lines([sys.executable, "-c", "print('{}'); raise SystemExit(2)"])
    assert list(lines) == [{}]
    with pytest.raises(script("restorect_edge.errors").BackendError, match="exit code 4"):
        list(script("_golden")._lines([sys.executable, "-c", "raise SystemExit(4)"]))


def test_an_unknown_runner_is_named():
    done = subprocess.run(
        [sys.executable, FOLDER / "runtimes.py", "--only", "perl"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "unknown runners perl; known: python, cpp, gstreamer, web, kotlin" in done.stderr


def test_the_committed_table_is_that_of_the_committed_result(script):
    (path,) = FOLDER.rglob("runtimes--host.json")
    result = script("_results").read(path)
    rows, module = result["rows"], script("_runtimes_table")
    text = PAGE.read_text(encoding="utf-8").partition(module.START)[2].partition(module.END)[0]
    assert text.strip() == module.table(rows, result["conditions"])
    assert all(r["passed"] == r["vectors"] for r in rows)
    ran = {(r["runtime"], r["form"]) for r in rows if r["vectors"]}
    for name in ("torch", "onnxruntime", "openvino", "cpp-openvino", "web-wasm"):
        assert {form for runtime, form in ran if runtime == name} >= {"split", "tiled"}
    assert {name for name, _ in ran} >= {"python", "litert", "mil"}
    assert str(Path.home()) not in json.dumps(result["conditions"])
