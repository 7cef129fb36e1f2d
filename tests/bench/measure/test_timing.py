"""Taking turns, and medians with intervals."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorect_edge.bench.measure.statistics import median_interval
from restorect_edge.bench.measure.timing import FEWEST_ROUNDS, Timing, interleaved


def test_calls_take_turns_and_warm_up_is_not_counted():
    said, rounds = [], []
    times = interleaved(
        {"a": lambda: said.append("a"), "b": lambda: said.append("b")},
        rounds=6,
        warm_up=2,
        pause_s=0,
        each_round=lambda: rounds.append(len(said)),
    )
    assert said == ["a", "b"] * 8
    assert rounds == [2, 4, 6, 8, 10, 12, 14, 16]
    assert times.keys() == {"a", "b"}
    for timing in times.values():
        assert len(timing.samples) == 6
        assert all(0 <= sample < 1000 for sample in timing.samples)


def test_too_few_rounds_have_no_speed_up():
    few = Timing((1.0,) * 5)
    with pytest.raises(ValueError, match=f"needs {FEWEST_ROUNDS} rounds or more, got 5"):
        few.speed_up(few)


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=40))
def test_the_interval_is_that_of_every_other_measurement(samples):
    assert Timing(tuple(samples)).ms == median_interval(samples)


def test_processor_time_is_that_of_the_work():
    work = {"work": lambda: sum(range(30_000)), "rest": lambda: time.sleep(0.002)}
    times = interleaved(work, rounds=FEWEST_ROUNDS, warm_up=0, pause_s=0)
    assert times["rest"].processor_ms.value < times["rest"].ms.value
    assert times["rest"].processor_speed_up(times["work"]).value > 1


def test_a_speed_up_is_taken_within_rounds():
    """The machine slows down tenfold half-way: times overlap, ratios do not."""
    pace = [1.0] * 5 + [10.0] * 5
    slow, fast = (Timing(tuple(ms * p for p in pace)) for ms in (20.0, 10.0))
    assert slow.ms.low < fast.ms.high
    assert fast.speed_up(slow).value == 2.0
    assert fast.faster_than(slow)
    assert not slow.faster_than(fast)


def test_noise_is_not_a_difference():
    one = Timing((10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 10.0))
    other = Timing((12.0, 10.0, 12.0, 10.0, 12.0, 10.0, 12.0))
    assert not one.faster_than(other)
    assert not other.faster_than(one)
    assert not one.faster_than(one)
