"""What the board did while it was measured: power, clocks, temperatures, throttling."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from jetson_bench.board import Profile
from jetson_bench.parse import Sample, parse_tegrastats
from jetson_bench.system import System

from restorect_edge.bench.measure.protocol import Reading, throttled
from restorect_edge.bench.measure.record import Moment
from restorect_edge.errors import UsageError

__all__ = ["Events", "Observation", "Watch", "energy_per_frame", "lost_clock", "read_events"]

INTERVAL_MS = 200
GPU_CLOCKS = ("sys/class/devfreq/*.gpu/cur_freq", "sys/class/devfreq/gpu-gpc-0/cur_freq")
"""In Hz, readable without root: Orin's, and Thor's."""
OVERCURRENT = "sys/class/hwmon/hwmon*/oc*_event_cnt"
ALERTS = "sys/class/thermal/cooling_device*"


@dataclass(frozen=True, slots=True)
class Observation:
    """A line of tegrastats and when it came, in s of ``time.perf_counter``."""

    at: float
    sample: Sample


@dataclass(frozen=True, slots=True)
class Events:
    """Counts of over-current events since boot, and the thermal alerts that are raised now."""

    overcurrent: dict[str, int] = field(default_factory=dict)
    alerts: frozenset[str] = frozenset()

    def since(self, before: "Events") -> list[str]:
        """Return in words what happened since `before`; thermal alerts that are raised count in both."""
        found = []
        for name, count in self.overcurrent.items():
            more = count - before.overcurrent.get(name, 0)
            if more > 0:
                found.append(f"{name}: {more} over-current event{'s' if more > 1 else ''}")
        return found + [f"thermal alert {name}" for name in sorted(self.alerts | before.alerts)]


def read_events(system: System) -> Events:
    """Read the counters and alerts that the kernel shows."""
    counts = {}
    for path in system.files(OVERCURRENT):
        count = system.number(path)
        if count is not None:
            counts[path.name.removesuffix("_event_cnt")] = int(count)
    alerts = set()
    for path in system.files(ALERTS):
        kind = system.text(path / "type") or ""
        if kind.endswith("throttle-alert") and (system.number(path / "cur_state") or 0) > 0:
            alerts.add(kind)
    return Events(counts, frozenset(alerts))


class Watch:
    """Runs tegrastats beside a measurement; use it as a context manager.

    Args:
        system: this machine.
        profile: which rails are the module's power.
        interval_ms: between two lines.
    """

    def __init__(self, system: System, profile: Profile, *, interval_ms: int = INTERVAL_MS) -> None:
        self._system = system
        self._profile = profile
        self._interval_ms = interval_ms
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._paths = [path for pattern in GPU_CLOCKS for path in system.files(pattern)]
        self.observations: list[Observation] = []
        self.lines: list[str] = []
        """As tegrastats printed them, each after the second that it came at."""

    def __enter__(self) -> "Watch":
        path = self._system.find("tegrastats")
        if path is not None:
            self._process = subprocess.Popen(
                [*self._rights(), path, "--interval", str(self._interval_ms)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._thread = threading.Thread(target=self._read, args=(self._process,), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None or self._thread is None:
            return
        if self._process.poll() is None:
            # sudo passes SIGTERM on, and root's child could not be signalled from here
            self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(5)

    @property
    def present(self) -> bool:
        """Whether tegrastats is installed."""
        return self._process is not None

    def between(self, start: float, end: float) -> list[Observation]:
        """Return what was observed from `start` to `end`, in s of ``time.perf_counter``."""
        return [seen for seen in tuple(self.observations) if start <= seen.at <= end]

    def reading(self) -> Reading:
        """Return the latest: the hottest zone, the fastest graphics cluster, the power of the module."""
        if not self.observations:
            return Reading()
        sample = self.observations[-1].sample
        zones, rails = sample.temperatures, self._profile.total_rails(sample)
        return Reading(
            # tj is the board's own maximum of its zones
            temperature_c=zones.get("tj", max(zones.values(), default=None)),
            clock_mhz=max(sample.gpu_mhz, default=0) or None,
            power_mw=float(sum(sample.rails_mw[rail] for rail in rails)) if rails else None,
        )

    def _rights(self) -> list[str]:
        try:
            return self._system.as_root()  # without root, JetPack 6 prints no clocks
        except UsageError:
            return []

    def _read(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            at = time.perf_counter()
            self.lines.append(f"{at:.3f} {line.rstrip()}")
            sample = parse_tegrastats(line)
            if sample is not None:
                self.observations.append(Observation(at, self._with_clock(sample)))

    def _with_clock(self, sample: Sample) -> Sample:
        if any(sample.gpu_mhz):
            return sample
        hertz = [self._system.number(path) for path in self._paths]
        return replace(sample, gpu_mhz=tuple(int(value / 1e6) for value in hertz if value))


def energy_per_frame(seen: Sequence[Observation], profile: Profile, seconds_per_frame: float) -> float | None:
    """Return J per frame: the mean power of the module over time, times the time of a frame.

    Rails are read at intervals, so power is taken as linear between two readings (trapezoidal rule). What
    the board takes when it rests is in it.

    Args:
        seen: while frames were made without rest; None comes back unless every line has the same rails.
        profile: which rails to add.
        seconds_per_frame: the mean.
    """
    totals = {profile.total_rails(s.sample) for s in seen}
    if len(seen) < 2 or len(totals) != 1 or totals == {()}:
        return None
    rails = totals.pop()
    watts = [sum(s.sample.rails_mw[rail] for rail in rails) / 1e3 for s in seen]
    joules = sum(
        (late.at - early.at) * (before + after) / 2
        for early, late, before, after in zip(seen, seen[1:], watts, watts[1:], strict=False)
    )
    return joules / (seen[-1].at - seen[0].at) * seconds_per_frame


def lost_clock(seen: Sequence[Observation]) -> bool:
    """Whether the GPU clock fell while this was observed, by the rule of the protocol."""
    clocks = [
        Moment(seconds=s.at, ms=0.0, clock_mhz=max(s.sample.gpu_mhz)) for s in seen if any(s.sample.gpu_mhz)
    ]
    return throttled(clocks) is True
