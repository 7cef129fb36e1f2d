"""What calibration needs beyond the base install, checked without importing it."""

import importlib.util

from restorect_edge.errors import MissingDependencyError

__all__ = ["require_nncf"]


def require_nncf() -> None:
    """Raise `MissingDependencyError` unless what the extra ``calibrate`` installs is there."""
    for name in ("torch", "safetensors", "nncf", "torchao"):
        if importlib.util.find_spec(name) is None:
            raise MissingDependencyError("INT8 calibration", "calibrate", detail=f"no module '{name}'")
