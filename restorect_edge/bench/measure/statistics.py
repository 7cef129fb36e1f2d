"""Numbers that describe measured times, with intervals that hold although neighbors resemble each other.

Nothing but the standard library and numpy: the Jetson kit carries this very file.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONFIDENCE",
    "FEWEST_FOR_P99",
    "RESAMPLES",
    "RETENTION_WINDOW_S",
    "Interval",
    "Summary",
    "Verdict",
    "bootstrap",
    "judge",
    "median_interval",
    "replicates",
    "retention",
    "summarise",
]

CONFIDENCE = 0.95
RESAMPLES = 2000
FEWEST_FOR_P99 = 500
"""Of fewer samples the 99th percentile is one of the five largest, which says nothing."""
BLOCKS = 5
"""A run is resampled in blocks of a fifth of it: two seconds or more, as long as other work disturbs it."""
STUDENT_T = 2.776
"""97.5th percentile of Student's t with `BLOCKS` − 1 degrees of freedom."""
NORMAL = 1.960
"""97.5th percentile of the normal distribution."""
RETENTION_WINDOW_S = 30.0
SEED = 0

Values = NDArray[np.float64]
Statistic = Callable[[Values], Values]
Verdict = Literal["faster", "slower", "no difference"]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, and what it lies between with `CONFIDENCE`."""

    value: float
    low: float
    high: float

    def parts_from(self, other: "Interval") -> bool:
        """Whether the two have no value in common."""
        return self.high < other.low or other.high < self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is said of a row; times in ms."""

    count: int
    least: float
    p50: Interval
    p90: float
    p95: float
    p99: float | None
    """None of fewer than `FEWEST_FOR_P99` samples."""
    mean: float
    deviation: float
    """Sample standard deviation; 0 of a single sample."""
    variation: float
    """Coefficient of variation: deviation over mean."""


def summarise(samples: Sequence[float], *, resamples: int = RESAMPLES) -> Summary:
    """Describe samples in the order in which they were taken; none is left out.

    Args:
        samples: times in ms, at least one.
        resamples: of the bootstrap.

    Raises:
        ValueError: no samples, or one that is not finite.
    """
    values = _checked(samples)
    p90, p95, p99 = (float(p) for p in np.percentile(values, (90, 95, 99)))
    mean = float(values.mean())
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Summary(
        count=len(values),
        least=float(values.min()),
        p50=median_interval(samples, resamples=resamples),
        p90=p90,
        p95=p95,
        p99=p99 if len(values) >= FEWEST_FOR_P99 else None,
        mean=mean,
        deviation=deviation,
        variation=deviation / mean if mean else 0.0,
    )


def median_interval(samples: Sequence[float], *, resamples: int = RESAMPLES) -> Interval:
    """Return the median of times with its bootstrap interval (see `bootstrap`), none of it below 0.

    Args:
        samples: times in ms, in the order in which they were taken.
        resamples: of the bootstrap.
    """
    values = _checked(samples)
    found = bootstrap(float(np.median(values)), replicates(values, _medians, resamples=resamples))
    return Interval(found.value, max(0.0, found.low), found.high)


def bootstrap(value: float, found: Values) -> Interval:
    """Return the percentile interval of an estimate from its replicates, widened for there being few blocks.

    Blocks are `BLOCKS` independent pieces at most, so that their spread is known as badly as that of five
    values: the interval is widened by √(k/(k − 1)) and by Student's t over the normal quantile.

    Args:
        value: the estimate.
        found: its replicates, as `replicates` returns them.
    """
    tail = 50 * (1 - CONFIDENCE)
    low, high = (float(p) for p in np.percentile(found, (tail, 100 - tail)))
    # percentiles of five blocks alone would be too narrow by a third and more
    wider = math.sqrt(BLOCKS / (BLOCKS - 1)) * STUDENT_T / NORMAL
    # the estimate may lie outside of its replicates' percentiles: that side has no width then
    return Interval(value, value - wider * max(0.0, value - low), value + wider * max(0.0, high - value))


def replicates(values: Values, statistic: Statistic, *, resamples: int = RESAMPLES) -> Values:
    """Return a statistic of moving-block resamples (Künsch, The Annals of Statistics 17(3), 1989).

    Consecutive times resemble each other: other work, heat and clocks change slowly. Drawing them one by one
    would call a drift noise and give intervals that two runs in a row miss.

    Args:
        values: (n,) or (n, k), in the order in which they were taken.
        statistic: takes resamples (m, n) or (m, n, k) and gives (m,).
        resamples: how many.
    """
    count = len(values)
    block = math.ceil(count / BLOCKS)
    # the same values always give the same interval
    generator = np.random.default_rng(SEED)
    offsets = np.arange(block)
    found = []
    # as many resamples at once as two million values hold, to bound the memory
    for size in _batches(resamples, max(1, (1 << 21) // count)):
        starts = generator.integers(0, count - block + 1, (size, math.ceil(count / block)))
        indices = (starts[:, :, None] + offsets).reshape(size, -1)[:, :count]
        found.append(statistic(values[indices]))
    return np.concatenate(found)


def judge(ours: Sequence[float], theirs: Sequence[float]) -> Verdict:
    """Say whether a row is faster than another: only where the intervals of their medians part.

    Args:
        ours: times in ms.
        theirs: times in ms, of the same session.
    """
    one, other = median_interval(ours), median_interval(theirs)
    if not one.parts_from(other):
        return "no difference"
    return "faster" if one.value < other.value else "slower"


def retention(seconds: Sequence[float], ms: Sequence[float]) -> float | None:
    """Return the throughput of the last 30 s of a sustained run over that of its first 30 s.

    Args:
        seconds: when, since the start.
        ms: median time of an image then.

    Returns:
        A share, below 1 where it slowed down; None where the run is too short for two such stretches.
    """
    if not seconds or seconds[-1] < 2 * RETENTION_WINDOW_S - 1:
        return None
    first = [t for s, t in zip(seconds, ms, strict=True) if s <= RETENTION_WINDOW_S]
    last = [t for s, t in zip(seconds, ms, strict=True) if s > seconds[-1] - RETENTION_WINDOW_S]
    return float(np.mean(1 / np.asarray(last)) / np.mean(1 / np.asarray(first)))


def _checked(samples: Sequence[float]) -> Values:
    values = np.asarray(samples, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("statistics need at least one sample, and finite ones")
    return values


def _medians(resampled: Values) -> Values:
    return np.asarray(np.median(resampled, axis=1))


def _batches(total: int, most: int) -> Sequence[int]:
    whole, rest = divmod(total, most)
    return [most] * whole + ([rest] if rest else [])
