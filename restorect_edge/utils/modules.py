"""Modules that are called: `restorect_edge.verify` in Python, `python -m restorect_edge.verify` in a shell.

A verb has one name in both. Python knows a module by that name as soon as anything imports it, whatever the
package's own attribute was before, so the module itself takes the call. No other module does.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["make_callable"]


class _Verb(ModuleType):
    """A module that passes calls on to a function, which is imported only then."""

    __function__: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    @property
    def __wrapped__(self) -> Any:  # what `inspect.signature` and `help` look at
        module, _, name = self.__function__.partition(":")
        return getattr(importlib.import_module(module), name)


def make_callable(module: str, function: str) -> None:
    """Let a module be called as a function is.

    Args:
        module: its ``__name__``.
        function: what a call of it calls, as ``package.module:name``.
    """
    verb = sys.modules[module]
    verb.__class__ = _Verb
    vars(verb)["__function__"] = function
