"""ONNX, opset 18, from `torch.export`."""

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import onnx
import torch

from restorect_edge.errors import BackendError
from restorect_edge.export._graph import Graph
from restorect_edge.export._half import to_half
from restorect_edge.export._options import ExportOptions

__all__ = ["OPSET", "convert", "finish"]

OPSET = 18
"""The floor of torch's exporter, and read by TensorRT 10 and later."""


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.onnx``: float32 inputs and outputs, weights and arithmetic in `options.precision`."""
    path = directory / f"{graph.stem}.onnx"
    model = _to_onnx(graph)
    if options.precision == "fp16":
        model = to_half(model)
    for key, value in options.metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Return the operators of each graph, for the report."""
    operators = {}
    for file in files:
        graph = onnx.load(file, load_external_data=False).graph
        operators[file.name] = sorted({node.op_type for node in graph.node})
    return {"opset": OPSET, "operators": operators}


def _to_onnx(graph: Graph) -> Any:
    axes = {name: {2: "height", 3: "width"} for name in graph.inputs if name == "image"}
    try:
        with _quiet():
            program = torch.onnx.export(
                graph.program,
                input_names=list(graph.inputs),
                output_names=[graph.output],
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter's failures share no narrower base
        raise BackendError(f"torch cannot write graph '{graph.stem}' as ONNX: {error}") from error
    assert program is not None
    model = program.model_proto
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # where in the source each comes from: paths of this machine
    _name_free_axes(model, axes if graph.shape is None else {})
    return model


def _name_free_axes(model: Any, axes: dict[str, dict[int, str]]) -> None:
    for value in model.graph.input:
        for index, name in axes.get(value.name, {}).items():
            dimension = value.type.tensor_type.shape.dim[index]
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress lines off standard output, where ours go."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
