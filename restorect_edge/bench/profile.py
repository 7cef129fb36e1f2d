"""Where a restored image's time goes: the backend's own profiler, mapped back to modules of the source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import Artifact
from restorect_edge.errors import UsageError
from restorect_edge.inference.profiling.base import Timed
from restorect_edge.targets.loading import require_weights_runtime
from restorect_edge.targets.registry import WEIGHTS, profiler_class, runtime_for

__all__ = ["BETWEEN", "NOT_MAPPED", "Profile", "profile"]

NOT_MAPPED = "(not mapped)"
"""Operations whose module cannot be told."""
BETWEEN = "(between operations)"
"""What the backend spends outside of its operations: starting them, copies, the profiler itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What each operation took, in ms per image; the profiler makes the whole slower than it is without."""

    source: str
    provider: str
    shape: tuple[int, int]
    """(height, width) of the images."""
    images: int
    """How many were restored while it was taken."""
    operations: tuple[Timed, ...]
    """The slowest first."""
    total_ms: float
    """In the backend, as the runtime's own stages have it: prior and model."""

    @property
    def modules_ms(self) -> dict[str, float]:
        """Time by module, the slowest first; with `NOT_MAPPED` and `BETWEEN`, what remains of `total_ms`."""
        found: dict[str, float] = {}
        for operation in self.operations:
            name = operation.module or NOT_MAPPED
            found[name] = found.get(name, 0.0) + operation.ms
        rest = self.total_ms - sum(found.values())
        modules = [name for name in found if name != NOT_MAPPED]
        ordered = {name: found[name] for name in sorted(modules, key=lambda name: -found[name])}
        # nothing remains where operations overlap, whose sum is more than the whole
        others = {NOT_MAPPED: found.get(NOT_MAPPED, 0.0), BETWEEN: rest}
        return {**ordered, **{name: ms for name, ms in others.items() if ms > 0}}

    @property
    def not_mapped(self) -> float:
        """Share of the operations' time whose module cannot be told."""
        total = sum(operation.ms for operation in self.operations)
        return sum(op.ms for op in self.operations if op.module is None) / total if total else 0.0

    def as_markdown(self, most: int = 20) -> str:
        """Return the modules' table and the `most` slowest operations."""
        modules = self.modules_ms
        whole = sum(modules.values())
        height, width = self.shape
        unmapped = 100 * self.not_mapped
        return "\n".join(
            [
                f"{self.source}, {height}×{width}, {self.provider}: {whole:.2f} ms per image while profiled "
                f"({self.images} images); {unmapped:.1f} % of the operations' time is not mapped.",
                "",
                "| module | ms | share |",
                "|---|---:|---:|",
                *(
                    f"| {_code(n)} | {ms:.3f} | {100 * ms / whole:.1f} % |"
                    for n, ms in self.modules_ms.items()
                ),
                "",
                "| operation | kind | module | ms |",
                "|---|---|---|---:|",
                *(
                    f"| `{op.name}` | {op.kind} | {_code(op.module or NOT_MAPPED)} | {op.ms:.3f} |"
                    for op in self.operations[:most]
                ),
                "",
            ]
        )


def profile(
    source: str | Path,
    images: Sequence[NDArray[np.uint8]],
    *,
    runtime: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    runs: int = 20,
    warm_up: int = 3,
    tile: int | None = None,
    each_run: Callable[[], object] = lambda: None,
) -> Profile:
    """Restore images with the backend's profiler on, and say what each operation and module took.

    `Profile.modules_ms` is what `Row.modules_ms` of a benchmark's record holds.

    Args:
        source: an artifact's folder, or weights by name or file, which PyTorch runs.
        images: (H, W, 3) uint8 RGB, all of one size; taken in turns.
        runtime: the backend, one with a `Backend.profiler`; by default the artifact's own.
        device: one of the runtime's devices.
        threads: CPU threads; None leaves them to the backend.
        runs: how many images to restore with the profiler on.
        warm_up: how many before those.
        tile: as in `Runtime.__call__`.
        each_run: is called after each image.

    Raises:
        UsageError: a runtime without a profiler, no image, or images of different sizes.
        MissingDependencyError: the backend, or `onnx` to read its graph, is not installed.
        IncompatibleError, BackendError: as `load` raises them.
    """
    _check(images, runs)
    with _open(Path(source), str(source), runtime, device, threads) as restore:
        seen: list[float] = []
        for number in range(-warm_up, runs):
            if number == 0:
                restore.start()
            restore(images[number % len(images)], tile=tile)
            if number >= 0:
                seen.append(restore.timings["prior"] + restore.timings["model"])
            each_run()
        provider = restore.provider
        found = restore.finish()
    operations = [Timed(name=t.name, kind=t.kind, module=t.module, ms=t.ms / runs) for t in found]
    return Profile(
        source=str(source),
        provider=provider,
        shape=(images[0].shape[0], images[0].shape[1]),
        images=runs,
        operations=tuple(sorted(operations, key=lambda op: -op.ms)),
        total_ms=sum(seen) / runs,
    )


def _check(images: Sequence[NDArray[np.uint8]], runs: int) -> None:
    shapes = {image.shape[:2] for image in images}
    if len(shapes) != 1:
        got = ", ".join(f"{h}x{w}" for h, w in sorted(shapes)) or "none"
        raise UsageError(f"a profile needs images of one size, got {got}")
    if runs < 1:
        raise UsageError(f"a profile needs at least 1 run, got {runs}")


def _open(path: Path, name: str, runtime: str | None, device: str, threads: int | None) -> Any:
    if not path.is_dir():
        require_weights_runtime(name, runtime)
        kind = profiler_class(WEIGHTS.name)
        return kind(path if path.is_file() else name, device=device, threads=threads)
    artifact = Artifact.open(path)
    chosen = runtime_for(artifact.manifest.target, runtime)
    return profiler_class(chosen)(artifact.manifest, path, device=device, threads=threads)


def _code(module: str) -> str:
    return module if module.startswith("(") else f"`{module}`"
