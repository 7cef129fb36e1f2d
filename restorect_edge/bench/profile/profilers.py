"""The back ends' own profilers, behind one interface: a runtime that also says where its time goes."""

import json
import tempfile
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.bench.profile.graph import Operation, Source, place
from restorect_edge.bench.profile.read_graph import (
    onnx_operations,
    openvino_operations,
    planned_names,
    source_of,
)
from restorect_edge.targets.onnx.runtime import ONNXRuntime
from restorect_edge.targets.openvino.runtime import OpenVINORuntime

__all__ = ["ProfiledONNXRuntime", "ProfiledOpenVINORuntime", "Profiler", "Timed"]

Feeds = dict[str, NDArray[np.float32]]
Times = dict[str, float]
KERNEL = "_kernel_time"


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


class ProfiledONNXRuntime(ONNXRuntime, Profiler):
    """ONNX Runtime with its profiling on: a trace and the optimised graph per session."""

    def __init__(self, manifest: Any, root: Path, **options: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="restorect-profile-")
        self._root = root
        self._skipped: Counter[int] = Counter()
        self._runs: Counter[int] = Counter()
        super().__init__(manifest, root, **options)

    def _options(self) -> Any:
        options = super()._options()
        options.enable_profiling = True
        options.profile_file_prefix = str(self._place("trace"))
        options.optimized_model_filepath = str(self._place("graph").with_suffix(".onnx"))
        return options

    def _place(self, what: str) -> Path:
        return Path(self._folder.name, f"{what}-{len(self._sessions)}")

    def _run(self, session: Any, feeds: Feeds) -> NDArray[np.float32]:
        self._runs[id(session)] += 1
        return super()._run(session, feeds)

    def start(self) -> None:
        self._skipped = self._runs.copy()

    def finish(self) -> list[Timed]:
        found: list[Timed] = []
        for index, (graph, session) in enumerate(self._sessions.items()):
            trace = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
            executed = onnx_operations(Path(self._folder.name, f"graph-{index}.onnx"))
            source = source_of(
                onnx_operations(self._root / graph.file), graph.role, planned_names(self._root)
            )
            found += _timed(executed, source, _kernel_ms(trace, self._skipped[id(session)]))
        return found

    def close(self) -> None:
        """Let go of the sessions and their traces."""
        super().close()
        self._folder.cleanup()


class ProfiledOpenVINORuntime(OpenVINORuntime, Profiler):
    """OpenVINO with its performance counters on, read after each run."""

    def __init__(self, manifest: Any, root: Path, **options: Any) -> None:
        self._root = root
        self._ms: dict[int, Times] = defaultdict(lambda: defaultdict(float))
        super().__init__(manifest, root, **options)

    def _config(self) -> dict[str, Any]:
        return {**super()._config(), "PERF_COUNT": True}

    def _run(self, session: Any, feeds: Feeds) -> NDArray[np.float32]:
        result = super()._run(session, feeds)
        for counter in session.get_profiling_info():
            self._ms[id(session)][counter.node_name] += counter.real_time.total_seconds() * 1e3
        return result

    def start(self) -> None:
        self._ms.clear()

    def finish(self) -> list[Timed]:
        import openvino

        found: list[Timed] = []
        for graph, session in self._sessions.items():
            executed = openvino_operations(session.get_compiled_model().get_runtime_model())
            written = openvino.Core().read_model(self._root / graph.file)
            source = source_of(openvino_operations(written), graph.role, planned_names(self._root))
            found += _timed(executed, source, self._ms[id(session)])
        return found


def _kernel_ms(trace: Sequence[dict[str, Any]], skipped: int) -> Times:
    """Sum the kernels' times by node, those of the first `skipped` runs left out."""
    runs = sorted(event["ts"] for event in trace if event["name"] == "model_run")
    since = runs[skipped] if skipped < len(runs) else float("inf")
    found: Times = defaultdict(float)
    for event in trace:
        if event["cat"] == "Node" and event["name"].endswith(KERNEL) and event["ts"] >= since:
            found[event["name"].removesuffix(KERNEL)] += event["dur"] / 1e3
    return found


def _timed(executed: Sequence[Operation], source: Source, ms: Times) -> Iterator[Timed]:
    """Yield what took time, with its module: by its names, else by its neighbours in the executed graph."""
    known = {op.name: module for op in executed if (module := source.module(op)) is not None}
    modules = place(executed, known).modules
    kinds = {op.name: op.kind for op in executed}
    for name, took in ms.items():
        if took > 0:
            yield Timed(name=name, kind=kinds.get(name, ""), module=modules.get(name), ms=took)
