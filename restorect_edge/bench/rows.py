"""The rows of one size: load what runs here, time it in turns, and complete each row."""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from restorect_edge.bench.cold import cold_start
from restorect_edge.bench.images import Pictures, enlarged, pictures
from restorect_edge.bench.measure.anchor import anchor
from restorect_edge.bench.measure.protocol import DIGITS, PROTOCOL, Call, Samples, measure, sustain, throttled
from restorect_edge.bench.measure.record import Moment, Protocol, Row
from restorect_edge.bench.measure.subject import restoring
from restorect_edge.bench.platforms import apple
from restorect_edge.bench.platforms.device import Machine
from restorect_edge.bench.profile import profile
from restorect_edge.bench.report.looks import Look, look
from restorect_edge.bench.subjects import Candidate
from restorect_edge.errors import RestorectError
from restorect_edge.evaluation.metrics import finite_psnr
from restorect_edge.spec import Shape
from restorect_edge.targets.registry import RUNTIMES

__all__ = ["Setup", "absent_row", "rows_at"]

PROFILED_RUNS = 10
OF_NO_TASK = "custom"
"""What artifacts of networks of one's own say their task is."""
CLOCK_FELL = "the clock fell in the sustained run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a session measures."""

    protocol: Protocol = PROTOCOL
    """Its images and anchor are filled in."""
    shapes: tuple[Shape, ...] = ()
    """(height, width); empty: each candidate's own."""
    sustained_s: float = 0.0
    """Length of a run without rest, after the timed runs; 0 for none."""
    power_mode: str | None = None
    """Name of the power mode, where the machine does not tell."""
    lock_clocks: bool = False
    profile: bool = False
    extras: bool = True
    """Whether to measure start, memory, quality and the machine's peaks as well as latency."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A candidate that is loaded, and its row as far as it is known."""

    candidate: Candidate
    row: Row
    call: Call


def rows_at(
    shape: Shape,
    group: Mapping[int, Candidate],
    setup: Setup,
    machine: Machine,
    task: str,
    bar: Any,
    looks: list[Look],
) -> Iterator[tuple[int, Row]]:
    """Measure candidates at one size, and yield each one's row under its key.

    Args:
        shape: (height, width).
        group: the candidates.
        setup: how.
        machine: whose sensors are read in sustained runs.
        task: whose photographs are shown.
        bar: a `tqdm`, of which each row is one step.
        looks: takes the first photograph, and what each candidate makes of it.
    """
    shown = pictures(task, shape)
    looks.append(look(shown.degraded[0], shape))
    ready: dict[int, _Ready] = {}
    with ExitStack() as stack:
        for key, candidate in group.items():
            bar.set_description(f"{_size(shape)}: loading {candidate.subject.name}")
            found = _loaded(candidate, shape, shown, setup, stack, looks)
            if isinstance(found, Row):
                yield key, found
                bar.update()
            else:
                ready[key] = found
        done = bar.n
        yield from _timed(ready, setup, machine, bar).items()
        bar.n = done + len(ready)
        bar.refresh()


def absent_row(candidate: Candidate, shape: Shape, reason: str, *, failed: bool = False) -> Row:
    """Return the row of what has no times, and why.

    Args:
        candidate: that was to be timed.
        shape: (height, width) that it was to be timed at.
        reason: in words, on one line in the end.
        failed: whether it was tried.
    """
    return Row(
        subject=candidate.subject,
        runtime=candidate.runtime,
        device=candidate.device_name(),
        shape=shape,
        status="failed" if failed else "not measured",
        reason=" ".join(reason.split()),
        quality=dict(candidate.quality),
    )


def _loaded(
    candidate: Candidate, shape: Shape, shown: Pictures, setup: Setup, stack: ExitStack, looks: list[Look]
) -> _Ready | Row:
    """Load a candidate and restore the photographs once; or say why there will be no times."""
    missing = candidate.absent()
    reason = str(missing) if missing else candidate.refusal(shape)
    if reason:
        return absent_row(candidate, shape, reason)
    threads = setup.protocol.threads
    try:
        opened = stack.enter_context(candidate.open(threads))
        results = [opened(image) for image in shown.degraded]
        row = replace(
            absent_row(candidate, shape, "not timed"),
            provider=candidate.provider(opened),
            device=candidate.device_name(opened),
        )
        looks.append(look(results[0], shape, row))
        if setup.extras:
            quality = _quality(candidate, opened, results, shown)
            row = replace(row, work=candidate.work(shape), quality=quality)
            start = cold_start(candidate, shape, threads, shown.task)
            row = replace(row, cold=start.cold, memory_peak_bytes=start.memory_peak_bytes)
    except RestorectError as error:
        return absent_row(candidate, shape, str(error), failed=True)
    return _Ready(candidate, row, restoring(opened, shown.degraded))


def _quality(candidate: Candidate, restore: Any, results: Sequence[Any], shown: Pictures) -> dict[str, float]:
    """Return PSNR against the clean photographs, if they are of the candidate's task, and what it says.

    A network that enlarges is scored on photographs that were scaled down. One of somebody else is of no task
    that is known: it is scored on what all are shown.
    """
    found = dict(candidate.quality)
    if candidate.task not in (None, OF_NO_TASK, shown.task):
        return found
    scale = results[0].shape[0] // shown.degraded[0].shape[0]
    if scale > 1:
        shown = enlarged(shown.task, shown.degraded[0].shape[:2], scale)
        results = [restore(image) for image in shown.degraded]
    if [result.shape for result in results] == [target.shape for target in shown.clean]:
        scores = [finite_psnr(r, c) for r, c in zip(results, shown.clean, strict=True)]
        found = {"psnr": round(float(np.mean(scores)), DIGITS), **found}
    return found


def _timed(ready: Mapping[int, _Ready], setup: Setup, machine: Machine, bar: Any) -> dict[int, Row]:
    """Time candidates in turns; one that stops working in between spoils the turns of all."""
    if not ready:
        return {}
    size = _size(next(iter(ready.values())).row.shape)
    names = {str(key): key for key in ready}
    calls = {name: ready[key].call for name, key in names.items()}
    before = apple.thermal_state()
    bar.set_description(f"{size}: warming up")
    try:
        with anchor(setup.protocol.threads) as fixed:
            progress = _Progress(bar, f"{size}: timing")
            samples = measure(calls, setup.protocol, anchor=fixed, each_run=progress)
    except RestorectError as error:
        return {key: _failed(r, f"what it took turns with failed: {error}") for key, r in ready.items()}
    heat = apple.warn_hot(before, apple.thermal_state())
    found = {}
    for name, key in names.items():
        row = _row(ready[key].row, samples[name], heat)
        try:
            found[key] = _completed(ready[key], row, setup, machine, bar)
        except RestorectError as error:
            found[key] = _failed(ready[key], str(error))
    return found


def _failed(ready: _Ready, reason: str) -> Row:
    return absent_row(ready.candidate, ready.row.shape, reason, failed=True)


class _Progress:
    """Shows the shares that calls have of their runs."""

    def __init__(self, bar: Any, phase: str) -> None:
        self._bar, self._done = bar, bar.n
        self._shares: dict[str, float] = {}
        self._phase = phase

    def __call__(self, name: str, share: float) -> None:
        if not self._shares:
            self._bar.set_description(self._phase)
        self._shares[name] = share
        self._bar.n = round(self._done + sum(self._shares.values()), 2)
        self._bar.update(0)


def _row(row: Row, samples: Samples, heat: str) -> Row:
    measured = samples.row(row)
    return replace(measured, status="throttled", reason=heat) if heat else measured


def _completed(ready: _Ready, row: Row, setup: Setup, machine: Machine, bar: Any) -> Row:
    """Add the sustained run and the profile, where they are asked for."""
    if setup.sustained_s > 0:
        bar.set_description(f"{_size(row.shape)}: {setup.sustained_s:g} s of {row.subject.name}")
        moments, energy = _sustained(ready.call, setup.sustained_s, machine)
        row = replace(row, sustained=moments, energy_mj=energy)
        if throttled(moments):
            row = replace(row, status="throttled", reason="; ".join(filter(None, (row.reason, CLOCK_FELL))))
    if setup.profile and RUNTIMES[row.runtime].profiler:
        try:
            row = replace(row, modules_ms=_modules(ready.candidate, row.shape, setup.protocol.threads))
        except RestorectError as error:  # such as a missing `onnx`; the times stand without it
            bar.write(f"no profile of {row.subject.name}: {error}", file=sys.stderr)
    return row


def _sustained(call: Call, seconds: float, machine: Machine) -> tuple[tuple[Moment, ...], float | None]:
    """Run without rest; return the moments and, where power is known of all, the energy of an image in mJ."""
    machine.read()  # the counter of energy gives a power from the second reading on
    run = sustain(call, seconds, sensors=machine.read)
    powers = [moment.power_mw for moment in run.moments if moment.power_mw is not None]
    if len(powers) < len(run.moments) or not run.runs:
        return run.moments, None
    return run.moments, round(statistics.fmean(powers) * run.moments[-1].seconds / run.runs, 3)


def _modules(candidate: Candidate, shape: Shape, threads: int | None) -> dict[str, float]:
    """Profile a candidate; raises as `profile` does."""
    found = profile(
        candidate.place,
        pictures(candidate.task or "lowlight", shape).degraded,
        runtime=None if candidate.runtime == "torch" else candidate.runtime,
        device=candidate.device,
        threads=threads,
        runs=PROFILED_RUNS,
    )
    return {name: round(ms, DIGITS) for name, ms in found.modules_ms.items()}


def _size(shape: Shape) -> str:
    return f"{shape[1]}×{shape[0]}"
