"""Recipes: an export's options in a TOML file, named as on the command line."""

from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.utils.toml import read_toml

__all__ = ["KEYS", "parse_shapes", "read_recipe"]

KEYS: dict[str, type] = {
    "target": str,
    "weights": str,
    "precision": str,
    "shapes": list,
    "dynamic": bool,
    "steps": int,
    "form": str,
    "minimum_deployment_target": str,
    "calib_data": str,
    "num_calib": int,
    "calib_seed": int,
    "max_psnr_drop": float,
    "validation": str,
    "qat": float,
    "cpu": str,
}
"""What a recipe may set, and of which type."""


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the options of a recipe file, shapes as (height, width) pairs.

    Raises:
        UsageError: no such file, not TOML, an unknown key, or a value of the wrong type.
    """
    content = read_toml(path, "recipe")
    for key, value in content.items():
        if key not in KEYS:
            raise unknown_name(f"key in '{path}'", key, KEYS)
        if type(value) is not KEYS[key]:
            raise UsageError(f"'{key}' in '{path}' must be a {KEYS[key].__name__}, got {value!r}")
    if "shapes" in content:
        content["shapes"] = parse_shapes(",".join(map(str, content["shapes"])))
    return content


def parse_shapes(text: str) -> list[tuple[int, int]]:
    """Parse ``HxW[,HxW]``, such as ``400x600,720x1280``, into (height, width) pairs."""
    shapes = []
    for part in text.split(","):
        height, separator, width = part.strip().lower().partition("x")
        if not (separator and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            raise UsageError(f"'{part}' is not a shape; write height x width, such as 400x600,720x1280")
        shapes.append((int(height), int(width)))
    return shapes
