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
    from restorect_edge.export import export as export

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
    "export",
    "load",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "export":
        return importlib.import_module("restorect_edge.export")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
