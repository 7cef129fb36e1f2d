"""The backends' own profilers, behind one interface: a runtime that also reports where its time goes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from restorect_edge.inference.profiling.graph import Operation, Source, place

__all__ = ["Profiler", "Timed", "timed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What one operation took in all images that were profiled together."""

    name: str
    kind: str
    module: str | None
    """None where it cannot be told."""
    ms: float


class Profiler(ABC):
    """What a profiling runtime has besides that of `Runtime`."""

    @abstractmethod
    def start(self) -> None:
        """Forget what was timed up to here."""

    @abstractmethod
    def finish(self) -> list[Timed]:
        """Return what each operation took since `start`; the runtime may not be called afterwards."""


def timed(executed: Sequence[Operation], source: Source, ms: Mapping[str, float]) -> Iterator[Timed]:
    """Yield what took time, with its module: by its names, else by its neighbors in the executed graph.

    Args:
        executed: the operations of the graph that ran.
        source: those of the artifact's own graph.
        ms: by the name of an executed operation.
    """
    known = {op.name: module for op in executed if (module := source.module(op)) is not None}
    modules = place(executed, known).modules
    kinds = {op.name: op.kind for op in executed}
    for name, took in ms.items():
        if took > 0:
            yield Timed(name=name, kind=kinds.get(name, ""), module=modules.get(name), ms=took)
