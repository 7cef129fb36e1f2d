"""Options of a command from a TOML file, and as one: each is named as on the command line."""

import argparse
import json
from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.utils.toml import read_toml

__all__ = ["add_configuration", "read_configuration", "to_toml"]

OWN = ("config", "print_config", "help", "version")
TYPES: dict[Any, type | tuple[type, ...]] = {int: int, float: (int, float)}
"""What TOML has for a type of an option; all others are written as strings."""


def add_configuration(parser: argparse.ArgumentParser, *flags: str) -> None:
    """Add ``--config``, by these names, and ``--print-config``."""
    group = parser.add_argument_group("configuration")
    group.add_argument(
        *flags, dest="config", type=Path, metavar="FILE", help="TOML file with any of the other options"
    )
    group.add_argument("--print-config", action="store_true", help="print all options as TOML, and stop")


def read_configuration(parser: argparse.ArgumentParser, path: Path) -> dict[str, Any]:
    """Return the values of a file by destination, converted as the command line's are.

    Raises:
        UsageError: no such file, not TOML, an unknown key, or a value that the option does not take.
    """
    known = {name: action for action in _options(parser) for name in _names(action)}
    values = {}
    for key, value in read_toml(path, "configuration").items():
        if key not in known:
            raise unknown_name(f"key in '{path}'", key, known)
        values[known[key].dest] = _Reader(known[key], key, path).value(value)
    return values


def to_toml(parser: argparse.ArgumentParser, values: argparse.Namespace) -> str:
    """Return a command's options as TOML, each with its meaning; those without a value as comments."""
    lines = []
    for action in _options(parser):
        value, name = getattr(values, action.dest), _names(action)[0]
        meaning = " ".join((action.help or "").replace("%%", "%").split())
        if value is None:
            lines.append(f"# {name} =  # {meaning}")
        else:
            lines.append(f"{name} = {json.dumps(value, default=str, ensure_ascii=False)}  # {meaning}")
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [each for each in parser._actions if each.option_strings and each.dest not in OWN]


def _names(action: argparse.Action) -> list[str]:
    """Return the names of an option in a file, the first of which is printed."""
    return [name[2:].replace("-", "_") for name in action.option_strings if name.startswith("--")]


class _Reader:
    """Converts the value of one key of a file."""

    def __init__(self, action: argparse.Action, key: str, path: Path) -> None:
        self.action, self.key, self.path = action, key, path

    def value(self, found: Any) -> Any:
        """Return what the option would have by such an argument."""
        action = self.action
        if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
            return self._of(bool, found)
        if action.nargs in (None, "?"):
            several = isinstance(found, list) and action.type is None  # such as shapes: HxW,HxW
            return self._single(",".join(map(str, found)) if several else found)
        if not isinstance(found, list) or (isinstance(action.nargs, int) and len(found) != action.nargs):
            count = f" of {action.nargs}" if isinstance(action.nargs, int) else ""
            raise self._error(f"a list{count}", found)
        return [self._single(each) for each in found]

    def _single(self, found: Any) -> Any:
        kind = self.action.type
        value = self._of(TYPES.get(kind, str), found)
        if callable(kind):
            try:
                value = kind(value)
            except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
                raise UsageError(f"'{self.key}' in '{self.path}': {error}") from error
        if self.action.choices is not None and value not in self.action.choices:
            raise self._error(f"one of {', '.join(map(str, self.action.choices))}", found)
        return value

    def _of(self, kind: type | tuple[type, ...], found: Any) -> Any:
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            words = {bool: "true or false", int: "a whole number", str: "a string"}
            raise self._error(words.get(kind, "a number") if isinstance(kind, type) else "a number", found)
        return found

    def _error(self, wanted: str, found: Any) -> UsageError:
        return UsageError(f"'{self.key}' in '{self.path}' must be {wanted}, got {found!r}")
