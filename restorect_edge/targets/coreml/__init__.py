"""Core ML, and the interpreter that evaluates its programs on any system."""

import sys
from collections.abc import Iterator
from typing import Any

from restorect_edge.artifact import Artifact
from restorect_edge.errors import UsageError
from restorect_edge.targets.base import CAMERA, Backend, Need, Target
from restorect_edge.targets.options import AUTO, ExportOptions

__all__ = ["CoreMLTarget"]


class CoreMLTarget(Target):
    """Core ML packages with 8-bit images at their inputs and outputs."""

    name = "coreml"
    label = "Core ML"
    summary = "Core ML .mlpackage, images in and out, iOS 17"
    format = "mlpackage"
    needs = (Need("coremltools", "coreml"),)
    backends = (
        Backend(
            class_name="CoreMLRuntime",
            libraries=("coremltools",),
            units=f"{__name__}.units",
            profile_hint=". For Core ML, Xcode's performance report shows where the time goes",
            advice=lambda install: f"macOS, and {install}",
        ),
        Backend(
            name="mil",
            label="MIL interpreter",
            module=f"{__name__}.interpreted",
            class_name="MilRuntime",
            libraries=("coremltools",),
            profile_hint=". For Core ML, Xcode's performance report shows where the time goes",
            untimed="Core ML runs on macOS only, and an interpreter's time says nothing of it",
        ),
    )
    verified_by = "mil"
    leaves_open = "not run on device"
    precision = "fp16"
    form = "whole"  # one model, image in and image out, as Vision and Xcode expect
    sides = CAMERA
    precisions = ("fp32", "fp16", "int8", "w8")
    eight_bit = True

    def default_backend(self) -> str:
        """Return Core ML's own runtime on macOS, the interpreter elsewhere."""
        return self.backends[0 if sys.platform == "darwin" else 1].name

    def check(self, options: ExportOptions) -> None:
        """Raise `UsageError` for INT8 in a package for systems that cannot read it."""
        if options.minimum_deployment_target.lower() != "ios16":
            return
        if options.precision == "w8":
            raise UsageError("coremltools writes INT8 weights for --minimum-deployment-target ios17 or later")
        if options.precision in ("int8", AUTO):
            raise UsageError("INT8 activations in Core ML need --minimum-deployment-target ios17 or later")

    def manifest_options(self, options: ExportOptions) -> dict[str, Any]:
        """Return the oldest system that loads the package."""
        return {"minimum_deployment_target": options.minimum_deployment_target}

    def next_commands(self, artifact: Artifact) -> Iterator[str]:
        """Yield where the packages go, and how to look at their result on this machine."""
        packages = " and ".join(f"'{package}'" for package in sorted(artifact.path.glob("*.mlpackage")))
        yield f"drag {packages} into your Xcode project; runtimes/swift calls them"
        yield from super().next_commands(artifact)
