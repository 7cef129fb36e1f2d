"""How much faster is a video restored than by an older version of the package?

    python benchmarks/builds.py --before CHECKOUT --prepare        # exports alone
    python benchmarks/builds.py --before CHECKOUT [--rounds N] [-o FILE]

Each version exports small INT8 itself, for ONNX Runtime and OpenVINO, with dynamic and with fixed sides, and
restores frames by `Runtime.stream` in a process of its own, 8-bit frames in and out, all defaults. The
processes take turns, round by round, after as many frames as a copy of fixed sides needs. Exits with 2 where
the speed-up is below the limit: 1.25 for dynamic, 1.10 for fixed sides. The share of the roofline is that of
the newer version, by the peaks of `restorect_edge.bench` measured before and after. With `--cases`, the rows
of others stay as the result file has them, and its conditions say what was run again.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _options import parser
from _results import conditions, merged, read, report
from tqdm import tqdm

from restorect_edge.bench.measure.peak import best, measure_peak
from restorect_edge.bench.measure.record import Peak
from restorect_edge.bench.report.write import least_ms
from restorect_edge.bench.subjects import candidates

HERE = Path(__file__).parents[1]
SIZES = ("400x600", "720x1280", "1080x1920")
TARGETS = ("openvino", "onnx")
LIMITS = {"dynamic": 1.25, "fixed": 1.10}
WARM_UP_S = 3.0
CASES = tuple(f"{target}/{kind}/{size}" for target in TARGETS for kind in LIMITS for size in SIZES)
MADE = """
import sys, pathlib, restorect_edge
target, sides, folder, weights = sys.argv[1:5]
fixed = {} if sides == "dynamic" else {"shapes": [tuple(map(int, sides.split("x")))]}
try:
    from restorect_edge.export.verify import verdict
    verdict.GENERATED_GATES["int8"] -= 1
except (ImportError, AttributeError):
    pass
if not any(pathlib.Path(folder).glob("*/manifest.json")):
    restorect_edge.export(weights, target=target, precision="int8", form="split", output_dir=folder, **fixed)
"""
"""Exports; the gate of INT8 on generated pictures, which small misses by 0.1 of 20 dB at some sizes, is 19 dB
here, as speed does not depend on it."""

Row = dict[str, Any]
LINE = (
    "{target:9} {sides:8} {size:10} {before_ms:7.2f} -> "
    "{now_ms:7.2f} ms, x{speed_up:.2f} ({speed_up_quartiles[0]:.2f} to {speed_up_quartiles[1]:.2f}), "
    "{share_of_roofline} of the roofline"
)


def main() -> int:
    add = parser(__doc__, "builds", weights="lowlight-small", threads=0, rounds=9)
    add.add_argument("--before", type=Path, required=True, help="checkout of the older version")
    add.add_argument("--work", type=Path, default=Path("out/builds"), help="of artifacts (%(default)s)")
    add.add_argument("--prepare", action="store_true", help="export, and measure nothing")
    add.add_argument("--frames", type=int, default=24, help="of a turn (default: %(default)s)")
    add.add_argument("--cases", default=",".join(CASES), help="of these, comma-separated (%(default)s)")
    options = add.parse_args()
    options.work = options.work.resolve()
    builds = {"before": options.before.resolve(), "now": HERE}
    cases = [tuple(case.split("/")) for case in options.cases.split(",")]
    for target, kind, size in tqdm(cases, desc="exports", disable=not options.prepare):
        for name, root in builds.items():
            folder = _folder(options.work / name, target, kind, size)
            if any(folder.glob("*/manifest.json")):
                continue
            arguments = [target, "dynamic" if kind == "dynamic" else size, str(folder), options.weights]
            _run(root, ["-c", MADE, *arguments])
    if options.prepare:
        return 0
    before_all = measure_peak()
    facts = conditions(
        weights=options.weights,
        threads=options.threads or "the backend's own",
        rounds=options.rounds,
        frames_per_turn=options.frames,
        before=_commit(builds["before"]),
        now=_commit(HERE),
        artifacts="each version's own exports",
        order="before, now, before, now, …, a process each",
        limits=", ".join(f"{kind} {limit:g}" for kind, limit in LIMITS.items()),
    )
    rows = [_compare(builds, case, options) for case in tqdm(cases, desc="builds")]
    peak = best(before_all, measure_peak())
    facts["peak"] = {key: value for key, value in asdict(peak).items() if key != "how"}
    for row in rows:
        row["share_of_roofline"] = _share(row, options.work / "now", peak)
    if len(cases) < len(CASES) and options.output.is_file():
        facts, rows = merged(read(options.output), facts, rows, _key, options.cases.split(","))
    return report(options.output, "builds", facts, rows, LINE, lambda row: row["speed_up"] < row["limit"])


def _key(row: Row) -> tuple[str, str, str]:
    return row["target"], row["sides"], row["size"]


def _folder(work: Path, target: str, kind: str, size: str) -> Path:
    return work / f"{target}-{size if kind == 'fixed' else kind}"


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root)}


def _run(root: Path, arguments: list[str]) -> None:
    # in its own folder: Python looks there before PYTHONPATH
    subprocess.run(
        [sys.executable, *arguments], cwd=root, env=_environment(root), check=True, stdout=sys.stderr
    )


def _commit(root: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class _Worker:
    """A build's process."""

    def __init__(self, root: Path, artifact: Path, size: str, threads: int) -> None:
        # this version's script for both: the older one may not have it
        script = HERE / "benchmarks" / "_stream_worker.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(artifact), size, str(threads)],
            env=_environment(root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.provider = str(self._read()["provider"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def restore(self, frames: int) -> tuple[float, float]:
        """Restore frames and return the wall and processor milliseconds of one."""
        assert self._process.stdin
        self._process.stdin.write(f"{frames}\n")
        self._process.stdin.flush()
        took = self._read()
        return took["ms"] / frames, took["cpu_ms"] / frames

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def _compare(builds: dict[str, Path], case: tuple[str, str, str], options: Any) -> Row:
    """Let both builds restore in turns and return what one frame takes."""
    import numpy as np

    target, kind, size = case
    workers = {}
    for name, root in builds.items():
        (manifest,) = _folder(options.work / name, target, kind, size).glob("*/manifest.json")
        workers[name] = _Worker(root, manifest.parent, size, options.threads)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in workers}
    for worker in workers.values():
        begin, turns = time.monotonic(), 0
        while (
            turns < 3 or time.monotonic() - begin < WARM_UP_S
        ):  # a copy of fixed sides is compiled meanwhile
            worker.restore(options.frames)
            turns += 1
    for _ in range(options.rounds):
        for name, worker in workers.items():
            times[name].append(worker.restore(options.frames))
    for worker in workers.values():
        worker.close()
    shares = [before[0] / now[0] for before, now in zip(times["before"], times["now"], strict=True)]
    low, middle, high = np.percentile(shares, [25, 50, 75])
    medians = {name: np.median(np.array(found), axis=0) for name, found in times.items()}
    return {
        "target": target,
        "sides": kind,
        "size": size,
        "provider": workers["now"].provider,
        **{f"{name}_ms": round(float(value[0]), 2) for name, value in medians.items()},
        **{f"{name}_cpu_ms": round(float(value[1]), 2) for name, value in medians.items()},
        "speed_up": round(float(middle), 3),
        "speed_up_quartiles": [round(float(low), 3), round(float(high), 3)],
        "limit": LIMITS[kind],
    }


def _share(row: Row, work: Path, peak: Peak) -> float | None:
    """Return the least time that a frame can take with all threads, over the time that one takes."""
    (manifest,) = _folder(work, *_key(row)).glob("*/manifest.json")
    (candidate,) = candidates([str(manifest.parent)])
    height, width = map(int, row["size"].split("x"))
    counted = candidate.work((height, width))
    least = least_ms(counted, peak) if counted else None
    return None if least is None else round(least / row["now_ms"], 3)


if __name__ == "__main__":
    sys.exit(main())
