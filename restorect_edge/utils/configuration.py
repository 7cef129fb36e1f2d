"""Options from a TOML file, and as one: each is named as on the command line."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.utils.options import Option

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["merged", "read_configuration", "read_toml", "to_toml"]

O = TypeVar("O")  # noqa: E741

WORDS: dict[type, tuple[type | tuple[type, ...], str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
}
"""What TOML has for a type of an option; all others are written as strings."""


def merged(known: Sequence[Option], file: Path | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by name: those given, over those of the file.

    Args:
        known: the verb's options.
        file: TOML; None for none.
        given: values by name.
    """
    found = read_configuration(known, file) if file else {}
    replaced = {other for o in known if given.get(o.name) for other in o.replaces}
    return {**{name: value for name, value in found.items() if name not in replaced}, **given}


def read_configuration(known: Sequence[Option], path: Path) -> dict[str, Any]:
    """Return the values of a file by name, converted as those of the command line are.

    Args:
        known: the verb's options.
        path: of the file.

    Raises:
        UsageError: no such file, not TOML, an unknown key, or a value that the option does not take.
    """
    keys = {key: o for o in known for key in o.keys}
    values = {}
    for key, value in read_toml(path, "configuration").items():
        if key not in keys:
            raise unknown_name(f"key in '{path}'", key, keys)
        values[keys[key].name] = _Reader(keys[key], key, path).value(value)
    return values


def to_toml(known: Sequence[Option], values: Mapping[str, Any]) -> str:
    """Return options as TOML, each with its meaning; those without a value as comments.

    Args:
        known: the verb's options.
        values: by name.
    """
    lines = []
    for o in known:
        value = values.get(o.name, o.default)
        if not o.keys:
            continue
        if value is None or value is MISSING or value == ():
            # TOML has no value that stands for none
            lines.append(f"# {o.keys[0]} =  # {o.help}")
        else:
            written = o.write(value) if o.write else value
            # JSON's strings, numbers and lists are TOML's as well
            lines.append(f"{o.keys[0]} = {json.dumps(written, default=str, ensure_ascii=False)}  # {o.help}")
    return "\n".join(lines) + "\n"


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the content of the TOML file at `path`; `what` it is, such as ``recipe``, is said in errors.

    Raises:
        UsageError: no such file, not readable, or not TOML.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"no {what} at '{path}'") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the {what} '{path}': {error}") from error
    return content


class _Reader:
    """Converts the value of one key of a file."""

    def __init__(self, option: Option, key: str, path: Path) -> None:
        self.option, self.key, self.path = option, key, path

    def value(self, found: Any) -> Any:
        """Return what the option would have by such an argument."""
        count = self.option.count
        if count is None:
            several = isinstance(found, list) and self.option.kind is str  # such as shapes: HxW,HxW
            return self._single(",".join(map(str, found)) if several else found)
        if not isinstance(found, list) or count not in ("+", len(found)):
            raise self._error("a list" if count == "+" else f"a list of {count}", found)
        return tuple(self._single(each) for each in found)

    def _single(self, found: Any) -> Any:
        o = self.option
        kind, words = WORDS.get(o.kind, (str, "a string"))
        if not isinstance(found, kind) or (isinstance(found, bool) and o.kind is not bool):
            raise self._error(words, found)
        try:
            convert: Callable[[Any], Any] = o.parse or o.kind
            value = convert(found)
        except UsageError as error:
            raise UsageError(f"'{self.key}' in '{self.path}': {error}") from error
        if o.choices and value not in o.choices:
            raise self._error(f"one of {', '.join(map(str, o.choices))}", found)
        return value

    def _error(self, wanted: str, found: Any) -> UsageError:
        return UsageError(f"'{self.key}' in '{self.path}' must be {wanted}, got {found!r}")
