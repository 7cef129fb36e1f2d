"""One call for every back end: ``load(artifact_or_weights)`` gives a `Runtime`. No back end is imported
before it is needed, and none imports another."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorect_edge.artifact import Artifact
from restorect_edge.errors import BackendError, UsageError, unknown_name
from restorect_edge.inference.base import Runtime

__all__ = ["RUNTIMES", "Backend", "Runtime", "backend_class", "load"]


@dataclass(frozen=True, slots=True)
class Backend:
    """A row of the table of back ends."""

    module: str
    class_name: str
    targets: tuple[str, ...]
    """Export targets whose files it runs, its own first; empty for one that runs weights."""
    extra: str


RUNTIMES: dict[str, Backend] = {
    "torch": Backend("restorect_edge.inference.torch", "TorchRuntime", (), "export"),
    "onnxruntime": Backend(
        "restorect_edge.targets.onnx.runtime", "ONNXRuntime", ("onnx", "tensorrt"), "onnxruntime"
    ),
    "openvino": Backend(
        "restorect_edge.targets.openvino.runtime",
        "OpenVINORuntime",
        ("openvino", "onnx", "tensorrt"),
        "openvino",
    ),
    "tensorrt": Backend(
        "restorect_edge.targets.tensorrt.runtime", "TensorRTRuntime", ("tensorrt", "onnx"), "tensorrt"
    ),
    "coreml": Backend("restorect_edge.targets.coreml.runtime", "CoreMLRuntime", ("coreml",), "coreml"),
    "litert": Backend("restorect_edge.targets.litert.runtime", "LiteRTRuntime", ("litert",), "litert"),
    "mil": Backend("restorect_edge.mil.interpreter", "MilRuntime", ("coreml",), "coreml"),
}


def load(
    source: str | Path,
    *,
    device: str = "auto",
    require: str | None = None,
    threads: int | None = None,
    runtime: str | None = None,
) -> Runtime:
    """Load an artifact directory, or weights by name or file, ready to run.

    Args:
        source: an artifact made by `restorect_edge.export`; or a weights name or file, which PyTorch runs.
        device: where to run, such as ``cpu``, ``gpu``, ``cuda``; ``auto`` is what `require` asks for, or
            the back end's first choice.
        require: a device that must be what really runs, or loading fails.
        threads: CPU threads; by default the back end decides.
        runtime: the back end, if not the artifact's own (``mil`` stands in for Core ML off macOS).

    Raises:
        UsageError: unknown name, path or runtime, or a runtime that does not run this target.
        IncompatibleError: a damaged, edited or newer artifact.
        MissingDependencyError: the back end is not installed; the extra is named.
        BackendError: the device is absent (those present are listed), or the back end failed.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    if runtime is not None and runtime not in RUNTIMES:
        raise unknown_name("runtime", runtime, RUNTIMES)
    if device == "auto" and require is not None:
        device = require
    loaded = _open(Path(source), str(source), device, threads, runtime)
    if require is not None and require != loaded.device:
        loaded.close()
        raise BackendError(
            f"device '{require}' is required, but '{loaded.device}' was asked for; "
            f"here: {', '.join(loaded.devices())}"
        )
    return loaded


def _open(path: Path, source: str, device: str, threads: int | None, runtime: str | None) -> Runtime:
    if not path.is_dir():
        if runtime not in (None, "torch"):
            raise UsageError(
                f"'{source}' is weights, which runtime 'torch' runs; export it for '{runtime}' first"
            )
        of_weights: Any = backend_class("torch")
        loaded: Runtime = of_weights(path if path.is_file() else source, device=device, threads=threads)
        return loaded
    artifact = Artifact.open(path)
    chosen = runtime or default_runtime(artifact.manifest.target)
    target = artifact.manifest.target
    if target not in RUNTIMES[chosen].targets:
        able = [name for name, backend in RUNTIMES.items() if target in backend.targets]
        raise UsageError(f"runtime '{chosen}' does not run {target} artifacts; these do: {', '.join(able)}")
    return backend_class(chosen)(artifact.manifest, path, device=device, threads=threads)


def default_runtime(target: str) -> str:
    """Return the back end that runs a target's artifacts on this system."""
    if target == "coreml":
        return "coreml" if sys.platform == "darwin" else "mil"
    for name, backend in RUNTIMES.items():
        if backend.targets[:1] == (target,):
            return name
    raise unknown_name("target", target, {b.targets[0] for b in RUNTIMES.values() if b.targets})


def backend_class(name: str) -> type[Runtime]:
    """Import a back end's module and return its class."""
    backend = RUNTIMES[name]
    found: type[Runtime] = getattr(importlib.import_module(backend.module), backend.class_name)
    return found
