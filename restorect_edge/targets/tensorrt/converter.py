"""TensorRT: the ONNX for the device, the script that builds its engine there, and a proof without one.

The proof is an engine that TensorRT-RTX builds ahead of time, without a GPU, for compute capabilities 8.6
and 8.9. It shows that NVIDIA's parser and builder take the graph; it is no engine for a Jetson and is not
kept. The lint covers what the parser takes without a word and computes differently.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from restorect_edge.errors import BackendError
from restorect_edge.models.tracing.graph import Graph
from restorect_edge.quantization.lint.rules import Finding, excluded_modules, tolerated
from restorect_edge.quantization.plan import PLAN_FILE
from restorect_edge.targets.onnx import converter as onnx_target
from restorect_edge.targets.options import ExportOptions
from restorect_edge.targets.tensorrt import build_engine
from restorect_edge.targets.tensorrt.build_engine import BuildOptions, Built, EngineError
from restorect_edge.targets.tensorrt.lint import lint
from restorect_edge.targets.tensorrt.runtime import engine_errors

__all__ = ["COMPUTE_CAPABILITIES", "convert", "finish"]

MODULE = "tensorrt_rtx_bindings"
COMPUTE_CAPABILITIES = ("8.6", "8.9")
"""What the proof is built for: Ampere and Ada. TensorRT-RTX has none of Jetson's (8.7, 11.0)."""
PROOF_SIDES = ((64, 64), (1080, 1920), (2048, 2048))
"""Heights and widths that the proof of a graph of dynamic shape is built for."""


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.onnx``, as the ONNX target does: precision is in the graph.

    Arguments are those of `Target.convert`.
    """
    with engine_errors("TensorRT export"):
        build_engine.load_tensorrt(MODULE)
    return onnx_target.convert(graph, directory, options)


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Lint and build every graph, and put `build_engine.py` into the artifact.

    Arguments are those of `Target.finish`.

    Returns:
        The lint's warnings, what TensorRT-RTX built, and that nothing ran on a device.

    Raises:
        MissingDependencyError: the extra ``tensorrt`` is not installed.
        BackendError: the lint found an error, or TensorRT-RTX refused a graph or warned about it.
    """
    findings = {file.name: _lint(file, directory, options) for file in files}
    proof = _prove(files, options)
    shutil.copyfile(build_engine.__file__, directory / "build_engine.py")
    built_for = " and ".join(COMPUTE_CAPABILITIES)
    return {
        "lint": onnx_target.lint_notes(findings),
        "tensorrt_rtx": proof,
        "device": "not run on device",
        "verified": f"{proof['version']} built its engine for SM {built_for}",
    }


def _lint(file: Path, directory: Path, options: ExportOptions) -> list[Finding]:
    # what the plan leaves in float on purpose is no finding
    excluded = excluded_modules(directory / PLAN_FILE)
    findings = tolerated(lint(file, excluded=excluded, profile=options.dynamic), directory / PLAN_FILE)
    errors = [found for found in findings if found.severity == "error"]
    if errors:
        told = "; ".join(str(found) for found in errors[:5])
        raise BackendError(f"TensorRT does not take '{file.name}' as meant ({len(errors)} findings): {told}")
    return findings


def _prove(files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Build every graph ahead of time and return what came out."""
    with engine_errors("TensorRT export"):
        trt = build_engine.load_tensorrt(MODULE)
    built = {file.name: _build(trt, file, options) for file in files}
    return {
        "version": build_engine.product(trt),
        "compute_capabilities": list(COMPUTE_CAPABILITIES),
        "layers": sum(result.layers for result in built.values()),
        "engine_bytes": sum(len(result.plan) for result in built.values()),
        "seconds": round(sum(result.seconds for result in built.values()), 3),
        "parser_warnings": [],
        "graphs": {name: _summary(result) for name, result in built.items()},
    }


def _build(trt: Any, file: Path, options: ExportOptions) -> Built:
    try:
        built = build_engine.build(trt, str(file), _build_options(options))
    except EngineError as error:
        raise BackendError(str(error)) from error
    if built.parser_warnings:
        raise BackendError(f"TensorRT-RTX warns about '{file.name}': {'; '.join(built.parser_warnings)}")
    return built


def _summary(built: Built) -> dict[str, Any]:
    return {
        "layers": built.layers,
        "engine_bytes": len(built.plan),
        "seconds": built.seconds,
        "builder_warnings": built.builder_warnings,
    }


def _build_options(options: ExportOptions) -> BuildOptions:
    if not options.dynamic:
        return BuildOptions(compute_capabilities=COMPUTE_CAPABILITIES)
    multiple = int(options.metadata.get("restorect_edge.multiple_of", "8"))
    low, usual, high = ((_up(h, multiple), _up(w, multiple)) for h, w in PROOF_SIDES)
    return BuildOptions(profile=(low, usual, high), compute_capabilities=COMPUTE_CAPABILITIES)


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
