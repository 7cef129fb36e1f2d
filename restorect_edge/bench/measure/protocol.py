"""How a benchmark is taken: warm-up until stable, turns, every sample kept, and a fixed workload beside it.

Nothing but the standard library and numpy: the Jetson kit carries this very file.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from restorect_edge.bench.measure.record import Moment, Protocol, Row, WarmUp

__all__ = [
    "CLOCK_DROP",
    "FREE_SHAPES",
    "PROTOCOL",
    "QUICK",
    "STATUS",
    "Anchor",
    "Call",
    "Reading",
    "Samples",
    "Sustained",
    "measure",
    "peak_memory",
    "sustain",
    "throttled",
    "timed",
    "warm_up",
]

PROTOCOL = Protocol(
    threads=None,
    duration_s=10.0,
    least_runs=200,
    least_warm_up_s=3.0,
    stable_within=0.02,
    warm_up_cap_s=30.0,
    pause_s=0.015,
    confidence=0.95,
    resamples=2000,
)
"""The defaults. The pause lets the threads of the run before stop spinning, where a backend's do."""
QUICK = replace(PROTOCOL, duration_s=0.2, least_runs=10, least_warm_up_s=0.0, warm_up_cap_s=0.2, pause_s=0.0)
"""A rehearsal in seconds: too few runs for a measurement."""
FREE_SHAPES = ((400, 600), (720, 1280))
"""(height, width) that an artifact whose sides are free is measured at."""

STABLE_RUNS = 10
CLOCK_DROP = 0.05
"""Share of its clock that a device may lose in a run before the row counts as throttled."""
STATUS = Path("/proc/self/status")
DIGITS = 4
"""Of samples, in ms: a tenth of a microsecond is beyond any clock's truth."""

Call = Callable[[], Mapping[str, float]]
"""Does the work once and returns the milliseconds of its stages, such as `Runtime.timings` has them."""
Anchor = Callable[[], object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What sensors say at a moment; None where the machine does not tell."""

    temperature_c: float | None = None
    clock_mhz: float | None = None
    power_mw: float | None = None


@dataclass(slots=True)
class Samples:
    """All runs of one call, in order; times in ms."""

    warm_up: WarmUp
    total_ms: list[float] = field(default_factory=list)
    model_ms: list[float] = field(default_factory=list)
    """The stage called ``model``; empty where the call has none."""
    anchor_ms: list[float] = field(default_factory=list)
    """The anchor's run just before each of these runs; empty without an anchor."""
    stages: list[Mapping[str, float]] = field(default_factory=list)

    @property
    def stages_ms(self) -> dict[str, float]:
        """Median time of each stage, those that took none left out."""
        names = dict.fromkeys(name for stages in self.stages for name in stages if name != "total")
        medians = {name: statistics.median(s.get(name, 0.0) for s in self.stages) for name in names}
        return {name: round(value, DIGITS) for name, value in medians.items() if value > 0}

    def row(self, base: Row) -> Row:
        """Return a row with these times, as measured."""
        return replace(
            base,
            status="measured",
            reason="",
            warm_up=self.warm_up,
            model_ms=tuple(self.model_ms),
            total_ms=tuple(self.total_ms),
            anchor_ms=tuple(self.anchor_ms),
            stages_ms=self.stages_ms,
        )


@dataclass(frozen=True, slots=True)
class Sustained:
    """A run without rest."""

    moments: tuple[Moment, ...]
    """One per second; where a run takes longer, one per run."""
    runs: int
    seconds: float
    """From the start of the first run to the end of the last."""


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Return the milliseconds that a call took, and what it returned."""
    # whole nanoseconds: seconds as a float lose digits the longer the machine is up
    started = time.perf_counter_ns()
    result = call()
    return (time.perf_counter_ns() - started) / 1e6, result


def warm_up(calls: Mapping[str, Call], protocol: Protocol) -> dict[str, WarmUp]:
    """Run calls in turns until each has run long enough and evenly enough, or has run too long.

    Even enough is where the median of its last ten runs is within `protocol.stable_within` of that of the
    ten before.

    Args:
        calls: by name.
        protocol: how long, and how even.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    done: dict[str, WarmUp] = {}
    # in turns, as they are timed later: each finds the caches as the others leave them
    while len(done) < len(calls):
        for name, call in calls.items():
            if name in done:
                continue
            time.sleep(protocol.pause_s)
            times[name].append(timed(call)[0])
            seconds = sum(times[name]) / 1e3
            stable = seconds >= protocol.least_warm_up_s and _stable(times[name], protocol.stable_within)
            if stable or seconds >= protocol.warm_up_cap_s:
                done[name] = WarmUp(seconds=round(seconds, 3), runs=len(times[name]), stable=stable)
    return done


def measure(
    calls: Mapping[str, Call],
    protocol: Protocol = PROTOCOL,
    *,
    anchor: Anchor | None = None,
    each_run: Callable[[str, float], object] = lambda name, share: None,
) -> dict[str, Samples]:
    """Time calls in turns, A, B, C, A, B, C …, after warming them up.

    Each takes part until it has `protocol.least_runs` runs that together took `protocol.duration_s`; the
    others then go on. No sample is left out.

    Args:
        calls: by name.
        protocol: durations, counts and the pause.
        anchor: a fixed workload to run and time before each run.
        each_run: is told, after each run, whose it was and which share of what it needs that call has.
    """
    samples = {name: Samples(warmed) for name, warmed in warm_up(calls, protocol).items()}
    waiting = dict(calls)
    while waiting:
        # a copy: who is done leaves between two others
        for name, call in list(waiting.items()):
            _sample(samples[name], call, protocol.pause_s, anchor)
            share = _share(samples[name].total_ms, protocol)
            each_run(name, share)
            if share >= 1:
                del waiting[name]
    return samples


def sustain(
    call: Call,
    seconds: float,
    *,
    sensors: Callable[[], Reading] = Reading,
) -> Sustained:
    """Run a call over and over without rest.

    A moment's time is the median of the runs that ended within it.

    Args:
        call: what to run.
        seconds: how long.
        sensors: is read once per moment, between two runs.
    """
    runs = 0

    def counted() -> Mapping[str, float]:
        nonlocal runs
        runs += 1
        return call()

    started = time.perf_counter()
    moments = tuple(_moments(counted, seconds, sensors))
    return Sustained(moments, runs, time.perf_counter() - started)


def throttled(moments: Sequence[Moment]) -> bool | None:
    """Whether the clock fell by more than `CLOCK_DROP` in a sustained run; None where clocks are not known.

    The median clock of the last quarter is compared with the highest of the first.
    """
    clocks = [m.clock_mhz for m in moments if m.clock_mhz is not None]
    # a quarter must hold a reading
    if len(clocks) < 4:
        return None
    quarter = len(clocks) // 4
    return statistics.median(clocks[-quarter:]) < (1 - CLOCK_DROP) * max(clocks[:quarter])


def peak_memory() -> int | None:
    """Return the most resident memory that this process ever had, in bytes; None where that is not told.

    It is Linux's VmHWM: `ru_maxrss` would begin at what the parent process held.
    """
    lines = STATUS.read_text(encoding="ascii").splitlines() if STATUS.is_file() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def _sample(samples: Samples, call: Call, pause_s: float, anchor: Anchor | None) -> None:
    time.sleep(pause_s)
    if anchor is not None:
        samples.anchor_ms.append(round(timed(anchor)[0], DIGITS))
    total, stages = timed(call)
    samples.total_ms.append(round(total, DIGITS))
    samples.stages.append(dict(stages))
    if "model" in stages:
        samples.model_ms.append(round(stages["model"], DIGITS))


def _share(total_ms: Sequence[float], protocol: Protocol) -> float:
    runs = len(total_ms) / max(1, protocol.least_runs)
    seconds = sum(total_ms) / 1e3 / protocol.duration_s if protocol.duration_s > 0 else 1.0
    return min(1.0, runs, seconds)


def _stable(times: Sequence[float], within: float) -> bool:
    if len(times) < 2 * STABLE_RUNS:
        return False
    before = statistics.median(times[-2 * STABLE_RUNS : -STABLE_RUNS])
    return abs(statistics.median(times[-STABLE_RUNS:]) - before) <= within * before


def _moments(call: Call, seconds: float, sensors: Callable[[], Reading]) -> Iterator[Moment]:
    started = moment = time.perf_counter()
    times: list[float] = []
    while moment - started < seconds:
        times.append(timed(call)[0])
        now = time.perf_counter()
        # the last moment may be shorter than a second: every run is in one
        if now - moment < 1 and now - started < seconds:
            continue
        # between two runs, in whose time the sensors have no part
        moment, seen = now, sensors()
        yield Moment(
            seconds=round(now - started, 3),
            ms=round(statistics.median(times), DIGITS),
            temperature_c=seen.temperature_c,
            clock_mhz=seen.clock_mhz,
            power_mw=seen.power_mw,
        )
        times.clear()
