"""TOML files of options, read with errors that name the file."""

import sys
from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_toml"]


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the content of a TOML file; `what` it is, such as ``recipe``, is said in errors.

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
