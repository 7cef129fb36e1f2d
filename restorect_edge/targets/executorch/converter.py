"""ExecuTorch: the traced programs themselves, with XNNPACK's kernels for what it computes."""

import copy
import json
from functools import partial
from pathlib import Path

from restorect_edge.models.tracing.graph import Graph
from restorect_edge.targets.options import ExportOptions
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import foreign_errors, hushed, hushed_descriptor

__all__ = ["convert"]

_imported = partial(imported, what="ExecuTorch export", extra="executorch")


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.pte``: a method ``forward``, and ``metadata`` that returns JSON.

    Arguments are those of `Target.convert`.

    Raises:
        MissingDependencyError: ExecuTorch is not installed.
        BackendError: it cannot lower the graph.
    """
    path = directory / f"{graph.stem}.pte"
    with hushed(), hushed_descriptor(2), foreign_errors(f"ExecuTorch cannot convert graph '{graph.stem}'"):
        partition = _imported("executorch.backends.xnnpack.partition.xnnpack_partitioner")
        # lowering takes constants out of the program it is given, which other targets share
        program = copy.deepcopy(graph.program)
        facts = {"metadata": json.dumps(dict(options.metadata), sort_keys=True)}
        lowered = _imported("executorch.exir").to_edge_transform_and_lower(
            program, partitioner=[partition.XnnpackPartitioner()], constant_methods=facts
        )
        path.write_bytes(lowered.to_executorch().buffer)
    return path
