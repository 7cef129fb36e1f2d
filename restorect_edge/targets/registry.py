"""The targets and backends that there are: one room each below this package, found by listing it."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import restorect_edge.targets
from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.inference.base import Runtime
from restorect_edge.targets.base import Backend, Target

__all__ = [
    "RUNTIMES",
    "TARGETS",
    "WEIGHTS",
    "backend_class",
    "discovered",
    "labels",
    "profiler_class",
    "resolve",
    "runtime_for",
    "table",
]

WEIGHTS = Backend(
    name="torch",
    label="PyTorch",
    module="restorect_edge.inference.torch",
    class_name="TorchRuntime",
    extra="export",
    profiler="restorect_edge.inference.profiling.torch:ProfiledTorchRuntime",
)
"""What runs weights, and no artifact."""


def discovered() -> dict[str, Target]:
    """Import every room and return its target, by name."""
    rooms = [entry.name for entry in pkgutil.iter_modules(restorect_edge.targets.__path__) if entry.ispkg]
    found = [_target(f"{restorect_edge.targets.__name__}.{name}") for name in sorted(rooms)]
    return {target.name: target for target in found}


def _target(room: str) -> Target:
    classes = [
        value
        for value in vars(importlib.import_module(room)).values()
        if isinstance(value, type) and issubclass(value, Target) and value.__module__ == room
    ]
    if len(classes) != 1:
        raise TypeError(f"'{room}' must hold one subclass of Target, it has {len(classes)}")
    return classes[0]()


class _Runtimes(Mapping[str, Backend]):
    """The backends of all targets by name; PyTorch, which runs weights, is the first."""

    def __getitem__(self, name: str) -> Backend:
        if name == WEIGHTS.name:
            return WEIGHTS
        for target in TARGETS.values():
            for backend in target.backends:
                if backend.name == name:
                    return replace(backend, targets=_able(target, backend))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield WEIGHTS.name
        for target in TARGETS.values():
            yield from (backend.name for backend in target.backends)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _able(own: Target, backend: Backend) -> tuple[str, ...]:
    # other targets of the same file format, such as ONNX for TensorRT
    readable = [t.name for t in TARGETS.values() if t.format in backend.reads and t.name != own.name]
    return own.name, *readable


TARGETS: dict[str, Target] = discovered()
RUNTIMES: Mapping[str, Backend] = _Runtimes()


def resolve(name: str) -> Target:
    """Return a target by name, or raise `UsageError` with the nearest."""
    if name not in TARGETS:
        raise unknown_name("target", name, [*TARGETS, "all"])
    return TARGETS[name]


def labels(last: str, *, among: Mapping[str, Target] = TARGETS) -> str:
    """Return the labels of the targets `among` which to list, joined by commas and `last`, such as ``or``."""
    *names, end = [target.label for target in among.values()]
    return f"{', '.join(names)} {last} {end}" if names else end


def table() -> str:
    """Return the Markdown table of targets that the README shows."""
    head = ("target", "artifact", "precisions, the default first", "verified by", "extra")
    lines = [f"| {' | '.join(row)} |" for row in (head, *map(_row, TARGETS.values()))]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def _row(target: Target) -> tuple[str, ...]:
    precisions = sorted(target.precisions, key=lambda precision: precision != target.precision)
    extras = dict.fromkeys(need.extra for need in target.needs if need.extra != WEIGHTS.extra)
    by = RUNTIMES[target.verified_by].label
    return (
        f"`{target.name}`",
        target.summary,
        ", ".join(precisions),
        f"{by}; {target.leaves_open}" if target.leaves_open else by,
        ", ".join(f"`{extra}`" for extra in extras),
    )


def runtime_for(target: str, asked: str | None = None, *, timed: bool = False) -> str:
    """Return the name of the backend that runs a target's artifacts.

    Args:
        target: of the artifact.
        asked: the backend that the caller wants; None for the target's own choice on this system.
        timed: choose one whose time says something of the target's devices, even if it is not here.

    Raises:
        UsageError: an unknown name, or a backend that does not run such artifacts.
    """
    if asked is not None and asked not in RUNTIMES:
        raise unknown_name("runtime", asked, RUNTIMES)
    chosen = asked or _default(resolve(target), timed)
    if target not in RUNTIMES[chosen].targets:
        able = [name for name, backend in RUNTIMES.items() if target in backend.targets]
        raise UsageError(f"runtime '{chosen}' does not run {target} artifacts; these do: {', '.join(able)}")
    return chosen


def _default(target: Target, timed: bool) -> str:
    name = target.default_backend()
    if timed and RUNTIMES[name].untimed:
        return next((b.name for b in target.backends if not b.untimed), name)
    return name


def backend_class(name: str) -> type[Runtime]:
    """Import a backend's module and return its class."""
    backend = RUNTIMES[name]
    found: type[Runtime] = _imported(backend.module, backend.class_name)
    return found


def profiler_class(name: str) -> Any:
    """Import and return a backend's profiling runtime; raise `UsageError` where it has none."""
    backend = RUNTIMES[name]
    if not backend.profiler:
        able = ", ".join(name for name, other in RUNTIMES.items() if other.profiler)
        raise UsageError(f"runtime '{name}' has no profiler; these have: {able}{backend.profile_hint}")
    return _imported(*backend.profiler.split(":"))


def _imported(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
