"""Command line: ``python -m restorect_edge.bench ARTIFACT...``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from restorect_edge.bench.measure.protocol import FREE_SHAPES, PROTOCOL, QUICK
from restorect_edge.bench.measure.record import Protocol, Report, Subject
from restorect_edge.bench.platforms.device import Machine
from restorect_edge.bench.platforms.jetson import RunOptions, bundle, remote
from restorect_edge.bench.report import console
from restorect_edge.bench.report.looks import Look
from restorect_edge.bench.report.write import FILES, write
from restorect_edge.bench.session import Session, Setup
from restorect_edge.bench.subjects import Candidate, candidates
from restorect_edge.cli import compare
from restorect_edge.cli.command import run, say
from restorect_edge.cli.network import licenses
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json, OnDevice, Overwrite, Threads
from restorect_edge.errors import BackendError, RestorectError, UsageError
from restorect_edge.export.shapes import parse_shapes, written_shapes
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.options import argument, option

EXAMPLES = """  python -m restorect_edge.bench out/lowlight-small-onnx-fp32-split-dynamic
  python -m restorect_edge.bench out/fp32 out/int8 --onnx theirs.onnx --against theirs.onnx -o report
  python -m restorect_edge.bench lowlight-small --shapes 400x600,720x1280 --sustained 120 --profile -o report
  python -m restorect_edge.bench out/lowlight-small-tensorrt-fp16-720x1280 --bundle jetson -o kit.tar.gz
  python -m restorect_edge.bench out/lowlight-small-tensorrt-fp16-720x1280 --host user@jetson -o jetson
  python -m restorect_edge.bench compare before/report.json after/report.json

All that is named takes turns, A, B, A, B, …; "faster" is said only where the intervals of the medians part.
With -o, DIR gets report.json, report.md and report.html. What cannot run here is a row that says why; where
nothing at all can, that is an error. The exit code is 5 where a row failed.
"""
CAP = PROTOCOL.warm_up_cap_s / PROTOCOL.least_warm_up_s
"""How many times the least warm-up it may take at most."""


LONG, MACHINE, JETSON = "how long", "the machine", "Jetson"


@dataclass(frozen=True, kw_only=True)
class Bench(OnDevice, Threads, Overwrite, Json):
    """Options of `bench`."""

    artifacts: tuple[str, ...] = argument((), metavar="ARTIFACT")
    """Artifacts, and weights by name or file."""
    onnx: tuple[Path, ...] = option((), metavar="FILE")
    """Models of other people."""
    shapes: Sequence[tuple[int, int]] | None = option(
        None, metavar="HxW[,HxW]", parse=parse_shapes, write=written_shapes
    )
    """Image sizes, height first; by default the artifact's own."""
    against: str | None = option(None, metavar="ROW")
    """The artifact, weights or file that all are compared with."""
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
    power_mode: tuple[str, ...] = option((), metavar="M", group=MACHINE)
    """Its name, for the record; with --host the modes to measure in."""
    lock_clocks: bool = option(False, group=MACHINE)
    """Lock clocks at their highest, and put them back afterwards."""
    profile: bool = option(False)
    """Also show which modules take the time."""
    bundle: str | None = option(None, choices=("jetson",), group=JETSON)
    """Write a kit that measures there, to -o."""
    host: str | None = option(None, metavar="USER@HOST", group=JETSON)
    """Measure there, over ssh."""
    output: Path | None = option(None, "-o", "--output-dir", metavar="DIR")
    """Where the report goes; by default nowhere."""


def parser() -> Parser:
    """Return the parser."""
    description = "Measure latency, memory and throughput, with the conditions that they depend on."
    return Parser("bench", description, EXAMPLES, Bench)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["compare"]:
        return compare.main(words[1:])
    return run(_bench, parser(), words)


def _bench(args: Bench) -> int:
    if args.bundle:
        return _bundle(args)
    _check_output(args, FILES)
    return _measure_there(args, args.host) if args.host else _measure_here(args)


def _measure_here(args: Bench) -> int:
    if len(args.power_mode) > 1:
        raise UsageError("--power-mode takes one name here, which is recorded; several are for --host")
    setup = Setup(
        protocol=_protocol(args),
        shapes=_shapes(args),
        sustained_s=args.sustained,
        power_mode=next(iter(args.power_mode), None),
        lock_clocks=args.lock_clocks,
        profile=args.profile,
    )
    found = candidates(args.artifacts, args.onnx, runtime=args.runtime, device=args.device)
    against = _against(args.against, found)
    for line in licenses(args.artifacts):
        say(line)
    session = Session(found, setup, Machine())
    try:
        report = session.run()
    except (KeyboardInterrupt, RestorectError):  # interrupted, or clocks that could not be put back
        partial = session.report()
        if any(row.total_ms for row in partial.rows):
            _hand_over(partial, args, against, session.looks)
        raise
    failed = [row for row in report.rows if row.status == "failed"]
    if not failed and not any(row.total_ms for row in report.rows):
        raise _why_nothing(report, found)
    _hand_over(report, args, against, session.looks)
    if failed:
        raise BackendError(f"{len(failed)} of {len(report.rows)} rows failed: {failed[0].reason}")
    return 0


def _measure_there(args: Bench, host: str) -> int:
    """Measure on a Jetson by the kit, and make its report one like ours."""
    if args.output is None:
        raise UsageError("--host needs -o DIR, where the report goes")
    if args.onnx or args.threads or args.runtime or args.profile or args.against:
        raise UsageError(
            "--onnx, --threads, --runtime, --profile and --against are not for --host: TensorRT runs there"
        )
    options = RunOptions(
        power_modes=args.power_mode,
        lock_clocks=args.lock_clocks,
        duration_s=args.duration,
        sustained_s=args.sustained or None,
        more=("--quick",) if args.quick else (),
    )
    found = remote(
        host,
        args.artifacts,
        args.output,
        shapes=_shapes(args) or FREE_SHAPES,
        options=options,
        progress=say,
    )
    _hand_over(found.report, args)
    return 0


def _bundle(args: Bench) -> int:
    if args.output is None:
        raise UsageError("--bundle needs -o FILE, such as -o kit.tar.gz")
    _check_output(args, ())
    kit = bundle(args.artifacts, args.output, shapes=_shapes(args) or FREE_SHAPES)
    say(f"{kit.bytes / 1e6:.1f} MB, {', '.join(kit.artifacts)}")
    say(f"next: scp {kit.path} user@jetson: && ssh -t user@jetson 'tar -xzf {kit.path.name} && "
         "sudo python3 restorect-kit/restorect_bench.py'")  # fmt: skip
    print(kit.path)
    return 0


def _protocol(args: Bench) -> Protocol:
    base = QUICK if args.quick else PROTOCOL
    warm_up = base.least_warm_up_s if args.warm_up is None else args.warm_up
    duration = base.duration_s if args.duration is None else args.duration
    runs = base.least_runs if args.runs is None else args.runs
    numbers = {"duration": duration, "warm-up": warm_up, "sustained": args.sustained, "runs": runs}
    for name, value in numbers.items():
        least = 1 if name == "runs" else 0
        if not least <= value < float("inf"):
            raise UsageError(f"--{name} is at least {least}, got {value:g}")
    if args.threads is not None and args.threads < 1:
        raise UsageError(f"--threads is at least 1, got {args.threads}")
    return replace(
        base,
        threads=args.threads,
        duration_s=duration,
        least_runs=runs,
        least_warm_up_s=warm_up,
        warm_up_cap_s=base.warm_up_cap_s if args.warm_up is None else CAP * warm_up,
    )


def _shapes(args: Bench) -> tuple[tuple[int, int], ...]:
    return tuple(dict.fromkeys(args.shapes or ()))


def _check_output(args: Bench, names: Sequence[str]) -> None:
    """Raise `UsageError` before any work where the output is there already, or cannot be written."""
    if args.output is None:
        return
    files = [args.output / name for name in names] or [args.output]
    there = next((file for file in files if file.exists()), None)
    if there is not None and not args.overwrite:
        raise UsageError(f"'{there}' exists; use --overwrite to replace, or another -o")
    require_writable(args.output, folder=bool(names))


def _against(name: str | None, found: Sequence[Candidate]) -> Subject | None:
    """Return what `--against` names: one of the sources as given, or the name that its row has."""
    if name is None:
        return None
    named = {c.source: c.subject for c in reversed(found)}
    subjects = {c.subject.name: c.subject for c in reversed(found)} | named
    if name not in subjects:
        raise UsageError(
            f"--against {name} is none of what is timed: {', '.join(dict.fromkeys(c.source for c in found))}"
        )
    return subjects[name]


def _hand_over(
    report: Report, args: Bench, against: Subject | None = None, looks: Sequence[Look] = ()
) -> None:
    """Print a report, and write it where that is asked for."""
    text = report.to_json() if args.json else console.as_text(report, against)
    print(text, end="" if args.json else "\n")
    for path in write(report, args.output, against=against, looks=looks) if args.output else []:
        print(path, file=sys.stderr if args.json else sys.stdout)


def _why_nothing(report: Report, found: Sequence[Candidate]) -> RestorectError:
    """Return the error of a session without any time: why the first candidate cannot run here."""
    reasons = [reason for candidate in found if (reason := candidate.absent()) is not None]
    return reasons[0] if reasons else UsageError(f"nothing was measured: {report.rows[0].reason}")
