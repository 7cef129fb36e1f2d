"""MNN, through the same ONNX graph as the other targets."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from restorect_edge.errors import BackendError
from restorect_edge.models.tracing.graph import Graph
from restorect_edge.targets.onnx import converter as onnx_target
from restorect_edge.targets.options import ExportOptions

__all__ = ["convert"]

# MNN's own wrapper, MNN.tools.mnnconvert, installs a package that reports each conversion to its maker: the
# compiled converter below it does not. In a process of its own, as it prints to the terminal and may crash.
CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.mnn``; `fp16` stores weights in half, devices choose the arithmetic.

    Raises:
        BackendError: MNN cannot convert the graph.
    """
    path = directory / f"{graph.stem}.mnn"
    with TemporaryDirectory() as folder:
        source = onnx_target.convert(graph, Path(folder), ExportOptions(dynamic=options.dynamic))
        files = ("-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(path))
        half = ("--fp16",) if options.precision == "fp16" else ()
        command = [sys.executable, "-c", CONVERT, *files, "--bizCode", "restorect_edge", *half]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0 or not path.is_file():
        lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
        why = lines[-1] if lines else f"exit code {done.returncode}"
        raise BackendError(f"MNN cannot convert graph '{graph.stem}': {why}")
    return path
