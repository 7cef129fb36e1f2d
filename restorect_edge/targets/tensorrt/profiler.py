"""TensorRT's layer profiler. Written to its documented interface; not run on device."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from restorect_edge.inference.profiling.base import Profiler, Timed
from restorect_edge.inference.profiling.graph import Operation, Source, common
from restorect_edge.inference.profiling.source import planned_names, source_of
from restorect_edge.targets.onnx.profiler import onnx_operations
from restorect_edge.targets.tensorrt.build_engine import load_tensorrt
from restorect_edge.targets.tensorrt.runtime import TensorRTRuntime

__all__ = ["ProfiledTensorRTRuntime", "layer_module"]

NAMES = re.compile(r"[\w./]+")
"""A layer's name lists the ONNX nodes that it was fused from, between brackets, plus signs and the like."""
RANGE = re.compile(r"ForeignNode\[([\w./]+)\.\.\.([\w./]+)\]")
"""A region that TensorRT compiled as one, by its first and last node."""


class ProfiledTensorRTRuntime(TensorRTRuntime, Profiler):
    """TensorRT, with an ``IProfiler`` on every execution context."""

    def __init__(self, manifest: Any, root: Path, **options: Any) -> None:
        self._root = root
        self._ms: dict[Path, dict[str, float]] = {}
        super().__init__(manifest, root, **options)

    def _open(self, path: Path) -> Any:
        session = super()._open(path)
        self._ms[path] = defaultdict(float)
        session.context.profiler = _layer_profiler(load_tensorrt(), self._ms[path])
        return session

    def start(self) -> None:
        for times in self._ms.values():
            times.clear()

    def finish(self) -> list[Timed]:
        found = []
        for graph in self._sessions:
            path = self._root / graph.file
            source = source_of(onnx_operations(path), graph.role, planned_names(self._root))
            found += [
                Timed(name=layer, kind="layer", module=layer_module(layer, source), ms=ms)
                for layer, ms in self._ms[path].items()
            ]
        return found


def layer_module(layer: str, source: Source) -> str | None:
    """Return the module of a layer: that of the weights it reads, else the innermost that holds its nodes.

    Args:
        layer: TensorRT's name, which lists the nodes it was fused from.
        source: the operations of the ONNX file.
    """
    region = RANGE.search(layer)
    if region:
        order = [op.name for op in source.placement.operations]
        ends = [order.index(name) for name in region.groups() if name in source.by_name]
        names = order[min(ends) : max(ends) + 1] if ends else []
        modules = [m for name in names if (m := source.placement.modules.get(name)) is not None]
        return common(modules) or None if modules else None
    return source.module(
        Operation(name=layer, kind="layer", sources=tuple(dict.fromkeys(NAMES.findall(layer))))
    )


def _layer_profiler(trt: Any, times: dict[str, float]) -> Any:
    class LayerProfiler(trt.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            times[layer_name] += ms

    return LayerProfiler()
