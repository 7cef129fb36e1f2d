"""Percentiles and intervals, also of samples that resemble their neighbors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restorect_edge.bench.measure.statistics import (
    FEWEST_FOR_P99,
    Interval,
    judge,
    median_interval,
    retention,
    summarise,
)

times = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60)
FEW = 200
"""Resamples, where the interval itself is not what is tested."""


def autoregressive(count, phi, generator):
    shocks = generator.standard_normal(count + 300)
    values = np.zeros_like(shocks)
    for i in range(1, len(values)):
        values[i] = phi * values[i - 1] + shocks[i]
    return 100 + values[300:]


@settings(max_examples=40)
@given(times)
def test_a_summary_keeps_its_order(samples):
    found = summarise(samples, resamples=FEW)
    ordered = [found.least, found.p50.value, found.p90, found.p95, max(samples)]
    assert ordered == sorted(ordered)
    assert found.least <= found.p50.low * (1 + 1e-9) or found.p50.low <= found.p50.value
    assert found.p50.low <= found.p50.value <= found.p50.high
    assert found.count == len(samples)
    assert found.p99 is None
    assert found.mean == pytest.approx(np.mean(samples))


@settings(max_examples=25)
@given(times, st.floats(0.1, 10))
def test_the_unit_does_not_matter(samples, factor):
    one = summarise(samples, resamples=FEW)
    other = summarise([factor * s for s in samples], resamples=FEW)
    assert other.p50.low == pytest.approx(factor * one.p50.low, rel=1e-6, abs=1e-9)
    assert other.p50.high == pytest.approx(factor * one.p50.high, rel=1e-6)
    assert other.variation == pytest.approx(one.variation, abs=1e-9)


@settings(max_examples=25)
@given(st.floats(0.01, 1e4), st.integers(1, 300))
def test_equal_samples_have_no_spread(value, count):
    found = summarise([value] * count, resamples=FEW)
    assert found.p50 == Interval(value, value, value)
    assert found.deviation == pytest.approx(0, abs=1e-9 * value)


def test_the_numbers_are_those_of_the_definition():
    found = summarise(range(1, 1001), resamples=FEW)
    assert (found.p50.value, found.mean, found.least) == (500.5, 500.5, 1)
    assert (found.p90, found.p95, found.p99) == pytest.approx((900.1, 950.05, 990.01))
    assert found.deviation == pytest.approx(288.8194, abs=1e-3)
    assert found.variation == pytest.approx(288.8194 / 500.5, abs=1e-5)


@pytest.mark.parametrize(("count", "said"), [(FEWEST_FOR_P99 - 1, False), (FEWEST_FOR_P99, True)])
def test_the_99th_percentile_needs_many_samples(count, said):
    assert (summarise(range(count), resamples=FEW).p99 is not None) is said


@pytest.mark.parametrize("samples", [[], [1.0, float("nan")], [float("inf")]])
def test_what_has_no_statistics_is_refused(samples):
    with pytest.raises(ValueError, match="at least one sample, and finite ones"):
        summarise(samples)


def test_the_same_samples_have_the_same_interval():
    samples = list(np.random.default_rng(0).gamma(9, 1, 300))
    assert median_interval(samples) == median_interval(samples)


@pytest.mark.parametrize(("phi", "least"), [(0.0, 0.9), (0.5, 0.9), (0.9, 0.83)])
def test_the_interval_covers_the_median_although_neighbours_resemble_each_other(phi, least):
    """Drawing samples one by one covers it in 0.34 of the cases where phi is 0.9."""
    generator, hits, trials = np.random.default_rng(3), 0, 120
    for _ in range(trials):
        found = median_interval(autoregressive(200, phi, generator), resamples=FEW)
        hits += found.low <= 100 <= found.high
    assert hits / trials >= least


def test_a_time_is_not_below_zero():
    found = median_interval([1.0, 1.0, 1.0, 30.0, 30.0, 30.0])
    assert (found.low, found.value) == (0.0, 15.5)


def test_more_samples_narrow_the_interval():
    samples = np.random.default_rng(1).gamma(9, 1, 6400)
    few, many = (median_interval(samples[:count], resamples=FEW) for count in (100, 6400))
    assert many.high - many.low < 0.3 * (few.high - few.low)


def test_faster_is_said_where_intervals_part():
    noise = np.random.default_rng(0).normal(0, 1, (2, 300))
    assert judge(100 + noise[0], 110 + noise[1]) == "faster"
    assert judge(110 + noise[0], 100 + noise[1]) == "slower"
    assert judge(100 + noise[0], 100 + noise[1]) == "no difference"
    assert judge(100 + 20 * noise[0], 101 + 20 * noise[1]) == "no difference"


@pytest.mark.parametrize(
    ("one", "other", "parts"),
    [((1, 2), (3, 4), True), ((3, 4), (1, 2), True), ((1, 3), (3, 4), False), ((1, 9), (3, 4), False)],
)
def test_intervals_part_or_touch(one, other, parts):
    assert Interval(sum(one) / 2, *one).parts_from(Interval(sum(other) / 2, *other)) is parts


def test_retention_is_the_last_half_minute_over_the_first():
    seconds = [float(s) for s in range(1, 121)]
    slowing = [10.0 if s <= 60 else 12.5 for s in seconds]
    assert retention(seconds, slowing) == pytest.approx(0.8)
    assert retention(seconds, [10.0] * 120) == pytest.approx(1.0)


@pytest.mark.parametrize("length", [0, 1, 58])
def test_a_short_run_has_no_retention(length):
    assert retention([float(s) for s in range(1, length + 1)], [1.0] * length) is None
