"""Timing of calls that take turns, A, B, C, A, B, C …, so that a busy machine slows all of them alike."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["CONFIDENCE", "FEWEST_ROUNDS", "PAUSE_S", "Median", "Timing", "interleaved", "median"]

CONFIDENCE = 0.95
FEWEST_ROUNDS = 6
"""Fewer samples have no interval for the median of that confidence."""
PAUSE_S = 0.03
"""Before each call, so that the threads of the one before have stopped spinning."""


@dataclass(frozen=True, slots=True)
class Median:
    """A median, and what it lies between with `CONFIDENCE`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Timing:
    """What one of several calls took.

    Raises:
        ValueError: fewer than `FEWEST_ROUNDS` samples.
    """

    samples: tuple[float, ...]
    """In ms, in the order of the rounds."""

    def __post_init__(self) -> None:
        median(self.samples)

    @property
    def ms(self) -> Median:
        """The median time."""
        return median(self.samples)

    def speed_up(self, over: "Timing") -> Median:
        """Return how many times as fast this is as a call that it took turns with.

        The ratio is taken within each round, so that a machine whose speed drifts does not decide it.
        """
        return median([theirs / ours for ours, theirs in zip(self.samples, over.samples, strict=True)])

    def faster_than(self, other: "Timing") -> bool:
        """Whether the whole interval of the speed-up lies above 1."""
        return self.speed_up(other).low > 1


def median(samples: Sequence[float]) -> Median:
    """Return the median with its interval: two samples that hold it, whatever the distribution.

    They are the order statistics of rank k and n + 1 − k, k the largest for which both tails of the binomial
    distribution (n, 1/2) below k keep within 1 − `CONFIDENCE`.

    Raises:
        ValueError: fewer than `FEWEST_ROUNDS` samples.
    """
    if len(samples) < FEWEST_ROUNDS:
        raise ValueError(f"a median needs {FEWEST_ROUNDS} samples or more, got {len(samples)}")
    ordered, rank = sorted(samples), _rank(len(samples))
    return Median(statistics.median(ordered), ordered[rank - 1], ordered[-rank])


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 3,
    pause_s: float = PAUSE_S,
    each_round: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time every call once per round, in turns, in this process and thread.

    Args:
        calls: what to time, by name.
        rounds: how many samples to take of each.
        warm_up: rounds before these that do not count: they pay for memory and for the back end's choices.
        pause_s: seconds of rest before each call.
        each_round: is called after each round, warm-up too, such as a progress bar's ``update``.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(-warm_up, rounds):
        for name, call in calls.items():
            time.sleep(pause_s)
            started = time.perf_counter()
            call()
            if number >= 0:
                samples[name].append(1e3 * (time.perf_counter() - started))
        each_round()
    return {name: Timing(tuple(times)) for name, times in samples.items()}


def _rank(count: int) -> int:
    tail, rank = 0, 0
    while 2 * (tail + math.comb(count, rank)) <= (1 - CONFIDENCE) * 2**count:
        tail += math.comb(count, rank)
        rank += 1
    return rank
