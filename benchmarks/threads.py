"""One runtime called by many threads: are all results equal to the bit, and what does it give a second?

    python benchmarks/threads.py [--weights NAME] [--threads N] [--calls N] [--rounds N] [--size HxW]

Each backend restores pictures of mixed sizes in `--threads` threads, `--calls` calls each, and every result
is compared with that of one thread alone. Then two threads that share a runtime take turns with one thread
whose runtime has two: the ratio of their pictures a second, with a bootstrap interval over the rounds. Exits
with 2 where a result differs.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, write
from numpy.typing import NDArray
from tqdm import tqdm

import restorect_edge
from restorect_edge.bench.measure.statistics import median_interval
from restorect_edge.inference.base import Runtime

Levels = NDArray[np.uint8]

EXPORTS = {"onnxruntime": "onnx", "openvino": "openvino"}
SIDES = (16, 160)
PICTURES = 24
SLICE_S = 1.0
"""Seconds that each way is measured at a time."""


def main() -> int:
    options = _parser().parse_args()
    facts = conditions(
        weights=options.weights,
        equality=f"{options.threads} threads, {options.calls} calls each, {PICTURES} sizes from {SIDES}",
        throughput=f"pictures of {options.size}, {options.rounds} rounds of {SLICE_S:g} s each, interleaved",
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, source in _sources(options.weights, Path(folder)):
            with restorect_edge.load(source) as runtime:
                row = {"runtime": name, "provider": runtime.provider}
                row |= equality(runtime, options.threads, options.calls)
            rows.append(row | throughput(source, _size(options.size), options.rounds))
            print(rows[-1], flush=True)
    write(options.output, "threads", facts, rows)
    print(options.output)
    return 2 if any(row["wrong"] for row in rows) else 0


def equality(runtime: Runtime, threads: int, calls: int) -> dict[str, Any]:
    """Count the calls of many threads that give something else than one thread alone gets."""
    pictures = list(_pictures(PICTURES))
    alone = [runtime(picture) for picture in pictures]
    bar = tqdm(total=threads * calls, desc=f"{runtime.name}, {threads} threads")

    def work(seed: int) -> int:
        wrong = 0
        for index in np.random.default_rng(seed).integers(0, len(pictures), calls):
            wrong += not np.array_equal(runtime(pictures[index]), alone[index])
            bar.update()
        return wrong

    started = time.perf_counter()
    with bar, ThreadPoolExecutor(threads) as pool:
        wrong = sum(pool.map(work, range(threads)))
    return {
        "threads": threads,
        "calls": threads * calls,
        "wrong": wrong,
        "seconds": round(time.perf_counter() - started, 1),
    }


def throughput(source: str, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Compare two threads that share a runtime with one thread that has two CPU threads to itself."""
    picture = next(_pictures(1, size))
    ways = {"alone": (2, 1), "shared": (2, 2), "shared_one": (1, 2)}
    found: dict[str, list[float]] = {way: [] for way in ways}
    with ExitStack() as stack:
        opened = {n: stack.enter_context(restorect_edge.load(source, threads=n)) for n in (1, 2)}
        for each in opened.values():
            each(picture)
        for number in range(rounds):
            order = list(ways)[:: 1 if number % 2 else -1]  # what drifts meets each of them alike
            for way in order:
                threads, callers = ways[way]
                found[way].append(_rate(opened[threads], callers, picture))
    shares = {way: _ratio(found[way], found["alone"]) for way in ("shared", "shared_one")}
    return {
        "alone_per_s": round(float(np.median(found["alone"])), 1),
        **{f"{way}_over_alone": ratio for way, (ratio, _) in shares.items()},
        **{f"{way}_interval": interval for way, (_, interval) in shares.items()},
    }


def _rate(runtime: Runtime, callers: int, picture: Levels) -> float:
    """Return the pictures a second that `callers` threads get of one runtime."""
    # a count for each, so that callers share no lock; they start together, once all threads are there
    counts, begun = [0] * callers, threading.Barrier(callers + 1)

    def work(index: int) -> None:
        begun.wait()
        end = time.perf_counter() + SLICE_S
        while time.perf_counter() < end:
            runtime(picture)
            counts[index] += 1

    with ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(work, index) for index in range(callers)]
        begun.wait()
        started = time.perf_counter()
        for each in running:
            each.result()
        return sum(counts) / (time.perf_counter() - started)


def _ratio(ours: list[float], theirs: list[float]) -> tuple[float, list[float]]:
    """Return the median ratio of paired rounds and its 95 % interval."""
    found = median_interval([own / their for own, their in zip(ours, theirs, strict=True)])
    return round(found.value, 3), [round(found.low, 3), round(found.high, 3)]


def _pictures(count: int, size: tuple[int, int] | None = None) -> Iterator[Levels]:
    """Yield dark noise, of mixed sizes unless one is given."""
    random = np.random.default_rng(7)
    for _ in range(count):
        height, width = size or random.integers(*SIDES, 2)
        yield random.integers(0, 40, (height, width, 3), dtype=np.uint8)


def _sources(weights: str, folder: Path) -> Iterator[tuple[str, str]]:
    yield "torch", weights
    for runtime, target in EXPORTS.items():
        artifact = restorect_edge.export(
            weights, target=target, form="split", dynamic=True, precision="fp32", output_dir=folder
        )
        yield runtime, str(artifact.path)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "threads", weights="lowlight-small", threads=8, rounds=15, size="240x320")
    found.add_argument("--calls", type=int, default=500, help="of each thread (default: %(default)s)")
    return found


if __name__ == "__main__":
    sys.exit(main())
