"""Lint of a quantized ONNX graph: what backends refuse, take wrongly without a word, or do not run in int8.

The rules are those of the strictest targets: symmetric int8, one scale per activation
tensor, weights scaled along their output channels, quantizers and dequantizers in pairs. Sources: the
documentation of explicit quantization of TensorRT 10 and 11, and the QDQ form of ONNX Runtime.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from restorect_edge.quantization.lint.coverage import coverage_findings
from restorect_edge.quantization.lint.pairs import pair_findings
from restorect_edge.quantization.lint.view import Finding, View

__all__ = [
    "FLOAT_BY_RULE",
    "RULES",
    "Finding",
    "excluded_modules",
    "lint",
    "loaded",
    "quantization_findings",
    "tolerated",
]

RULES = {
    "scale": "scales are constant, finite and above zero",
    "zero-point": "zero points are there, constant and 0",
    "dtype": "quantized tensors are int8",
    "granularity": "an activation has one scale",
    "axis": "a weight is scaled along its output channels",
    "pair": "every quantizer has its dequantizer, with the same scale",
    "float-convolution": "in a quantized graph, convolutions take quantized data and weights",
    "residual": "in a quantized graph, what is added to a convolution's output has a pair",
}
"""What each rule asks for, by name."""


def lint(model: Path | Any, *, excluded: Iterable[str] = ()) -> list[Finding]:
    """Check the quantization of an ONNX graph, with int8 also written as uint8 with a zero point of 128.

    Args:
        model: a file, or an `onnx.ModelProto` with its weights.
        excluded: names of modules that stay float on purpose, such as `excluded_modules` returns.

    Returns:
        Findings, all of them warnings: who runs such graphs computes what ONNX defines.
    """
    view = View.of(loaded(model).graph)
    found = quantization_findings(view, excluded=excluded, unsigned=True)
    return [replace(finding, severity="warning") for finding in found]


def quantization_findings(view: View, *, excluded: Iterable[str], unsigned: bool) -> list[Finding]:
    """Return what is wrong with the quantizers of a graph.

    Args:
        view: the graph.
        excluded: names of modules that stay float on purpose.
        unsigned: whether int8 may be written as uint8 with a zero point of 128.
    """
    coverage = coverage_findings(view, tuple(excluded), folded=unsigned)
    return [*pair_findings(view, unsigned=unsigned), *coverage]


FLOAT_BY_RULE = "stays in float by rule: convolutions and linear layers alone compute in 8 bits"
"""What the plan of somebody else's network says of all other operations."""
COVERAGE = ("float-convolution", "residual")
"""Rules on what computes in float, which is slower and no other result."""


def tolerated(findings: Iterable[Finding], plan: Path) -> list[Finding]:
    """Return findings with those of `COVERAGE` as warnings where a plan leaves operations in float by rule.

    Of a student, whose every residual add is meant to be in int8, they are errors.

    Args:
        findings: of `quantization_findings`.
        plan: a ``quantization.json``, which need not be there.
    """
    by_rule = plan.is_file() and any(
        row["why"] == FLOAT_BY_RULE for row in json.loads(plan.read_text(encoding="utf-8"))["excluded"]
    )
    return [
        replace(finding, severity="warning") if by_rule and finding.rule in COVERAGE else finding
        for finding in findings
    ]


def loaded(model: Path | Any) -> Any:
    """Return an `onnx.ModelProto`, read where it is a path."""
    if not isinstance(model, Path):
        return model
    import onnx

    return onnx.load(model)


def excluded_modules(plan: Path) -> tuple[str, ...]:
    """Return the modules that a ``quantization.json`` keeps in float; none if there is no such file."""
    if not plan.is_file():
        return ()
    content = json.loads(plan.read_text(encoding="utf-8"))
    return tuple(entry["name"] for entry in content["excluded"])
