"""RestoRect image restoration on phones, Jetsons and PCs.

    import restorect_edge

    artifact = restorect_edge.export(target="openvino", output_dir="out")
    with restorect_edge.load(artifact.path) as restore:
        bright = restore("dark.jpg")

Importing this package imports no backend.
"""

import importlib
from typing import TYPE_CHECKING, Any

from restorect_edge.artifact import Artifact
from restorect_edge.errors import (
    BackendError,
    IncompatibleError,
    MissingDependencyError,
    QualityError,
    RestorectError,
    UsageError,
)
from restorect_edge.inference.base import Runtime
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.loading import load

if TYPE_CHECKING:
    from restorect_edge.bench.run import bench as bench
    from restorect_edge.export import export as export
    from restorect_edge.export.verify.check import verify as verify
    from restorect_edge.quantization.calibrate import calibrate as calibrate
    from restorect_edge.scoring.evaluate import evaluate as evaluate
    from restorect_edge.training.run import train as train

__all__ = [
    "Artifact",
    "BackendError",
    "ImageSpec",
    "IncompatibleError",
    "MissingDependencyError",
    "QualityError",
    "RestorectError",
    "Runtime",
    "SizeRequirements",
    "UsageError",
    "__version__",
    "bench",
    "calibrate",
    "evaluate",
    "export",
    "load",
    "train",
    "verify",
]

_VERBS = ("bench", "calibrate", "evaluate", "export", "train", "verify")
"""Modules that are called as functions are, imported when they are first used; see `utils.modules`."""

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
