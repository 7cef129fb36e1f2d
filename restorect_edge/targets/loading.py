"""One call for every backend: ``load(artifact_or_weights)`` gives a `Runtime`. No backend is imported before
it is needed, and none imports another."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from restorect_edge.artifact import UNVERIFIED, Artifact
from restorect_edge.errors import BackendError, UnverifiedWarning, UsageError, unknown_name
from restorect_edge.inference.base import Runtime
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.models import as_artifact, is_model
from restorect_edge.targets.registry import RUNTIMES, WEIGHTS, backend_class, runtime_for
from restorect_edge.utils.callers import users_level

__all__ = ["load", "require_weights_runtime"]


def load(
    source: str | Path,
    *,
    device: str = "auto",
    require: str | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    spec: ImageSpec | None = None,
) -> Runtime:
    """Load an artifact directory, weights by name or file, or an ONNX model of somebody else, ready to run.

    Args:
        source: an artifact made by `restorect_edge.export`; or a weights name or file, or a checkpoint of
            the community, which PyTorch runs; or an ``.onnx`` file.
        device: where to run, such as ``cpu``, ``gpu``, ``cuda``; ``auto`` is what `require` asks for, or
            the backend's first choice.
        require: a device that must be what really runs, or loading fails.
        threads: CPU threads of one call; by default the backend decides.
        runtime: the back end, if not the artifact's own (``mil`` stands in for Core ML off macOS).
        spec: what an ``.onnx`` file takes: sides, scale, halo; by default found by running it, without halo.

    Raises:
        UsageError: unknown name, path or runtime, or a runtime that does not run this target.
        IncompatibleError: a damaged, edited or newer artifact.
        MissingDependencyError: the backend is not installed; the extra is named.
        BackendError: the device is absent (those present are listed), or the backend failed.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    if runtime is not None and runtime not in RUNTIMES:
        raise unknown_name("runtime", runtime, RUNTIMES)
    if device == "auto" and require is not None:
        device = require
    loaded = _open(Path(source), str(source), device, threads, runtime, spec)
    if require is not None and require != loaded.device:
        loaded.close()
        raise BackendError(
            f"device '{require}' is required, but '{loaded.device}' was asked for; "
            f"here: {', '.join(loaded.devices())}"
        )
    return loaded


def _open(
    path: Path, source: str, device: str, threads: int | None, runtime: str | None, spec: ImageSpec | None
) -> Runtime:
    if is_model(path):
        with TemporaryDirectory() as folder:
            model = as_artifact(path, Path(folder), spec)
            chosen = runtime_for(model.manifest.target, runtime)
            return backend_class(chosen)(model.manifest, model.path, device=device, threads=threads)
    if spec is not None:
        raise UsageError(f"spec describes a model file of somebody else; '{source}' brings its own")
    if not path.is_dir():
        require_weights_runtime(source, runtime)
        of_weights: Any = backend_class(WEIGHTS.name)
        loaded: Runtime = of_weights(path if path.is_file() else source, device=device, threads=threads)
        return loaded
    artifact = Artifact.open(path)
    _warn_unverified(artifact)
    chosen = runtime_for(artifact.manifest.target, runtime)
    return backend_class(chosen)(artifact.manifest, path, device=device, threads=threads)


def _warn_unverified(artifact: Artifact) -> None:
    """Say so where nobody has seen what an artifact gives."""
    if artifact.manifest.verification.get("status") == UNVERIFIED:
        reason = artifact.manifest.verification.get("reason")
        warnings.warn(
            f"'{artifact.path}' was kept without a verdict (--allow-unverified): {reason}",
            UnverifiedWarning,
            stacklevel=users_level(),
        )


def require_weights_runtime(source: str, runtime: str | None) -> None:
    """Raise `UsageError` for a backend that does not run weights."""
    if runtime not in (None, WEIGHTS.name):
        raise UsageError(
            f"'{source}' is weights, which runtime '{WEIGHTS.name}' runs; export it for '{runtime}' first"
        )
