"""ExecuTorch: the traced programs themselves, with XNNPACK's kernels for what it computes."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from restorect_edge.errors import MissingDependencyError
from restorect_edge.models.graph import Graph
from restorect_edge.targets.options import ExportOptions
from restorect_edge.utils.foreign import foreign_errors, hushed, hushed_descriptor

__all__ = ["convert", "finish"]


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.pte``: a method ``forward``, and ``metadata`` that returns JSON.

    Raises:
        MissingDependencyError: ExecuTorch is not installed.
        BackendError: it cannot lower the graph.
    """
    path = directory / f"{graph.stem}.pte"
    with hushed(), hushed_descriptor(2), foreign_errors(f"ExecuTorch cannot convert graph '{graph.stem}'"):
        lower, partitioner = _library()
        # lowering takes constants out of the program it is given, which other targets share
        program = copy.deepcopy(graph.program)
        facts = {"metadata": json.dumps(dict(options.metadata), sort_keys=True)}
        lowered = lower(program, partitioner=[partitioner()], constant_methods=facts)
        path.write_bytes(lowered.to_executorch().buffer)
    return path


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Return what the stored weights are, for the report."""
    return {"weights": options.precision, "placement": "not measured"}


def _library() -> tuple[Any, Any]:
    try:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
    except ImportError as error:
        raise MissingDependencyError("ExecuTorch export", "executorch", detail=str(error)) from error
    return to_edge_transform_and_lower, XnnpackPartitioner
