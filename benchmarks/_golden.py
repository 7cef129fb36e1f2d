"""Every runtime's runner of the golden vectors: what it is given, and the lines that it prints."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from _cpp_build import build

import restorect_edge
from restorect_edge.errors import BackendError

__all__ = ["ELSEWHERE", "RUNTIMES", "cpp", "python", "web"]

RUNTIMES = Path(__file__).parents[1] / "runtimes"
GOLDEN, WEB = RUNTIMES / "golden", RUNTIMES / "web"
TIMED = (480, 640)
FAILED = 2
"""What a runner exits with where a vector fails."""
PYTHON = {"fp32": ("torch", "onnxruntime", "openvino", "litert", "mil"), "int8": ("onnxruntime", "openvino")}
ELSEWHERE = {
    "cpp-tensorrt": "not compiled here",
    "tensorrt": "not run on device",
    "swift-coreml": "not compiled here",
    "android-litert": "not run on device",
}
"""Runtimes that need a machine which the project does not have."""

Line = dict[str, Any]


def python(rounds: int) -> Iterator[Line]:
    """Yield the lines of the Python runtimes, by precision."""
    for precision, names in PYTHON.items():
        command = [sys.executable, GOLDEN / "run_python.py", "--runtimes", ",".join(names)]
        yield from _lines([*command, "--precision", precision, "--rounds", str(rounds)])


def cpp(rounds: int, scratch: Path) -> Iterator[Line]:
    """Build the C++ runner, export what it takes, and yield its lines."""
    runner = build(scratch / "build", "restorect-golden") / "restorect-golden"
    yield from _lines([runner, GOLDEN, "--rounds", str(rounds), *_artifacts("openvino", scratch)])


def web(rounds: int, scratch: Path) -> Iterator[Line]:
    """Build the web package, export what it takes, and yield the lines of headless Chromium."""
    if not (WEB / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=WEB, check=True, stdout=sys.stderr)
    subprocess.run(["npm", "run", "build"], cwd=WEB, check=True, stdout=sys.stderr)
    named = [part for path in _artifacts("onnx", scratch) for part in ("--artifact", path)]
    yield from _lines(["node", WEB / "golden.mjs", "--rounds", str(rounds), *named])


def _artifacts(target: str, scratch: Path) -> list[Path]:
    """Export the vectors' weights: whole with their sides, and split with free ones in both precisions."""
    golden = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))
    sides = sorted({tuple(v["padded"]) for v in golden["vectors"] if v["padded"]} | {TIMED})
    made = {"target": target, "output_dir": scratch / target}
    split = {**made, "form": "split", "dynamic": True}
    name = golden["weights"]["name"]
    return [
        restorect_edge.export(name, shapes=sides, **made).path,
        restorect_edge.export(name, **split).path,
        restorect_edge.export(name, precision="int8", **split).path,
    ]


def _lines(command: Sequence[Any]) -> Iterator[Line]:
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode not in (0, FAILED):
        raise BackendError(f"'{Path(str(command[0])).name}' failed with exit code {process.returncode}")
