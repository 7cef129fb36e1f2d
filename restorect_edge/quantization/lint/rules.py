"""Lint of a quantised ONNX graph: what back ends refuse, take wrongly without a word, or do not run in int8.

The rules are those of TensorRT, the strictest of the targets: symmetric int8, one scale per activation
tensor, weights scaled along their output channels, quantisers and dequantisers in pairs. Sources: the
documentation of explicit quantisation of TensorRT 10 and 11, and the QDQ form of ONNX Runtime.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from restorect_edge.quantization.lint.coverage import coverage_findings
from restorect_edge.quantization.lint.pairs import pair_findings
from restorect_edge.quantization.lint.tensorrt import graph_findings
from restorect_edge.quantization.lint.view import Finding, View

__all__ = ["RULES", "Finding", "excluded_modules", "lint"]

RULES = {
    "scale": "scales are constant, finite and above zero",
    "zero-point": "zero points are there, constant and 0",
    "dtype": "quantised tensors are int8",
    "granularity": "an activation has one scale",
    "axis": "a weight is scaled along its output channels",
    "pair": "every quantiser has its dequantiser, with the same scale",
    "float-convolution": "in a quantised graph, convolutions take quantised data and weights",
    "residual": "in a quantised graph, what is added to a convolution's output has a pair",
    "opset": "TensorRT: the opset is one that it reads",
    "operator": "TensorRT: operators are ones that it has",
    "type": "TensorRT: inputs and outputs are float32, nothing is float64",
    "free-sides": "TensorRT: only height and width vary, and only with a profile",
    "wide-weight": "TensorRT: int64 is for sizes alone",
}
"""What each rule asks for, by name."""


def lint(
    model: Path | Any, *, target: str = "onnx", excluded: Iterable[str] = (), profile: bool = False
) -> list[Finding]:
    """Check an ONNX graph.

    Args:
        model: a file, or an `onnx.ModelProto` with its weights.
        target: for ``tensorrt`` findings are errors, and its parser's own rules apply; for others the
            rules of quantisation alone apply, int8 may be written as uint8 with a zero point of 128, and
            findings are warnings.
        excluded: names of modules that stay float on purpose, such as `excluded_modules` returns.
        profile: whether a TensorRT engine is built with an optimisation profile, so that height and width
            of (N, C, H, W) inputs may be free.

    Returns:
        Findings, errors first; an empty list if there is nothing to say.
    """
    if isinstance(model, Path):
        import onnx

        model = onnx.load(model)
    view = View.of(model.graph)
    found = [*pair_findings(view, unsigned=target != "tensorrt"), *coverage_findings(view, tuple(excluded))]
    if target != "tensorrt":
        return [replace(finding, severity="warning") for finding in found]
    found = [*graph_findings(model, view, profile=profile), *found]
    return sorted(found, key=lambda finding: finding.severity)


def excluded_modules(plan: Path) -> tuple[str, ...]:
    """Return the modules that a ``quantization.json`` keeps in float; none if there is no such file."""
    if not plan.is_file():
        return ()
    content = json.loads(plan.read_text(encoding="utf-8"))
    return tuple(entry["name"] for entry in content["excluded"])
