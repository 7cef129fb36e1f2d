"""One call for every backend: ``load(artifact_or_weights)`` gives a `Runtime`. No backend is imported before
it is needed, and none imports another."""

import importlib.util
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from restorect_edge.artifact import UNVERIFIED, Artifact
from restorect_edge.errors import (
    MissingDependencyError,
    UnverifiedWarning,
    UsageError,
    unknown_name,
    users_level,
)
from restorect_edge.inference.base import Runtime
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.models import as_artifact, is_model
from restorect_edge.targets.registry import RUNTIMES, WEIGHTS, backend_class, runtime_for
from restorect_edge.weights import locate, names, ready

__all__ = ["load", "ready_for", "require_weights_runtime"]


def load(
    source: str | Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    runtime: str | None = None,
    spec: ImageSpec | None = None,
    precision: str | None = None,
) -> Runtime:
    """Load an artifact directory, weights by name or file, or an ONNX model of somebody else, ready to run.

    Weights by name need no PyTorch: the package carries most of them as ONNX, which ONNX Runtime or OpenVINO
    runs. Where PyTorch is installed it runs them, unless another runtime or ``int8`` is asked for.

    Args:
        source: an artifact made by `restorect_edge.export`; or a weights name or file, or a checkpoint of
            the community, which PyTorch runs; or an ``.onnx`` file.
        device: where to run, such as ``cpu``, ``gpu``, ``cuda``; ``auto`` is the backend's first choice.
        threads: CPU threads of one call; by default the backend decides.
        runtime: the backend, if not the artifact's own (``mil`` stands in for Core ML off macOS).
        spec: what an ``.onnx`` file takes: sides, scale, halo; by default found by running it, without halo.
        precision: ``fp32`` (default) or ``int8``, of weights by name; an artifact has its own.

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
    return _open(Path(source), str(source), device, threads, runtime, spec, precision)


def _open(
    path: Path,
    source: str,
    device: str,
    threads: int | None,
    runtime: str | None,
    spec: ImageSpec | None,
    precision: str | None,
) -> Runtime:
    if is_model(path):
        # backends read their files as they are made, so that these may go
        with TemporaryDirectory() as folder:
            model = as_artifact(path, Path(folder), spec)
            chosen = runtime_for(model.manifest.target, runtime)
            return backend_class(chosen)(model.manifest, model.path, device=device, threads=threads)
    if spec is not None:
        raise UsageError(f"spec describes a model file of somebody else; '{source}' brings its own")
    if not path.is_dir():
        found = ready_for(source, runtime, precision)
        if found is None:
            if not path.is_file():
                locate(source)  # a name that is none is said before what would be needed to run it
            of_weights: Any = backend_class(WEIGHTS.name)
            loaded: Runtime = of_weights(path if path.is_file() else source, device=device, threads=threads)
            return loaded
        path, runtime = found
    artifact = Artifact.open(path)
    _warn_unverified(artifact)
    if precision not in (None, artifact.manifest.precision):
        raise UsageError(
            f"'{path}' is {artifact.manifest.precision}, not {precision}: only weights by name leave a choice"
        )
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


def ready_for(source: str, runtime: str | None, precision: str | None = None) -> tuple[Path, str] | None:
    """Return the artifact that the package carries of weights, and what runs it; None where PyTorch does.

    Args:
        source: as for `load`.
        runtime: the backend asked for; None leaves the choice.
        precision: ``fp32`` or ``int8``; None is ``fp32``.

    Raises:
        UsageError: a runtime or precision that these weights are not ready for.
        MissingDependencyError: nothing that runs them is installed.
    """
    if precision not in (None, *ready.PRECISIONS):
        raise unknown_name("precision", precision, ready.PRECISIONS)
    # PyTorch is preferred where it is: it runs the weights themselves
    of_torch = precision != "int8" and runtime in (None, WEIGHTS.name)
    if of_torch and (runtime == WEIGHTS.name or source not in names() or _is_here(WEIGHTS.name)):
        return None
    path = ready.find(source, precision or "fp32")
    if path is None:
        if of_torch:
            return None
        _refuse(source, runtime, precision)
    able = [name for name, backend in RUNTIMES.items() if ready.FORMAT in backend.reads]
    if runtime is None:
        runtime = next((name for name in able if _is_here(name)), None)
        if runtime is None:
            raise MissingDependencyError(f"running '{source}'", RUNTIMES[able[0]].extra)
    elif ready.FORMAT not in RUNTIMES[runtime].reads:
        _refuse(source, runtime, precision)
    assert path is not None
    return path, runtime


def _is_here(name: str) -> bool:
    """Whether a backend's library is installed; it is not imported."""
    return any(importlib.util.find_spec(library) is not None for library in RUNTIMES[name].import_names())


def _refuse(source: str, runtime: str | None, precision: str | None) -> NoReturn:
    having = ", ".join(name for name in names() if ready.available(name))
    wanted = f"runtime '{runtime}'" if runtime not in (None, WEIGHTS.name) else f"precision {precision}"
    raise UsageError(
        f"'{source}' is weights, which runtime '{WEIGHTS.name}' runs; for {wanted} export it first "
        f"(ready for {ready.FORMAT} backends: {having})"
    )


def require_weights_runtime(source: str, runtime: str | None) -> None:
    """Raise `UsageError` if `runtime` is a backend that does not run weights, such as `source`."""
    if runtime not in (None, WEIGHTS.name):
        raise UsageError(
            f"'{source}' is weights, which runtime '{WEIGHTS.name}' runs; export it for '{runtime}' first"
        )
