"""Every runtime's runner of the golden vectors: what it is given, and the lines that it prints."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from _cpp_build import build
from _gstreamer import gstreamer as through_gstreamer

import restorect_edge
from restorect_edge.errors import BackendError

__all__ = ["ELSEWHERE", "RUNTIMES", "cpp", "gstreamer", "kotlin", "python", "web"]

RUNTIMES = Path(__file__).parents[1] / "runtimes"
GOLDEN, WEB, ANDROID = RUNTIMES / "golden", RUNTIMES / "web", RUNTIMES / "android"
TIMED = (480, 640)
FAILED = 2
"""What a runner exits with where a vector fails."""
PYTHON = {
    "fp32": ("torch", "onnxruntime", "openvino", "litert", "mnn", "executorch", "mil"),
    "int8": ("onnxruntime", "openvino"),
}
ELSEWHERE = {
    "cpp-tensorrt": "not compiled here",
    "tensorrt": "not run on device",
    "ros2": "not compiled here",
    "swift-coreml": "not compiled here",
    "android-litert": "not run on device",
}
"""Runtimes that need a machine which the project does not have."""

Line = dict[str, Any]


def python(rounds: int, scratch: Path) -> Iterator[Line]:
    """Yield the lines of the Python runtimes, by precision."""
    for precision, names in PYTHON.items():
        command = [sys.executable, GOLDEN / "run_python.py", "--runtimes", ",".join(names)]
        command += ["--work", scratch / "python"]
        yield from _lines([*command, "--precision", precision, "--rounds", str(rounds)])


def cpp(rounds: int, scratch: Path) -> Iterator[Line]:
    """Build the C++ runner, export what it takes, and yield its lines."""
    runner = build(scratch / "build", "restorect-golden") / "restorect-golden"
    yield from _lines([runner, GOLDEN, "--rounds", str(rounds), *_artifacts("openvino", scratch)])


def gstreamer(rounds: int, scratch: Path) -> Iterator[Line]:
    """Build the element, export what it takes, and yield its lines."""
    yield from through_gstreamer(rounds, scratch, _artifacts("openvino", scratch)[1:])


def web(rounds: int, scratch: Path) -> Iterator[Line]:
    """Build the web package, export what it takes, and yield the lines of headless Chromium."""
    if not (WEB / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=WEB, check=True, stdout=sys.stderr)
    subprocess.run(["npm", "run", "build"], cwd=WEB, check=True, stdout=sys.stderr)
    named = [part for path in _artifacts("onnx", scratch) for part in ("--artifact", path)]
    yield from _lines(["node", WEB / "golden.mjs", "--rounds", str(rounds), *named])


def kotlin(scratch: Path) -> Iterator[Line]:
    """Compile the Kotlin module, export what it takes, and yield its lines; the networks run in Python."""
    jar, sources = scratch / "core.jar", ANDROID / "core" / "src"
    if not jar.is_file():
        compiler = ["kotlinc", sources / "main", sources / "check", "-d", jar]
        subprocess.run(compiler, check=True, stdout=sys.stderr)
    command = ["kotlin", "-cp", jar, "org.restorect.core.CheckKt", "golden", GOLDEN]
    yield from _lines(command)
    litert = _exported(scratch / "litert", target="litert", shapes=_sides())
    for path in (litert, *_artifacts("onnx", scratch)):
        yield from _lines([*command, path, sys.executable, ANDROID / "network.py", path])


def _artifacts(target: str, scratch: Path) -> list[Path]:
    """Export the vectors' weights: whole with their sides, and split with free ones in both precisions."""
    folder, split = scratch / target, {"target": target, "form": "split", "dynamic": True}
    return [
        _exported(folder / "whole", target=target, shapes=[*_sides(), TIMED]),
        _exported(folder / "split", **split),
        _exported(folder / "int8", precision="int8", **split),
    ]


def _exported(folder: Path, **options: Any) -> Path:
    """Return the artifact of a folder, made there if there is none."""
    for manifest in folder.glob("*/manifest.json"):
        return manifest.parent
    return restorect_edge.export(_weights(), output_dir=folder, **options).path


def _golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))
    return found


def _weights() -> str:
    """Return the name of the weights that the vectors are of."""
    return str(_golden()["weights"]["name"])


def _sides() -> list[tuple[int, int]]:
    """Return the sides that the vectors are padded to."""
    return sorted({(v["padded"][0], v["padded"][1]) for v in _golden()["vectors"] if v["padded"]})


def _lines(command: Sequence[Any]) -> Iterator[Line]:
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode not in (0, FAILED):
        raise BackendError(f"'{Path(str(command[0])).name}' failed with exit code {process.returncode}")
