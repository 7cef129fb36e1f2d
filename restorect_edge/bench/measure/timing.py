"""Timing of calls that take turns, A, B, C, A, B, C …, so that a busy machine slows all of them alike.

The short way, for a fixed number of rounds; `protocol` has the long one, with warm-up until stable.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from restorect_edge.bench.measure.statistics import Interval, median_interval

__all__ = ["FEWEST_ROUNDS", "PAUSE_S", "Timing", "interleaved"]

FEWEST_ROUNDS = 6
"""Of fewer rounds no speed-up is given: five blocks of one sample each say nothing of their spread."""
PAUSE_S = 0.03
"""Before each call, so that the threads of the one before have stopped spinning."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What one of several calls took."""

    samples: tuple[float, ...]
    """Wall time in ms, in the order of the rounds."""
    processor: tuple[float, ...] = ()
    """Processor time of this process in ms, all threads together, which does not count other processes."""

    @property
    def ms(self) -> Interval:
        """The median wall time."""
        return median_interval(self.samples)

    @property
    def processor_ms(self) -> Interval:
        """The median processor time."""
        return median_interval(self.processor)

    def speed_up(self, over: "Timing") -> Interval:
        """Return how many times as fast this is as a call that it took turns with.

        The ratio is taken within each round, so that a machine whose speed drifts does not decide it.

        Raises:
            ValueError: fewer than `FEWEST_ROUNDS` rounds.
        """
        return _ratio(over.samples, self.samples)

    def processor_speed_up(self, over: "Timing") -> Interval:
        """Return the same of processor time; raises as `speed_up` does."""
        return _ratio(over.processor, self.processor)

    def faster_than(self, other: "Timing") -> bool:
        """Whether the whole interval of the speed-up lies above 1."""
        return self.speed_up(other).low > 1


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
        warm_up: rounds before these that do not count: they pay for memory and for the backend's choices.
        pause_s: seconds of rest before each call.
        each_round: is called after each round, warm-up too, such as a progress bar's ``update``.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for number in range(-warm_up, rounds):
        for name, call in calls.items():
            time.sleep(pause_s)
            wall, processor = time.perf_counter(), time.process_time()
            call()
            if number >= 0:
                taken = time.perf_counter() - wall, time.process_time() - processor
                times[name].append((1e3 * taken[0], 1e3 * taken[1]))
        each_round()
    return {name: Timing(*zip(*taken, strict=True)) for name, taken in times.items()}


def _ratio(theirs: tuple[float, ...], ours: tuple[float, ...]) -> Interval:
    if len(ours) < FEWEST_ROUNDS:
        raise ValueError(f"a speed-up needs {FEWEST_ROUNDS} rounds or more, got {len(ours)}")
    return median_interval([over / own for own, over in zip(ours, theirs, strict=True)])
