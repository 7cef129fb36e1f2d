"""Shipped weights: one ``.safetensors`` and one JSON card each (no `torch` needed to list them)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restorect_edge.errors import IncompatibleError, UsageError, unknown_name
from restorect_edge.weights.kinds import SUFFIXES, check_kind, there

__all__ = ["card", "license_of", "locate", "names"]

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the shipped weights."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def locate(source: str | Path) -> Path:
    """Return the file of shipped weights by name, or of one's own by path.

    Raises:
        UsageError: no such name or file; the nearest name is suggested.
        IncompatibleError: a file of another kind, such as a checkpoint or an ONNX model; how to bring the
            network in it here is said.
    """
    if str(source) in names():
        return FOLDER / f"{source}.safetensors"
    path = Path(source)
    if there(path):
        return check_kind(path)
    if path.suffix in SUFFIXES or path.parent != Path():
        raise UsageError(f"no weights at '{path}'; shipped weights: {', '.join(names())}")
    raise unknown_name("weights", str(source), names())


def card(path: Path) -> dict[str, Any]:
    """Return the card beside a weights file, empty if it has none.

    Raises:
        IncompatibleError: the card is no JSON object.
    """
    file = path.with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise IncompatibleError(f"the card '{file}' is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise IncompatibleError(f"the card '{file}' is no JSON object")
    return content


def license_of(facts: Mapping[str, Any]) -> str:
    """Return the license that a card or a manifest states; earlier versions spelt the key ``licence``."""
    return str(facts.get("license") or facts.get("licence") or "not stated")
