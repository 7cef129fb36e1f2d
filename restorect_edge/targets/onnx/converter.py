"""ONNX, opset 18, from `torch.export`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import onnx
import onnxscript.optimizer
import torch
from onnxscript.rewriter.rules.common import _no_op

from restorect_edge.models.tracing.graph import Graph
from restorect_edge.quantization.lint.rules import Finding, excluded_modules, lint
from restorect_edge.quantization.plan import PLAN_FILE
from restorect_edge.targets.onnx.half import store_half, to_half
from restorect_edge.targets.onnx.layouts import arrange, hold_layout
from restorect_edge.targets.onnx.unsigned import to_unsigned
from restorect_edge.targets.options import ExportOptions
from restorect_edge.utils.foreign import foreign_errors, hushed

__all__ = ["OPSET", "convert", "finish", "lint_notes"]

OPSET = 18
"""The floor of torch's exporter, and read by TensorRT 10 and later."""
LARGEST_FOLDED = 2**20
"""Elements up to which arithmetic on constants is done at export, where torch stops at 8192."""

_WRITTEN: "WeakKeyDictionary[torch.export.ExportedProgram, Any]" = WeakKeyDictionary()
"""Models of the programs that are alive, which one export traces for all its targets."""


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.onnx``: float32 inputs and outputs, weights and arithmetic in `options.precision`.

    Arguments are those of `Target.convert`.

    Raises:
        BackendError: torch or onnx cannot; the reason is one sentence.
    """
    path = directory / f"{graph.stem}.onnx"
    with foreign_errors(f"torch cannot write graph '{graph.stem}' as ONNX"):
        model = written(graph)
        if options.precision == "fp16":
            model = to_half(model)
        elif options.precision == "int8":
            store_half(model)
        _describe(model, options.metadata)
        onnx.checker.check_model(model)
        onnx.save(model, path)
    return path


def _describe(model: Any, metadata: Mapping[str, str]) -> None:
    """Write metadata into a model, which may have some of an earlier export."""
    kept = {entry.key: entry.value for entry in model.metadata_props} | dict(metadata)
    del model.metadata_props[:]
    for key, value in kept.items():
        model.metadata_props.add(key=key, value=value)


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Lint the graphs, give INT8 the form that ONNX Runtime is fast with, and return what the report says.

    Arguments are those of `Target.finish`.

    Returns:
        The operators of each graph and what the lint of INT8 says of it.
    """
    findings, operators = {}, {}
    for file in files:
        model = onnx.load(file)
        findings[file.name] = lint(model, excluded=excluded_modules(directory / PLAN_FILE))
        if options.precision == "int8":
            to_unsigned(model)
            arrange(model)
        if options.levels:
            hold_layout(model)
        if options.levels or options.precision == "int8":
            onnx.checker.check_model(model)
            onnx.save(model, file)
        operators[file.name] = sorted({node.op_type for node in model.graph.node})
    return {"opset": OPSET, "operators": operators, "lint": lint_notes(findings)}


def lint_notes(findings: Mapping[str, Sequence[Finding]]) -> list[dict[str, str]]:
    """Return findings by file name as rows for the report."""
    return [{"file": name, **asdict(found)} for name, rows in findings.items() for found in rows]


def written(graph: Graph) -> Any:
    """Return a graph in float32 as an ONNX model of the caller's own.

    torch takes seconds to minutes for it, and most targets start from it: it is written once per graph.
    """
    known = _WRITTEN.get(graph.program) if graph.model is None else graph.model
    if known is None:
        known = _WRITTEN[graph.program] = _to_onnx(graph)
    model = onnx.ModelProto()
    model.CopyFrom(known)
    return model


def _match_exactly() -> None:
    """Keep the optimizer from taking 1e-8 for 0, which leaves out the epsilon of ``x / (y + 1e-8)``.

    onnxscript 0.7 matches the constants of its no-ops, such as x + 0, with an absolute tolerance of 1e-8.
    """
    for rule in _no_op.rules:
        for node in rule._target_pattern:
            for constant in (value for value in node.inputs if hasattr(value, "_abs_tol")):
                constant._abs_tol = constant._rel_tol = 0.0


def _to_onnx(graph: Graph) -> Any:
    _match_exactly()
    first = 1 if graph.levels else 2
    axes = {name: {first: "height", first + 1: "width"} for name in graph.inputs if name == "image"}
    with hushed():
        program = torch.onnx.export(
            graph.program,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    onnxscript.optimizer.optimize_ir(program.model, input_size_limit=LARGEST_FOLDED)
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
