"""`bench`: what is named is measured in turns, by the protocol that options change."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

from restorect_edge.bench.measure.protocol import PROTOCOL, QUICK
from restorect_edge.bench.measure.record import Protocol, Report
from restorect_edge.bench.platforms.device import Machine
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import Candidate, candidates
from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.export.shapes import parse_shapes, written_shapes
from restorect_edge.targets.running import OnDevice, Threads, Values
from restorect_edge.utils.options import argument, option, several, takes

__all__ = ["Bench", "Measuring", "bench", "session", "why_nothing"]

CAP = PROTOCOL.warm_up_cap_s / PROTOCOL.least_warm_up_s
"""How many times the least warm-up it may take at most."""

LONG, MACHINE = "how long", "the machine"


@dataclass(frozen=True, kw_only=True)
class Measuring(OnDevice, Threads, Values):
    """What is measured besides artifacts and weights, and how."""

    onnx: str | Path | Sequence[str | Path] = option((), metavar="FILE")
    """Models of other people."""
    shapes: Sequence[tuple[int, int]] | None = option(
        None, metavar="HxW[,HxW]", parse=parse_shapes, write=written_shapes
    )
    """Image sizes, height first; by default the artifact's own."""
    duration: float | None = option(None, metavar="S", group=LONG, more=f"default {PROTOCOL.duration_s:g}")
    """Seconds of a row's timed runs."""
    runs: int | None = option(None, metavar="N", group=LONG, more=f"default {PROTOCOL.least_runs}")
    """Timed runs of a row, at least."""
    warm_up: float | None = option(
        None, metavar="S", group=LONG, more=f"default {PROTOCOL.least_warm_up_s:g}, at most ten times that"
    )
    """Seconds of warm-up, at least."""
    sustained: float = option(0.0, metavar="S", group=LONG)
    """Seconds to run without rest then."""
    quick: bool = option(False, group=LONG)
    """A rehearsal in seconds: too short to measure."""
    power_mode: str | Sequence[str] = option((), metavar="M", group=MACHINE)
    """Its name, for the record; with --host the modes to measure in."""
    lock_clocks: bool = option(False, group=MACHINE)
    """Lock clocks at their highest, and put them back afterwards."""
    profile: bool = option(False)
    """Also show which modules take the time."""

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The sizes asked for, each once."""
        return tuple(dict.fromkeys(self.shapes or ()))


@dataclass(frozen=True)
class Bench(Measuring):
    """What `bench` takes."""

    artifacts: str | Path | Sequence[Path | str] = argument((), metavar="ARTIFACT")
    """Artifacts, and weights by name or file."""
    _: KW_ONLY


@takes(Bench)
def bench(asked: Bench) -> Report:
    """Measure latency, memory and throughput, with the conditions that they depend on.

        bench(["out/fp32", "out/int8"], shapes=[(480, 640)]).rows[0].total_ms

    Args:
        asked: the fields of `Bench`, each an argument of its own; they are options of
            ``restorect-edge bench``.

    Returns:
        A row for each artifact, device and size, with all samples in ms; what cannot run here is a row that
        says why.

    Raises:
        UsageError: no such artifact, weights or runtime, or numbers out of range.
        BackendError: clocks cannot be locked, or put back.
        MissingDependencyError, IncompatibleError: nothing that is named can run here.
    """
    made = session(several(asked.artifacts), asked)
    report = made.run()
    if not any(row.total_ms for row in report.rows):
        raise why_nothing(report, made.candidates)
    return report


def session(sources: Sequence[str], asked: Measuring) -> Session:
    """Find what is to be measured, and check what is asked for; raises as `bench` does.

    Args:
        sources: artifacts, and weights by name or file.
        asked: the options.
    """
    modes = several(asked.power_mode)
    if len(modes) > 1:
        raise UsageError("--power-mode takes one name here, which is recorded; several are for --host")
    setup = Setup(
        protocol=_protocol(asked),
        shapes=asked.sizes,
        sustained_s=asked.sustained,
        power_mode=next(iter(modes), None),
        lock_clocks=asked.lock_clocks,
        profile=asked.profile,
    )
    models = [Path(each) for each in several(asked.onnx)]
    asked.check_values([*sources, *models])
    found = candidates(sources, models, runtime=asked.runtime, device=asked.device, values=asked.values)
    return Session(found, setup, Machine())


def _protocol(asked: Measuring) -> Protocol:
    base = QUICK if asked.quick else PROTOCOL
    warm_up = base.least_warm_up_s if asked.warm_up is None else asked.warm_up
    duration = base.duration_s if asked.duration is None else asked.duration
    runs = base.least_runs if asked.runs is None else asked.runs
    numbers = {"duration": duration, "warm-up": warm_up, "sustained": asked.sustained, "runs": runs}
    for name, value in numbers.items():
        least = 1 if name == "runs" else 0
        if not least <= value < float("inf"):
            raise UsageError(f"--{name} is at least {least}, got {value:g}")
    if asked.threads is not None and asked.threads < 1:
        raise UsageError(f"--threads is at least 1, got {asked.threads}")
    return replace(
        base,
        threads=asked.threads,
        duration_s=duration,
        least_runs=runs,
        least_warm_up_s=warm_up,
        # a cap below the least warm-up would end it before it may
        warm_up_cap_s=base.warm_up_cap_s if asked.warm_up is None else CAP * warm_up,
    )


def why_nothing(report: Report, found: Sequence[Candidate]) -> RestorectError:
    """Return the error of a session without any time: why the first candidate cannot run here.

    Args:
        report: has no time.
        found: its candidates, in order.
    """
    reasons = [reason for candidate in found if (reason := candidate.absent()) is not None]
    return reasons[0] if reasons else UsageError(f"nothing was measured: {report.rows[0].reason}")
