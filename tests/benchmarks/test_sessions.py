"""The experiments on measuring: an artifact that is slower is so by the share that is asked for."""

import argparse
import statistics
from pathlib import Path

import pytest

from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.report.write import write

FOLDER = Path(__file__).parents[2] / "benchmarks"
QUICK = argparse.Namespace(threads=1, duration=0.05, runs=10, warm_up=0.05)


@pytest.fixture(scope="module")
def scripts(script):
    return {name: script(name) for name in ("_sessions", "latency", "regression", "repeatability")}


def test_a_slower_artifact_does_more_work(scripts, artifact_onnx):
    report = scripts["_sessions"].take(artifact_onnx.path, QUICK, slower=0.5)
    (row,) = report.rows
    ratios = [total / model for total, model in zip(row.total_ms, row.model_ms, strict=True)]
    assert statistics.median(ratios) > 1.45
    assert (report.protocol.threads, report.protocol.least_runs) == (1, 10)
    assert row.work is None and report.peak is None


def test_trials(scripts, artifact_onnx):
    pair = scripts["repeatability"].trial(artifact_onnx.path, 3, QUICK)
    assert pair["trial"] == 3
    assert pair["agree"] is (
        pair["first_low_ms"] <= pair["second_high_ms"] and pair["second_low_ms"] <= pair["first_high_ms"]
    )
    assert isinstance(pair["agree_by_anchor"], bool)
    identical, slower = scripts["regression"].trial(artifact_onnx.path, 0, QUICK)
    assert (identical["kind"], slower["kind"]) == ("identical", "slower")
    assert identical["machine_percent"] is not None
    assert slower["flagged"] is (slower["verdict"] == "slower")


def test_networks_get_a_page_together(scripts, artifact_onnx, tmp_path):
    report = scripts["_sessions"].take(artifact_onnx.path, QUICK)
    for name in ("lowlight-nano", "lowlight-small"):
        write(report, tmp_path / name)
    assert scripts["latency"].combine(tmp_path) == [report, report]
    assert "8-bit image in and out" in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "report.json").exists()
    assert isinstance(Report.open(tmp_path / "lowlight-nano" / "report.json"), Report)
