"""Shipped weights: one ``.safetensors`` and one JSON card each (no `torch` needed to list them)."""

import json
from pathlib import Path
from typing import Any

from restorect_edge.errors import IncompatibleError, UsageError, unknown_name

__all__ = ["card", "locate", "names"]

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the shipped weights."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def locate(source: str | Path) -> Path:
    """Return the file of shipped weights by name, or of one's own by path.

    Raises:
        UsageError: no such name or file; the nearest name is suggested.
    """
    path = Path(source)
    if path.suffix == ".safetensors" or path.parent != Path():
        if not path.is_file():
            raise UsageError(f"no weights at '{path}'; shipped weights: {', '.join(names())}")
        return path
    if str(source) not in names():
        raise unknown_name("weights", str(source), names())
    return FOLDER / f"{source}.safetensors"


def card(path: Path) -> dict[str, Any]:
    """Return the card beside a weights file, empty if it has none."""
    file = path.with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise IncompatibleError(f"the card '{file}' is not JSON: {error}") from error
    return content
