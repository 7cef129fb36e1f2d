"""Libraries of this package's extras, imported when they are needed."""

import importlib
import importlib.util
from typing import Any

from restorect_edge.errors import MissingDependencyError

__all__ = ["imported", "require"]


def imported(module: str, what: str, extra: str) -> Any:
    """Import and return a module of a library that an extra installs.

    Args:
        module: its import name.
        what: what needs it, for the message.
        extra: which extra.

    Raises:
        MissingDependencyError: it, or what it imports in turn, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(what, extra, detail=str(error)) from error


def require(what: str, extra: str, *modules: str) -> None:
    """Raise `MissingDependencyError` for the first module that is not installed; none is imported.

    Args:
        what: needs them, for the message.
        extra: of this package, that installs them.
        modules: their import names.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingDependencyError(what, extra, detail=f"no module '{module}'")
