"""Whose code called this package, so that a warning shows the user's line and not one of ours."""

import sys
from types import FrameType

__all__ = ["users_level"]

PACKAGE = __name__.partition(".")[0]


def users_level() -> int:
    """Return the `stacklevel` of `warnings.warn` for the innermost caller outside of this package."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
        level, frame = level + 1, frame.f_back
    return level
