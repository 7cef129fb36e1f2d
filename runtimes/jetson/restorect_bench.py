#!/usr/bin/env python3
"""Measure the kit's artifacts on this Jetson, with JetPack's own Python, TensorRT and numpy.

    sudo python3 restorect_bench.py            # the default power mode and the one that allows most

Engines are built on the first run and kept. Each row that is done is kept as well: after an interruption the
same command goes on. Power modes and clocks are put back as they were found, however the run ends.

The table goes to standard output, messages to standard error. Exit codes: 0 ok, 1 usage, 2 an artifact
failed (its golden images do not come out, or TensorRT does not take it), 3 TensorRT or numpy is missing,
4 not a JetPack or kit that fits, 5 a program of the board failed or the disk is full, 130 interrupted.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from jetson_bench.stop import Stop

    from restorect_edge.bench.measure.record import Protocol

HERE = Path(__file__).resolve().parent
OLDEST = (3, 10)
MISSING, BACKEND = 3, 5
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with 1: 2 says that an artifact failed."""
        self.exit(1, f"error: {message}; see --help\n")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        description="Measure the kit's artifacts on this Jetson.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    modes = "names of power modes, such as 15W MAXN_SUPER, or 'current' (default: two, chosen)"
    add("--power-mode", nargs="+", default=[], metavar="MODE", help=modes)
    add("--lock-clocks", action="store_true", help="run jetson_clocks, and undo it afterwards")
    add("--duration", type=float, metavar="S", help="least time that a row's timed runs take (default: 10)")
    add(
        "--sustained", type=float, default=10.0, metavar="S", help="run without rest, for power (default: 10)"
    )
    add("-o", "--output", type=Path, default=HERE / "results", metavar="DIR", help="default: results")
    add("--attended", action="store_true", help="stop when standard input ends or falls silent")
    add("--quick", action="store_true", help="a rehearsal in seconds: too few runs for a measurement")
    add("--root", type=Path, default=Path("/"), metavar="DIR", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = _arguments(argv)
    try:
        import numpy  # noqa: F401
    except ImportError:
        return _fail("numpy is missing: sudo apt-get install python3-numpy", MISSING)
    from jetson_bench.stop import INTERRUPTED, Interrupted, Stop

    from restorect_edge.errors import RestorectError
    from restorect_edge.targets.tensorrt.build_engine import EngineError

    stop = Stop()
    try:
        with stop.listening(attended=arguments.attended):
            return _measure(arguments, stop)
    except Interrupted as reason:
        return _fail(
            f"{reason}; what was measured is in '{arguments.output}': run again to go on", INTERRUPTED
        )
    except (RestorectError, EngineError, OSError) as error:
        if _disk_is_full(error):
            return _fail(f"the disk is full ({error}): free some space and run again to go on", BACKEND)
        return _fail(str(error), getattr(error, "exit_code", BACKEND))


def _measure(arguments: argparse.Namespace, stop: "Stop") -> int:
    from jetson_bench.board import describe, find_profile, require_jetpack
    from jetson_bench.kit import Kit
    from jetson_bench.measure import Bench
    from jetson_bench.power import Power
    from jetson_bench.session import Session, alone
    from jetson_bench.system import System
    from jetson_bench.table import table

    from restorect_edge.targets.tensorrt.build_engine import load_tensorrt, read_gpu

    system = System(arguments.root)
    power = Power(system, HERE / "found.json", stop)
    with alone(HERE):
        power.recover(_say)
        profile = find_profile(system)
        require_jetpack(system, profile)
        kit = Kit.open(HERE)
        trt, gpu = load_tensorrt(), read_gpu()
        sustained_s = arguments.sustained or (1.0 if arguments.quick else 10.0)
        bench = Bench(kit, system, profile, trt, _protocol(arguments), sustained_s, _say)
        device = describe(system, power, trt, gpu, profile)
        modes, output = arguments.power_mode, arguments.output
        report = Session(kit, bench, power, device, modes, arguments.lock_clocks, output, _say).run()
    sys.stdout.write(table(report))
    _say(f"report: {output / 'report.json'}")
    failed = [row for row in report.rows if row.status == "failed"]
    for row in failed:
        _say(f"error: {row.subject.name}: {row.reason}")
    return 2 if failed else 0


def _protocol(arguments: argparse.Namespace) -> "Protocol":
    from restorect_edge.bench.measure.protocol import PROTOCOL, QUICK

    protocol = QUICK if arguments.quick else PROTOCOL
    return protocol if arguments.duration is None else replace(protocol, duration_s=arguments.duration)


def _disk_is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(os.strerror(number) in str(error) for number in FULL)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _fail(message: str, code: int) -> int:
    _say("error: " + " ".join(message.split()))
    return code


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit(_fail("Python 3.10 or later is needed; JetPack 6 has 3.10, JetPack 7 has 3.12", 4))
    sys.exit(main())
