"""JSON as RFC 8259 has it, and what may not be: two readers must never see two things in one document."""

import json
import re
from typing import Any

__all__ = ["DEEPEST", "LARGEST", "DamageError", "shown", "strict_json"]

LARGEST = 1 << 20
"""Of a manifest, in bytes."""
DEEPEST = 32
"""Levels of objects and lists."""


class DamageError(ValueError):
    """What is wrong with a document; whoever reads it says where and how to fix it."""


def strict_json(content: bytes) -> Any:
    """Parse JSON: UTF-8 without a byte order mark, no key twice in an object, no number beyond a double.

    Python's parser takes more: NaN and Infinity, the last of equal keys, halves of surrogate pairs.

    Args:
        content: at most `LARGEST` bytes, nested at most `DEEPEST` levels deep.

    Raises:
        DamageError: it is anything else.
    """
    if len(content) > LARGEST:
        raise DamageError("it is larger than 1 MiB")
    try:
        text = content.decode("utf-8")
        _check_depth(text)
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_finite, parse_float=_finite, parse_int=_integer
        )
        # Half of a surrogate pair, written as an escape, is text that no encoding can hold.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        raise DamageError("it is not UTF-8") from None
    except UnicodeEncodeError:
        raise DamageError("it has half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise DamageError(f"it is no JSON: {error}") from None
    return value


def shown(value: object) -> str:
    """Return the beginning of a value in quotes, for a message: control characters become '?'."""
    return "'" + re.sub(r"[\x00-\x1f\x7f]", "?", str(value)[:80]) + "'"


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the parser, which recurses."""
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise DamageError(f"it is nested deeper than {DEEPEST} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DamageError(f"it has the key {shown(key)} twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise DamageError(f"it has the number {shown(text)}, which is none or too large")
    return value


def _integer(text: str) -> int:
    _finite(text)
    return int(text)
