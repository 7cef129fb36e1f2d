"""Part `threads`: eight threads on one runtime, with results and memory watched."""

import json
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from robustness.pictures import pixels
from robustness.progress import Failure, Row, draw

import restorect_edge
from restorect_edge.errors import RestorectError

__all__ = ["case"]

THREADS = 8
PICTURES = 24
"""Different pictures, of different sizes and types, that the threads restore in turn."""
EVERY = 10.0
"""Seconds between looks at the memory, which are a line of the log each."""
GROWTH = 200
"""MB by which memory may grow once all sizes have been met."""
ARTIFACT = "openvino-split"


@dataclass
class Watched:
    """What all threads have done."""

    calls: int = 0
    wrong: int = 0
    errors: list[Failure] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def case(*, number: int, seed: int, artifacts: dict[str, str], folder: str, seconds: float) -> Row:
    """Call one runtime from eight threads until the time is up; goes on with the time that is left."""
    warnings.simplefilter("ignore")
    log = Path(folder).parents[1] / "threads.log.jsonl"
    before = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    left = seconds - sum(line["seconds"] for line in before)
    source = artifacts.get(ARTIFACT) or artifacts["onnx-split"]
    rng, watched = draw(seed, "threads", number), Watched()
    given = [_typed(pixels(rng, 200), index) for index in range(PICTURES)]
    with restorect_edge.load(source, threads=1) as restore:
        wanted = [_called(restore, one) for one in given]
        lines = [*before, *_watch(restore, given, wanted, left, watched, log)]
    calls, wrong = (sum(line[key] for line in lines) for key in ("calls", "wrong"))
    failures = [*watched.errors, *_judged(lines, wrong)]
    facts = {
        **{"artifact": Path(source).name, "threads": THREADS, "calls": calls, "wrong": wrong},
        **{
            "first_mb": lines[0]["mb"],
            "most_mb": max(line["mb"] for line in lines),
            "last_mb": lines[-1]["mb"],
        },
        "interruptions": sum(line["start"] for line in lines) - 1,
    }
    return Row(
        case=number, units=round(sum(line["seconds"] for line in lines)), failures=failures, facts=facts
    )


def _typed(image: NDArray[np.uint8], index: int) -> NDArray[Any]:
    return image if index % 3 else (image / np.float32(255)).astype(np.float32)


def _called(restore: Any, image: NDArray[Any]) -> Any:
    """Return the result; of a picture that does not fit, the error's words."""
    try:
        return restore(image)
    except RestorectError as error:
        return str(error)


def _watch(
    restore: Any, given: list[Any], wanted: list[Any], seconds: float, watched: Watched, log: Path
) -> Iterator[dict[str, Any]]:
    """Let the threads run for some seconds, and yield a line every now and then."""
    end = time.monotonic() + seconds
    stop = threading.Event()
    crew = [
        threading.Thread(target=_work, args=(restore, given, wanted, n, stop, watched))
        for n in range(THREADS)
    ]
    for thread in crew:
        thread.start()
    started, calls, wrong, first = time.monotonic(), 0, 0, 1
    while not stop.is_set():
        time.sleep(max(0.01, min(EVERY, end - time.monotonic())))
        if time.monotonic() >= end:
            stop.set()
            _join(crew, watched)
        now = time.monotonic()
        line = {"start": first, "seconds": round(now - started, 3), "mb": _resident()}
        line |= {"calls": watched.calls - calls, "wrong": watched.wrong - wrong}
        started, calls, wrong, first = now, watched.calls, watched.wrong, 0
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        yield line


def _join(crew: list[threading.Thread], watched: Watched) -> None:
    for thread in crew:
        thread.join(120)
    if any(thread.is_alive() for thread in crew):
        watched.errors.append(Failure("threads: hang", "a thread did not come back within 120 s"))


def _work(
    restore: Any, given: list[Any], wanted: list[Any], number: int, stop: threading.Event, watched: Watched
) -> None:
    """Restore the pictures in an order of this thread's own, and compare each."""
    order = np.random.default_rng(number)
    while not stop.is_set():
        index = int(order.integers(len(given)))
        try:
            found = _called(restore, given[index])
        except Exception as error:
            with watched.lock:
                if len(watched.errors) < 20:
                    watched.errors.append(Failure(f"threads: {type(error).__name__}", str(error)[:500]))
            continue
        equal = type(found) is type(wanted[index]) and np.array_equal(found, wanted[index])
        with watched.lock:
            watched.calls += 1
            watched.wrong += not equal


def _judged(lines: list[dict[str, Any]], wrong: int) -> Iterator[Failure]:
    if wrong:
        yield Failure("threads: wrong pictures", f"{wrong} of {sum(line['calls'] for line in lines)}")
    if any(line["seconds"] >= EVERY and not line["calls"] for line in lines):
        yield Failure("threads: a while without any result", f"of {EVERY} s or more")
    last = max(at for at, line in enumerate(lines) if line["start"])
    settled = lines[last:][max(1, len(lines[last:]) // 10) :]
    if len(settled) > 2 and settled[-1]["mb"] - settled[0]["mb"] > GROWTH:
        yield Failure("threads: memory grows", f"{settled[0]['mb']} to {settled[-1]['mb']} MB")


def _resident() -> int:
    """Return this process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // 2**20
