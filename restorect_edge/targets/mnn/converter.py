"""MNN, through the same ONNX graph as the other targets."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

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

    Arguments are those of `Target.convert`.

    Raises:
        BackendError: MNN cannot convert the graph.
    """
    path = directory / f"{graph.stem}.mnn"
    with TemporaryDirectory() as folder:
        source = onnx_target.convert(graph, Path(folder), ExportOptions(dynamic=options.dynamic))
        _write_out_norms(source)
        files = ("-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(path))
        half = ("--fp16",) if options.precision == "fp16" else ()
        command = [sys.executable, "-c", CONVERT, *files, "--bizCode", "restorect_edge", *half]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0 or not path.is_file():
        lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
        why = lines[-1] if lines else f"exit code {done.returncode}"
        raise BackendError(f"MNN cannot convert graph '{graph.stem}': {why}")
    return path


def _write_out_norms(path: Path) -> None:
    """Make ``ReduceL2`` of an ONNX file a root of a sum of squares, in place.

    MNN 3.6 computes it to a few digits alone, which attention over normalized features shows: 28.6 dB.
    """
    model = onnx.load(path)
    nodes = []
    for node in model.graph.node:
        if node.op_type != "ReduceL2":
            nodes.append(node)
            continue
        result, source = node.output[0], node.input[0]
        square, total = f"{result}.square", f"{result}.total"
        summed = onnx.helper.make_node("ReduceSum", [square, *node.input[1:]], [total])
        summed.attribute.extend(node.attribute)
        nodes += [onnx.helper.make_node("Mul", [source, source], [square]), summed]
        nodes.append(onnx.helper.make_node("Sqrt", [total], [result]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)
