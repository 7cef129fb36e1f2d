"""The record of a benchmark: strict JSON, and nothing claimed that was not measured."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from restorect_edge.bench.measure import record
from restorect_edge.bench.measure.protocol import PROTOCOL
from restorect_edge.bench.measure.record import SCHEMA_VERSION, RecordError, Report, Row, json_schema

SUBJECT = record.Subject(
    name="lowlight-small", target="onnx", precision="fp32", form="whole", files={"model.onnx": "ab"}, bytes=7
)
FULL = Row(
    subject=SUBJECT,
    runtime="onnxruntime",
    provider="ONNX Runtime 1.32.0 CPUExecutionProvider",
    device="cpu",
    shape=(64, 96),
    status="measured",
    cold=record.Cold(load_ms=12.5, first_ms=3.0),
    warm_up=record.WarmUp(seconds=3.0, runs=40, stable=True),
    model_ms=(1.0, 2.0),
    total_ms=(1.5, 2.5),
    anchor_ms=(4.0, 4.0),
    stages_ms={"model": 1.5},
    memory_peak_bytes=10,
    work=record.Work(macs=5, bytes_moved=6, weight_bytes=7),
    sustained=(record.Moment(seconds=1.0, ms=2.0, temperature_c=41.5),),
    quality={"psnr": 21.4},
)
ABSENT = Row(
    subject=SUBJECT, runtime="coreml", shape=(64, 96), status="not measured", reason="Core ML needs macOS"
)
REPORT = Report(
    created="2026-11-24T00:00:00+00:00",
    toolkit_version="0.1.0",
    device=record.Device(kind="host", name="test", libraries={"numpy": "2"}, temperatures_c={"cpu": 40.0}),
    protocol=replace(
        PROTOCOL, images=record.Images(count=1, sha256="cd"), anchor="a fixed product of matrices"
    ),
    rows=(FULL, ABSENT),
    peak=record.Peak(threads=2, fp32_gmacs_per_s=50.0, how="measured"),
)


def data(report=REPORT):
    return json.loads(report.to_json())


def test_what_is_written_is_read_back():
    assert Report.from_json(REPORT.to_json()) == REPORT


def test_the_json_is_stable_and_small():
    text = REPORT.to_json()
    assert text == Report.from_json(text).to_json()
    assert text.count("\n") == 1


def test_a_file_is_read(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(REPORT.to_json())
    assert Report.open(path) == REPORT
    path.write_text("{}")
    with pytest.raises(RecordError, match=r"report\.json': report\.created is missing"):
        Report.open(path)


def test_the_schema_takes_what_the_code_writes():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data(), schema)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("rows", 0, "shape"), [64], r"report\.rows\[0\]\.shape must be an array of 2"),
        (("rows", 0, "total_ms"), ["fast"], r"report\.rows\[0\]\.total_ms\[0\] must be a number, got 'fast'"),
        (("rows", 0, "status"), "guessed", "must be 'measured' or 'not measured' or 'throttled' or 'failed'"),
        (("rows", 0, "speed"), 1, r"unknown key report\.rows\[0\]\.speed; known: subject, runtime"),
        (("device", "cores"), 2.5, r"report\.device\.cores must be an integer"),
        (("device", "clocks_locked"), 1, "clocks_locked must be a boolean"),
        (("device", "libraries"), [], "libraries must be an object"),
        (("rows",), {}, r"report\.rows must be an array"),
        (("device",), None, r"report\.device must be an object"),
    ],
)
def test_what_does_not_fit_is_named_by_code_and_schema(path, value, message):
    broken = data()
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(RecordError, match=message):
        Report.from_json(json.dumps(broken))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, json_schema())


@pytest.mark.parametrize("key", ["created", "device", "protocol", "rows", "toolkit_version"])
def test_what_must_be_there_must_be_there(key):
    broken = data()
    del broken[key]
    with pytest.raises(RecordError, match=rf"report\.{key} is missing"):
        Report.from_json(json.dumps(broken))
    with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
        jsonschema.validate(broken, json_schema())


@pytest.mark.parametrize("text", ["", "[1", '{"a": NaN}', '{"a": Infinity}'])
def test_only_strict_json_is_read(text):
    with pytest.raises(RecordError, match="not strict JSON"):
        Report.from_json(text)


def test_a_list_is_no_report():
    with pytest.raises(RecordError, match="report must be an object, got"):
        Report.from_json("[]")


def test_a_newer_schema_is_refused():
    newer = {**data(), "schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(RecordError, match=f"reads up to {SCHEMA_VERSION}"):
        Report.from_json(json.dumps(newer))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_not_written(value):
    report = replace(REPORT, rows=(replace(FULL, total_ms=(1.0, value)),))
    with pytest.raises(RecordError, match=r"rows\[0\]\.total_ms\[1\] is (nan|inf), which is no JSON number"):
        report.to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "not measured", "reason": "no GPU"}, "was not measured has no samples"),
        ({"status": "failed"}, "says why in reason"),
        ({"total_ms": (), "model_ms": ()}, "'measured' has samples, and this has none"),
        ({"status": "throttled", "total_ms": (), "model_ms": ()}, "'throttled' has samples"),
        ({"model_ms": (1.0,)}, "of the same runs, got 1 and 2"),
    ],
)
def test_a_row_claims_what_it_holds(changes, message):
    with pytest.raises(RecordError, match=message):
        replace(FULL, **changes)
    broken = data()
    broken["rows"][0].update({k: list(v) if isinstance(v, tuple) else v for k, v in changes.items()})
    with pytest.raises(RecordError, match=rf"report\.rows\[0\]: .*{message}"):
        Report.from_json(json.dumps(broken))


def test_nothing_but_the_standard_library_is_needed():
    """The Jetson kit carries this file."""
    code = f"import runpy, sys; before = set(sys.modules); runpy.run_path({record.__file__!r}); "
    code += "print({n.partition('.')[0] for n in set(sys.modules) - before} - sys.stdlib_module_names)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert Path(record.__file__).name == "record.py"
