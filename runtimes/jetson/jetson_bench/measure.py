"""One part of a run: all artifacts of one image size, in the power mode that is set."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jetson_bench.board import Profile
from jetson_bench.engine import build_engines
from jetson_bench.kit import Entry, Kit, Shape
from jetson_bench.system import System
from jetson_bench.watch import Observation, Watch, energy_per_frame, lost_clock, read_events

from restorect_edge import Runtime, load
from restorect_edge.bench.measure.protocol import (
    Call,
    Samples,
    Sustained,
    measure,
    peak_memory,
    sustain,
    timed,
)
from restorect_edge.bench.measure.record import Cold, Protocol, Row
from restorect_edge.bench.measure.subject import quality_of, restoring
from restorect_edge.errors import BackendError, IncompatibleError, QualityError
from restorect_edge.evaluation.metrics import psnr

__all__ = ["Bench", "not_measured"]

RUNTIME = "tensorrt"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Steady:
    """A run without rest, and what was seen meanwhile."""

    run: Sustained
    seen: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """Measures artifacts of a kit.

    Args:
        kit: what to measure.
        system: this machine.
        profile: this board.
        trt: the TensorRT module.
        protocol: of the timed runs.
        sustained_s: of the run without rest, over which power is measured.
        say: told what happens.
    """

    kit: Kit
    system: System
    profile: Profile
    trt: Any
    protocol: Protocol
    sustained_s: float
    say: Say

    def rows(self, entries: Sequence[Entry], shape: Shape, mode: str | None, log: Path) -> Iterator[Row]:
        """Measure artifacts at a size in turns, and yield a row for each.

        Args:
            entries: the artifacts.
            shape: height and width of the picture.
            mode: name of the power mode that is set.
            log: where what tegrastats printed goes.
        """
        before, picture = read_events(self.system), self.kit.picture(shape)
        with ExitStack() as stack, Watch(self.system, self.profile) as watch:
            ready: dict[str, Call] = {}
            bases: dict[str, Row] = {}
            for entry in entries:
                bases[entry.name] = not_measured(self.kit, entry, shape, mode, "not reached")
                try:
                    runtime, bases[entry.name] = self._ready(entry, bases[entry.name])
                except (BackendError, IncompatibleError, QualityError) as error:
                    yield replace(bases[entry.name], status="failed", reason=str(error))
                    continue
                ready[entry.name] = restoring(stack.enter_context(runtime), [picture])
            found = self._measured(ready, watch) if ready else {}
            events = read_events(self.system).since(before)
            for name, (samples, seen, steady) in found.items():
                row = replace(
                    samples.row(bases[name]), memory_peak_bytes=peak_memory(), sustained=steady.run.moments
                )
                yield self._judged(row, seen, steady, events)
        if watch.lines:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("\n".join(watch.lines) + "\n", encoding="utf-8")

    def _ready(self, entry: Entry, row: Row) -> tuple[Runtime, Row]:
        """Build what is missing, load an artifact, and check its golden images."""
        artifact = self.kit.artifact(entry)
        build_ms = build_engines(self.trt, artifact, self.kit.root, self.say)
        load_ms, runtime = timed(lambda: load(artifact.path, runtime=RUNTIME))
        try:
            first_ms, _ = timed(lambda: runtime(self.kit.picture(row.shape)))
            self._check(entry, runtime)
        except BaseException:
            runtime.close()
            raise
        cold = Cold(load_ms=load_ms, build_ms=build_ms, first_ms=first_ms)
        return runtime, replace(row, provider=runtime.provider, device=runtime.device, cold=cold)

    def _check(self, entry: Entry, runtime: Runtime) -> None:
        """Raise `QualityError` where a golden image does not come out."""
        for name, image, expected in self.kit.golden(entry):
            found = psnr(runtime(image), expected)
            # this way round, a PSNR that is no number falls short as well
            if not found >= entry.least_psnr:
                raise QualityError(
                    f"golden image '{name}' comes out with {found:.1f} dB, {entry.least_psnr:.0f} dB are "
                    "needed: this engine gives wrong pictures, so it was not timed"
                )

    def _measured(
        self, calls: Mapping[str, Call], watch: Watch
    ) -> dict[str, tuple[Samples, list[Observation], _Steady]]:
        self.say(f"timing {', '.join(calls)}")
        started = time.perf_counter()
        samples = measure(calls, self.protocol)
        seen = watch.between(started, time.perf_counter())
        return {
            name: (samples[name], seen, _steady(call, self.sustained_s, watch))
            for name, call in calls.items()
        }

    def _judged(self, row: Row, seen: list[Observation], steady: _Steady, events: list[str]) -> Row:
        """Add the energy, and mark the row if the board slowed itself down."""
        joules = energy_per_frame(steady.seen, self.profile, steady.run.seconds / max(1, steady.run.runs))
        reasons = list(events)
        reasons += ["the GPU clock fell in the timed runs"] if lost_clock(seen) else []
        reasons += ["the GPU clock fell in the run without rest"] if lost_clock(steady.seen) else []
        return replace(
            row,
            energy_mj=None if joules is None else round(1e3 * joules, 3),
            status="throttled" if reasons else "measured",
            reason="; ".join(reasons),
        )


def not_measured(kit: Kit, entry: Entry, shape: Shape, mode: str | None, reason: str) -> Row:
    """Return the row of what was not measured, and why."""
    return Row(
        subject=kit.subject(entry),
        runtime=RUNTIME,
        power_mode=mode,
        shape=shape,
        status="not measured",
        reason=reason,
        quality=quality_of(kit.artifact(entry).manifest),
    )


def _steady(call: Call, seconds: float, watch: Watch) -> _Steady:
    started = time.perf_counter()
    run = sustain(call, seconds, sensors=watch.reading)
    return _Steady(run, tuple(watch.between(started, time.perf_counter())))
