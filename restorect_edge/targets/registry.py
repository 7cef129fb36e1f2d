"""The table of targets. A new one is a row here, and a room beside it with a converter and a runtime."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

from restorect_edge.errors import MissingDependencyError, unknown_name

__all__ = ["TARGETS", "Target", "converter", "missing", "resolve", "with_dependencies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the export needs to know about a target before it imports anything for it."""

    name: str
    precision: str
    """The default."""
    verified_by: str
    """The runtime that runs the artifact for verification."""
    needs: tuple[tuple[str, str], ...]
    """Pairs of an import name and the extra that brings it."""
    leaves_open: str = ""
    """What that verification cannot show, said with every verdict."""
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8")
    free_sides: bool = True
    """Whether its files may leave height and width free."""
    x86: bool = False
    """Whether its INT8 artifacts run on x86 CPUs, with VNNI or without."""
    eight_bit: bool = False
    """Whether images go in and out as 8-bit levels rather than float32."""
    agreement: float = 45.0
    """Least PSNR in dB of an INT8 artifact against the quantised network, as verification runs it."""
    summary: str = ""


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            name="onnx",
            precision="fp32",
            verified_by="onnxruntime",
            needs=(("onnx", "export"), ("onnxscript", "export"), ("onnxruntime", "onnxruntime")),
            x86=True,
            summary="ONNX, opset 18, for ONNX Runtime anywhere",
        ),
        Target(
            name="openvino",
            precision="fp32",
            verified_by="openvino",
            needs=(("onnx", "export"), ("onnxscript", "export"), ("openvino", "openvino")),
            x86=True,
            summary="OpenVINO IR for Intel CPU, GPU and NPU",
        ),
        Target(
            name="tensorrt",
            precision="fp16",
            verified_by="onnxruntime",
            leaves_open="not run on device",
            needs=(
                ("onnx", "export"),
                ("onnxscript", "export"),
                ("tensorrt_rtx_bindings", "tensorrt"),
                ("onnxruntime", "tensorrt"),
            ),
            summary="ONNX for TensorRT 10 and 11 with the script that builds its engine on the device",
        ),
        Target(
            name="coreml",
            precision="fp16",
            verified_by="mil",
            leaves_open="not run on device",
            needs=(("coremltools", "coreml"),),
            precisions=("fp32", "fp16", "int8", "w8"),
            eight_bit=True,
            summary="Core ML .mlpackage, images in and out, iOS 17",
        ),
        Target(
            name="litert",
            precision="fp32",
            verified_by="litert",
            leaves_open="not run on device",
            needs=(("litert_torch", "litert"), ("ai_edge_litert", "litert")),
            free_sides=False,
            agreement=40.0,  # XNNPACK fuses, and rounds between layers in its own way; saturation gives 32 dB
            summary="LiteRT .tflite for Android, fixed sides",
        ),
    )
}


def resolve(name: str) -> Target:
    """Return a target by name, or raise `UsageError` with the nearest."""
    if name not in TARGETS:
        raise unknown_name("target", name, [*TARGETS, "all"])
    return TARGETS[name]


def with_dependencies(target: Target) -> Target:
    """Return `target`, or raise `MissingDependencyError` naming the extra of the first import missing."""
    for module, extra in missing(target):
        raise MissingDependencyError(f"--target {target.name}", extra, detail=f"no module '{module}'")
    return target


def missing(target: Target) -> list[tuple[str, str]]:
    """Return the imports that exporting to `target` lacks, each with its extra; nothing is imported."""
    needs = (("torch", "export"), ("safetensors", "export"), *target.needs)
    return [(module, extra) for module, extra in needs if importlib.util.find_spec(module) is None]


def converter(target: Target) -> Any:
    """Import a target's module: it has `convert` and `finish`."""
    return importlib.import_module(f"restorect_edge.targets.{target.name}.converter")
