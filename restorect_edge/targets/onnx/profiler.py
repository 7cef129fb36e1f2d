"""ONNX Runtime's profiler, and the operations of an ONNX file."""

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.inference.profiling.base import Profiler, Timed, timed
from restorect_edge.inference.profiling.graph import Operation
from restorect_edge.inference.profiling.source import planned_names, source_of
from restorect_edge.targets.onnx.runtime import ONNXRuntime
from restorect_edge.utils.extras import imported

__all__ = ["ProfiledONNXRuntime", "onnx_operations"]

KERNEL = "_kernel_time"


class ProfiledONNXRuntime(ONNXRuntime, Profiler):
    """ONNX Runtime with its profiling on: a trace and the optimized graph per session."""

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

    def _run(self, session: Any, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
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
            found += timed(executed, source, _kernel_ms(trace, self._skipped[id(session)]))
        return found

    def close(self) -> None:
        """Let go of the sessions and their traces."""
        super().close()
        self._folder.cleanup()


def onnx_operations(path: Path) -> list[Operation]:
    """Read the nodes of an ``.onnx`` file.

    Raises:
        MissingDependencyError: the library `onnx` is not installed.
    """
    onnx = imported("onnx", "naming the operations of an ONNX graph", "export")
    # names are all that is wanted, so that large weights may stay where they are
    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    return [
        Operation(
            name=node.name,
            kind=node.op_type,
            reads=tuple(name for name in node.input if name and name not in constants),
            gives=tuple(node.output),
            weights=tuple(name for name in node.input if name in constants),
        )
        for node in graph.node
        if node.op_type != "Constant"
    ]


def _kernel_ms(trace: Sequence[dict[str, Any]], skipped: int) -> dict[str, float]:
    """Sum the kernels' times by node, those of the first `skipped` runs left out."""
    runs = sorted(event["ts"] for event in trace if event["name"] == "model_run")
    # nodes have no number of their run: what begins after that many runs have begun counts
    since = runs[skipped] if skipped < len(runs) else float("inf")
    found: dict[str, float] = defaultdict(float)
    for event in trace:
        if event["cat"] == "Node" and event["name"].endswith(KERNEL) and event["ts"] >= since:
            found[event["name"].removesuffix(KERNEL)] += event["dur"] / 1e3
    return found
