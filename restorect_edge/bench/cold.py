"""What happens once: loading and the first image, in a process of its own, and the most memory that it had.

    python -m restorect_edge.bench.cold '{"source": "out/lowlight-small-onnx-fp32-400x600", ...}'

The backend's library is imported before the clock starts. Files may be in the system's cache.
"""

import json
import subprocess
import sys
from dataclasses import dataclass

from restorect_edge.bench.images import pictures
from restorect_edge.bench.measure.protocol import DIGITS, peak_memory, timed
from restorect_edge.bench.measure.record import Cold
from restorect_edge.bench.subjects import Candidate, candidates
from restorect_edge.errors import BackendError, RestorectError
from restorect_edge.spec import Shape

__all__ = ["ColdStart", "cold_start"]

RUNS = 3
"""Images restored after the first, which memory is the most of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """What a fresh process found."""

    cold: Cold
    memory_peak_bytes: int | None
    """With the interpreter and the libraries."""


def cold_start(candidate: Candidate, shape: Shape, threads: int | None, task: str) -> ColdStart:
    """Load a candidate and restore one image in a fresh process.

    Args:
        candidate: what to load.
        shape: (height, width) of the image.
        threads: CPU threads; None leaves them to the backend.
        task: whose photograph is restored.

    Raises:
        BackendError: it failed there; the message is the last line that the process wrote.
    """
    asked = {
        "source": candidate.place,
        "runtime": candidate.runtime,
        "device": candidate.device,
        "shape": shape,
        "threads": threads,
        "task": task,
    }
    command = [sys.executable, "-m", __name__, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise BackendError(f"in a process of its own: {said[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return ColdStart(cold=Cold(**found["cold"]), memory_peak_bytes=found["memory_peak_bytes"])


def _measure(asked: str) -> str:
    options = json.loads(asked)
    candidate = _find(options)
    missing = candidate.absent()  # imports the library
    if missing is not None:
        raise missing
    image = pictures(options["task"], tuple(options["shape"])).degraded[0]
    load_ms, opened = timed(lambda: candidate.open(options["threads"]))
    with opened:
        first_ms, _ = timed(lambda: opened(image))
        for _ in range(RUNS):
            opened(image)
        cold = {"load_ms": round(load_ms, DIGITS), "first_ms": round(first_ms, DIGITS)}
        return json.dumps({"cold": cold, "memory_peak_bytes": peak_memory()})


def _find(options: dict[str, object]) -> Candidate:
    source, device = str(options["source"]), str(options["device"])
    runtime = None if options["runtime"] == "torch" else str(options["runtime"])
    return next(
        found for found in candidates([source], runtime=runtime, device=device) if found.device == device
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(_measure(sys.argv[1]) + "\n")
    except RestorectError as error:
        sys.exit(" ".join(str(error).split()))
