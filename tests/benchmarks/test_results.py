"""The benchmark scripts start, and what they committed is whole and within its limits."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restorect_edge.bench.measure.record import Report, json_schema
from restorect_edge.cli.verbs import VERBS

FOLDER = Path(__file__).parents[2] / "benchmarks"
REPORTS = sorted((FOLDER / "results").rglob("report.json"))
"""Of `restorect_edge.bench`, which have a schema of their own."""
COMMITTED = sorted(set((FOLDER / "results").rglob("*.json")) - set(REPORTS))
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))


@pytest.fixture(scope="module")
def results():
    spec = importlib.util.spec_from_file_location("benchmark_results", FOLDER / "_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_explains_itself_and_is_in_the_readme(path):
    done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=True)
    assert "--output" in done.stdout
    assert f"`{path.name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


def committed(name):
    return [path for path in COMMITTED if path.name.startswith(f"{name}--")]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_a_committed_result_is_whole(results, path):
    result = results.read(path)
    assert path.name == f"{result['name']}--host.json"
    facts = result["conditions"]
    assert {"cpu", "cores", "system", "python", "versions", "load_before", "date"} <= facts.keys()
    assert facts["versions"]["restorect-edge"] == path.parent.name


def test_large_photographs_fit_the_limits(results):
    (path,) = committed("memory")
    rows = results.read(path)["rows"]
    assert {(row["runtime"], row["megapixels"]) for row in rows} == {
        (runtime, size) for runtime in ("torch", "onnxruntime", "openvino") for size in (12.0, 48.0)
    }
    assert all(row["peak_mb"] <= {12.0: 1200, 48.0: 2000}[row["megapixels"]] for row in rows)


def test_commands_start_within_their_limit(results):
    (path,) = committed("startup")
    result = results.read(path)
    rows = {row["command"]: row for row in result["rows"]}
    assert rows.keys() >= {*VERBS}
    assert all(row["wall_s"] < result["conditions"]["limit_s"] for row in rows.values())


INT8_TARGETS = ("onnx", "openvino", "tensorrt", "coreml", "litert")


def test_the_wrapper_costs_little(results):
    (path,) = committed("overhead")
    rows = results.read(path)["rows"]
    assert {(row["runtime"], row["width"], row["height"]) for row in rows} == {
        (runtime, *size) for runtime in ("onnxruntime", "openvino") for size in ((600, 400), (1920, 1080))
    }
    assert all(row["overhead_percent"] <= 10 for row in rows)


def test_int8_keeps_its_promises(results):
    found = {name: results.read(*committed(name)) for name in ("drop", "agreement", "probe", "precision")}
    drops = found["drop"]["rows"]
    assert {(row["target"], row["execution"]) for row in drops} == {
        *((target, "literal") for target in INT8_TARGETS),
        *((target, "fused") for target in ("onnx", "openvino")),
    }
    assert all(row["drop_db"] <= 0.10 for row in drops)
    pairs = found["agreement"]["rows"]
    assert len(pairs) == 10
    # the benchmark asks 48 dB of all; in Core ML's float16 these weights come to no more than a verdict asks
    assert all(row["worst_db"] >= (45.0 if "coreml" in row.values() else 48.0) for row in pairs)
    sizes = found["agreement"]["conditions"]["sizes"]
    assert sizes.keys() == set(INT8_TARGETS)
    assert all(size["share"] <= (0.40 if target == "litert" else 0.35) for target, size in sizes.items())
    assert all(row["high"] <= 0.60 for row in found["probe"]["rows"])
    gains = [row["speed_up"] for row in found["precision"]["rows"] if row["target"] == "openvino"]
    assert min(gains) >= 1.7


def test_committed_reports_keep_to_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    for path in REPORTS:
        jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), json_schema())
        report = Report.open(path)
        version = path.relative_to(FOLDER / "results").parts[0]
        assert (report.device.kind, report.toolkit_version) == ("host", version)
        assert {row.status for row in report.rows} == {"measured"}
        assert str(Path.home()) not in path.read_text(encoding="utf-8")


def test_pages_are_made_of_the_records(tmp_path):
    """Of those that lie side by side, one together too; what is no record costs one line."""
    for name in ("nano", "small"):
        (tmp_path / "in" / "latency" / name).mkdir(parents=True)
        shutil.copy(REPORTS[-1], tmp_path / "in" / "latency" / name / "report.json")
    command = [sys.executable, FOLDER / "render.py", tmp_path / "in", "-o", tmp_path / "out"]
    subprocess.run(command, check=True, capture_output=True)
    pages = {page.relative_to(tmp_path / "out").as_posix() for page in (tmp_path / "out").rglob("report.*")}
    folders = ("latency", "latency/nano", "latency/small")
    assert pages == {f"{folder}/report.{kind}" for folder in folders for kind in ("md", "html")}
    (tmp_path / "in" / "latency" / "nano" / "report.json").write_text("{}")
    failed = subprocess.run(command, capture_output=True, text=True)
    assert (failed.returncode, failed.stderr.count("\n")) == (4, 1)


def test_results_with_a_table_become_pages(script, tmp_path):
    """The tables are not in the repository, which has the numbers that they are made of."""
    render, source = script("render"), tmp_path / "in" / "0.1.0"
    source.mkdir(parents=True)
    for path in render.tabled(FOLDER / "results"):
        shutil.copy(path, source)
    pages = render.render(tmp_path / "in", tmp_path / "out")
    assert {page.name for page in pages} == {f"{name}--host.md" for name in render.TABLES}
    for page in pages:
        rows = script("_results").read(source / f"{page.stem}.json")["rows"]
        text = page.read_text(encoding="utf-8")
        assert all(next(iter(row.values())) in text for row in rows)


def test_the_latency_of_every_network_is_complete():
    for path in REPORTS:
        if path.parents[1].name == "latency":
            rows = Report.open(path).rows
            assert {row.subject.name for row in rows} == {path.parent.name}
            assert {(row.runtime, row.subject.precision, row.shape) for row in rows} == {
                (runtime, precision, shape)
                for runtime in ("onnxruntime", "openvino")
                for precision in ("fp32", "int8")
                for shape in ((400, 600), (720, 1280), (1080, 1920))
            }


def test_committed_experiments_say_that_measurements_can_be_believed(results):
    for path in committed("repeatability"):
        rows = results.read(path)["rows"]
        assert len(rows) >= 20
        for how in ("agree", "agree_by_anchor"):
            assert sum(row[how] for row in rows) >= 0.9 * len(rows)
    for path in committed("regression"):
        rows = results.read(path)["rows"]
        assert len(rows) >= 40
        assert all(row["flagged"] is (row["kind"] == "slower") for row in rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one row"),
        ([{"ms": 1.0}, {"seconds": 1.0}], "the same keys"),
        ([{"ms": float("nan")}], "'ms' is nan"),
    ],
)
def test_a_result_that_is_not_whole_is_not_written(results, tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        results.write(tmp_path / "x.json", "x", {}, rows)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_can_be_read(results, tmp_path):
    facts = results.conditions(threads=1)
    results.write(tmp_path / "a" / "x.json", "x", facts, [{"ms": 1.5}])
    assert results.read(tmp_path / "a" / "x.json") == {
        "name": "x",
        "conditions": facts,
        "rows": [{"ms": 1.5}],
    }
    assert str(Path.home()) not in json.dumps(facts)


@pytest.mark.parametrize(("limit", "code"), [(1.0, 2), (2.0, 0)])
def test_a_script_prints_its_rows_and_exits_with_2_beyond_its_limit(results, tmp_path, capsys, limit, code):
    rows = [{"ms": 0.5}, {"ms": 1.5}]
    path = tmp_path / "x.json"
    assert results.report(path, "x", {}, rows, "{ms:.2f} ms", lambda row: row["ms"] > limit) == code
    assert capsys.readouterr().out == f"0.50 ms\n1.50 ms\n{path}\n"
    assert results.read(path)["rows"] == rows


def test_a_file_of_another_kind_is_refused(results, tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="a result has the keys"):
        results.read(tmp_path / "x.json")
