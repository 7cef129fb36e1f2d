"""Command line: ``python -m restorect_edge.bench ARTIFACT...``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.bench.measure.protocol import FREE_SHAPES
from restorect_edge.bench.measure.record import Report, Subject
from restorect_edge.bench.platforms.jetson import RunOptions, bundle, remote
from restorect_edge.bench.report import console
from restorect_edge.bench.report.looks import Look
from restorect_edge.bench.report.write import FILES, write
from restorect_edge.bench.run import MACHINE, Measuring, session, why_nothing
from restorect_edge.bench.subjects import Candidate
from restorect_edge.cli import compare
from restorect_edge.cli.command import run, say
from restorect_edge.cli.network import licenses
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json, Overwrite
from restorect_edge.errors import BackendError, RestorectError, UsageError
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
JETSON = "Jetson"


@dataclass(frozen=True, kw_only=True)
class Bench(Measuring, Overwrite, Json):
    """Options of `bench`."""

    artifacts: tuple[str, ...] = argument((), metavar="ARTIFACT")
    """Artifacts, and weights by name or file."""
    power_mode: tuple[str, ...] = option((), metavar="M", group=MACHINE)
    against: str | None = option(None, metavar="ROW")
    """The artifact, weights or file that all are compared with."""
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
    made = session(args.artifacts, args)
    found = made.candidates
    against = _against(args.against, found)
    for line in licenses(args.artifacts):
        say(line)
    try:
        report = made.run()
    except (KeyboardInterrupt, RestorectError):  # interrupted, or clocks that could not be put back
        partial = made.report()
        if any(row.total_ms for row in partial.rows):
            _hand_over(partial, args, against, made.looks)
        raise
    failed = [row for row in report.rows if row.status == "failed"]
    if not failed and not any(row.total_ms for row in report.rows):
        raise why_nothing(report, found)
    _hand_over(report, args, against, made.looks)
    if failed:
        raise BackendError(f"{len(failed)} of {len(report.rows)} rows failed: {failed[0].reason}")
    return 0


def _measure_there(args: Bench, host: str) -> int:
    """Measure on a Jetson by the kit, and make its report one like ours."""
    if args.output is None:
        raise UsageError("--host needs -o DIR, where the report goes")
    if args.onnx or args.threads or args.runtime or args.profile or args.against or args.values:
        raise UsageError(
            "--onnx and what describes its values, --threads, --runtime, --profile and --against are not for "
            "--host: TensorRT runs there"
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
        shapes=args.sizes or FREE_SHAPES,
        options=options,
        progress=say,
    )
    _hand_over(found.report, args)
    return 0


def _bundle(args: Bench) -> int:
    if args.output is None:
        raise UsageError("--bundle needs -o FILE, such as -o kit.tar.gz")
    _check_output(args, ())
    kit = bundle(args.artifacts, args.output, shapes=args.sizes or FREE_SHAPES)
    say(f"{kit.bytes / 1e6:.1f} MB, {', '.join(kit.artifacts)}")
    say(f"next: scp {kit.path} user@jetson: && ssh -t user@jetson 'tar -xzf {kit.path.name} && "
         "sudo python3 restorect-kit/restorect_bench.py'")  # fmt: skip
    print(kit.path)
    return 0


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
