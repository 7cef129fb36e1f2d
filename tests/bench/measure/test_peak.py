"""The machine's peaks: real kernels of the kind that is meant, and numbers that no machine betrays."""

from dataclasses import replace

import pytest

from restorect_edge.bench.measure import peak as module
from restorect_edge.bench.measure.peak import best, measure_peak
from restorect_edge.bench.measure.record import Peak


def test_peaks_are_measured_by_kernels_of_their_kind(monkeypatch):
    monkeypatch.setattr(module, "COPIED_BYTES", 8 << 20)
    found = measure_peak(1, seconds=0.02)
    assert found.threads == 1
    assert found.fp32_gmacs_per_s > 1
    assert found.bandwidth_gb_per_s > 0.5
    assert "float32: " in found.how and "copies of 8 MiB by numpy" in found.how
    kernels = found.how.split("int8: ")[1].split(";")[0].lower()
    if found.int8_gmacs_per_s is None:
        assert kernels == "not measured"
    else:
        assert "i8" in kernels or "int8" in kernels or "u8" in kernels


def test_without_openvino_only_memory_is_measured(monkeypatch):
    monkeypatch.setattr(module, "COPIED_BYTES", 1 << 20)
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    found = measure_peak(2, seconds=0.01)
    assert (found.fp32_gmacs_per_s, found.int8_gmacs_per_s) == (None, None)
    assert found.bandwidth_gb_per_s > 0
    assert found.how.startswith("float32: not measured; int8: not measured; memory: ")


@pytest.mark.parametrize("build", ["_convolutions", "_product"])
def test_the_workloads_are_as_large_as_they_say(tmp_path, build):
    ov = pytest.importorskip("openvino")
    from restorect_edge.bench.measure.work import count_graph

    given, taken, macs, _ = getattr(module, build)(ov.opset13, int8=True)
    ov.save_model(ov.Model([given], [taken]), tmp_path / "model.xml", compress_to_fp16=False)
    found = count_graph(tmp_path / "model.xml", None)
    assert (found.macs, found.int8_macs) == (macs, macs)


def test_the_best_of_two_measurements():
    one = Peak(threads=2, fp32_gmacs_per_s=50.0, bandwidth_gb_per_s=20.0, how="a1; a2; a3")
    other = Peak(
        threads=2, fp32_gmacs_per_s=60.0, int8_gmacs_per_s=9.0, bandwidth_gb_per_s=10.0, how="b1; b2; b3"
    )
    found = best(one, other)
    assert found == replace(other, bandwidth_gb_per_s=20.0, how="b1; b2; a3")
    assert best(one, one) == one
