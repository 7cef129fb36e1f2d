"""The protocol, with a clock that the test turns: nothing here waits, and every number is exact."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from restorect_edge.bench.measure import protocol as module
from restorect_edge.bench.measure.protocol import (
    PROTOCOL,
    Reading,
    measure,
    peak_memory,
    sustain,
    throttled,
    timed,
    warm_up,
)
from restorect_edge.bench.measure.record import Moment


class Machine:
    """A clock, and calls that take the time they are told to."""

    def __init__(self):
        self.now = 0
        self.said = []

    def sleep(self, seconds):
        self.now += round(1e9 * seconds)

    def call(self, name, ms):
        def run():
            self.said.append(name)
            took = ms() if callable(ms) else ms
            self.now += round(1e6 * took)
            return {"prepare": 0.25 * took, "model": 0.75 * took, "prior": 0.0, "total": took}

        return run


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: machine.now)
    monkeypatch.setattr(module.time, "perf_counter", lambda: machine.now / 1e9)
    monkeypatch.setattr(module.time, "sleep", machine.sleep)
    return machine


def test_the_defaults_are_those_of_the_methodology():
    assert (PROTOCOL.least_runs, PROTOCOL.duration_s) == (200, 10.0)
    assert (PROTOCOL.least_warm_up_s, PROTOCOL.stable_within, PROTOCOL.warm_up_cap_s) == (3.0, 0.02, 30.0)


def test_a_slow_call_has_200_runs_and_a_fast_one_10_seconds(machine):
    found = measure({"slow": machine.call("s", 100), "fast": machine.call("f", 10)})
    assert len(found["slow"].total_ms) == 200
    assert len(found["fast"].total_ms) == 1000
    assert found["slow"].total_ms == [100.0] * 200
    assert found["slow"].model_ms == [75.0] * 200
    assert found["slow"].stages_ms == {"prepare": 25.0, "model": 75.0}


def test_calls_take_turns_while_both_are_measured(machine):
    measure({"a": machine.call("a", 100), "b": machine.call("b", 100)})
    assert "".join(machine.said).endswith("ab" * 200)


def test_the_anchor_runs_before_each_run_that_counts(machine):
    anchor = machine.call("x", 5)
    found = measure({"a": machine.call("a", 60), "b": machine.call("b", 60)}, anchor=anchor)
    assert "".join(machine.said).endswith("xaxb" * 200)
    assert machine.said.count("x") == 400
    assert found["a"].anchor_ms == [5.0] * 200


def test_the_pause_is_not_counted(machine):
    found = measure({"a": machine.call("a", 50)}, replace(PROTOCOL, pause_s=1.0))
    assert found["a"].total_ms == [50.0] * 200
    assert machine.now / 1e9 >= 200


def test_progress_ends_at_one(machine):
    seen = []
    measure({"a": machine.call("a", 100)}, each_run=lambda name, share: seen.append((name, share)))
    assert seen[0] == ("a", 1 / 200)
    assert seen[-1] == ("a", 1.0)
    assert len(seen) == 200


def test_warm_up_takes_3_seconds_of_even_runs(machine):
    found = warm_up({"a": machine.call("a", 100)}, PROTOCOL)["a"]
    assert (found.runs, found.seconds, found.stable) == (30, 3.0, True)


def test_warm_up_waits_until_runs_are_even(machine):
    times = iter([400.0] * 12 + [100.0] * 100)
    found = warm_up({"a": machine.call("a", lambda: next(times))}, PROTOCOL)["a"]
    assert (found.runs, found.stable) == (28, True), "six of the ten before must be of the new pace"


def test_warm_up_gives_up_and_says_so(machine):
    pace = [100.0]

    def slower():
        pace[0] *= 1.01
        return pace[0]

    found = warm_up({"a": machine.call("a", slower)}, PROTOCOL)["a"]
    assert found.stable is False
    assert 30 <= found.seconds < 31


def test_all_samples_are_kept(machine):
    """An outlier a hundred times as long is a sample like any other."""
    generator = random.Random(0)
    found = measure({"a": machine.call("a", lambda: 6000.0 if generator.random() < 0.02 else 60.0)})
    assert 6000.0 in found["a"].total_ms
    assert len(found["a"].total_ms) == 200


def test_a_sustained_run_has_a_moment_per_second(machine):
    pace = iter([100.0] * 1200)
    reading = Reading(temperature_c=60.0, clock_mhz=1000.0)
    found = sustain(machine.call("a", lambda: next(pace)), 60, sensors=lambda: reading)
    assert (found.runs, found.seconds) == (600, pytest.approx(60))
    assert [m.seconds for m in found.moments] == pytest.approx(list(range(1, 61)))
    assert {(m.ms, m.temperature_c, m.clock_mhz, m.power_mw) for m in found.moments} == {
        (100.0, 60.0, 1000.0, None)
    }


def test_runs_of_more_than_a_second_are_a_moment_each(machine):
    found = sustain(machine.call("a", 1500), 6)
    assert [(m.seconds, m.ms) for m in found.moments] == [
        (1.5, 1500.0),
        (3.0, 1500.0),
        (4.5, 1500.0),
        (6.0, 1500.0),
    ]


def moments(*clocks):
    return [Moment(seconds=float(s), ms=1.0, clock_mhz=c) for s, c in enumerate(clocks)]


@pytest.mark.parametrize(
    ("clocks", "verdict"),
    [
        ([1000.0] * 8, False),
        ([1000.0] * 4 + [960.0] * 4, False),
        ([1000.0] * 4 + [940.0] * 4, True),
        ([None] * 8, None),
        ([1000.0, 500.0], None),
    ],
)
def test_a_clock_that_falls_by_more_than_5_percent_is_throttling(clocks, verdict):
    assert throttled(moments(*clocks)) is verdict


def test_time_is_real_without_the_stand_in():
    took, result = timed(lambda: sum(range(200_000)))
    assert took > 0.1
    assert result == 19999900000


def test_the_peak_of_memory_rises_with_what_is_held():
    before = peak_memory()
    if before is None:
        pytest.skip("no /proc here")
    held = bytearray(64 << 20)
    held[::4096] = b"x" * len(held[::4096])
    after = peak_memory()
    assert after - before > 50e6 or after > len(held)


def test_no_proc_no_peak(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "STATUS", tmp_path / "status")
    assert peak_memory() is None
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t  2048 kB\n")
    assert peak_memory() == 2048 * 1024


def test_the_kit_needs_numpy_alone():
    for name in ("protocol", "statistics", "record"):
        text = Path(module.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        imports = re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE)
        ours = {line for line in imports if line.startswith("restorect_edge")}
        assert ours <= {"restorect_edge.bench.measure.record"}
