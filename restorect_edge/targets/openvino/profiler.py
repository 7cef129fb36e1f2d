"""OpenVINO's performance counters, and the operations of its models."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.inference.profiling.base import Profiler, Timed, timed
from restorect_edge.inference.profiling.graph import Operation
from restorect_edge.inference.profiling.source import planned_names, source_of
from restorect_edge.targets.openvino.runtime import OpenVINORuntime

__all__ = ["ProfiledOpenVINORuntime", "openvino_operations"]


class ProfiledOpenVINORuntime(OpenVINORuntime, Profiler):
    """OpenVINO with its performance counters on, read after each run."""

    def __init__(self, manifest: Any, root: Path, **options: Any) -> None:
        self._root = root
        self._ms: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        super().__init__(manifest, root, **options)

    def _config(self) -> dict[str, Any]:
        return {**super()._config(), "PERF_COUNT": True}

    def _infer(self, session: Any, request: Any, feeds: dict[str, NDArray[np.float32]]) -> Any:
        output = super()._infer(session, request, feeds)
        for counter in request.get_profiling_info():
            self._ms[id(session)][counter.node_name] += counter.real_time.total_seconds() * 1e3
        return output

    def start(self) -> None:
        self._ms.clear()

    def finish(self) -> list[Timed]:
        import openvino

        found: list[Timed] = []
        for graph, session in self._sessions.items():
            executed = openvino_operations(session.model.get_runtime_model())
            written = openvino.Core().read_model(self._root / graph.file)
            source = source_of(openvino_operations(written), graph.role, planned_names(self._root))
            found += timed(executed, source, self._ms[id(session)])
        return found


def openvino_operations(model: Any) -> list[Operation]:
    """Return the operations of an OpenVINO model, of a file or as it is executed."""
    return [_openvino_operation(op) for op in model.get_ordered_ops() if op.get_type_name() != "Constant"]


def _openvino_operation(op: Any) -> Operation:
    sources = [value.get_source_output().get_node() for value in op.inputs()]
    # inputs that are constants are weights, which tell the module
    constant = [node.get_type_name() == "Constant" for node in sources]
    names = [node.get_friendly_name() for node in sources]
    ports = [value.get_source_output().get_index() for value in op.inputs()]
    info = op.get_rt_info()
    # of a model as it is executed: the layers that were fused into one
    made_of = str(info["originalLayersNames"].value) if "originalLayersNames" in info else ""
    kind = str(info["layerType"].value) if "layerType" in info else op.get_type_name()
    return Operation(
        name=op.get_friendly_name(),
        kind=kind,
        reads=tuple(f"{n}:{p}" for n, p, fixed in zip(names, ports, constant, strict=True) if not fixed),
        gives=tuple(f"{op.get_friendly_name()}:{index}" for index in range(op.get_output_size())),
        weights=tuple(name for name, fixed in zip(names, constant, strict=True) if fixed),
        sources=tuple(filter(None, made_of.split(","))),
    )
