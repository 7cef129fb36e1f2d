"""Every exception of the package.

    RestorectError                      base; `exit_code` is what the command line exits with
    ├── UsageError              1       a wrong option, name, path or image
    ├── QualityError            2       an artifact falls short of its gate
    ├── MissingDependencyError  3       an extra is not installed
    ├── IncompatibleError       4       an artifact, file or size that this code cannot take
    └── BackendError            5       a converter or runtime failed, or a device is absent

A message says what was wrong, what was got, what is allowed and how to fix it.
"""

import difflib
import sys
from collections.abc import Iterable
from types import FrameType

__all__ = [
    "BackendError",
    "IncompatibleError",
    "MissingDependencyError",
    "QualityError",
    "RestorectError",
    "SaturationWarning",
    "UnverifiedWarning",
    "UsageError",
    "counted",
    "did_you_mean",
    "of_exit_code",
    "unknown_name",
    "users_level",
]


class RestorectError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class UsageError(RestorectError):
    """The caller asked for something that does not exist or does not fit."""

    exit_code = 1


class QualityError(RestorectError):
    """An artifact was made or checked and is not close enough to the network it stands for."""

    exit_code = 2


class MissingDependencyError(RestorectError):
    """A library that this operation needs is not installed."""

    exit_code = 3

    def __init__(self, what: str, extra: str, *, detail: str = "") -> None:
        self.extra = extra
        more = f" ({detail})" if detail else ""
        super().__init__(
            f"{what} needs the extra '{extra}', which is not installed{more}: "
            f"pip install 'restorect-edge[{extra}]'"
        )


class IncompatibleError(RestorectError):
    """An artifact or image is of a kind, version, size or state that cannot be used here."""

    exit_code = 4


class BackendError(RestorectError):
    """A backend failed, or the device asked for is not there."""

    exit_code = 5


class SaturationWarning(UserWarning):
    """An INT8 artifact runs on a CPU whose 16-bit sums can saturate, which spoils pictures."""


class UnverifiedWarning(UserWarning):
    """An artifact is used that was kept although nothing here could run it for a verdict."""


def of_exit_code(code: int, message: str, *, what: str, extra: str) -> RestorectError:
    """Return the error that a program of this project exited with.

    Args:
        code: its exit code; one that means nothing here becomes a `BackendError`.
        message: what it printed.
        what: the operation, for a `MissingDependencyError`.
        extra: what that needs.
    """
    if code == MissingDependencyError.exit_code:
        return MissingDependencyError(what, extra, detail=message)
    kinds = {kind.exit_code: kind for kind in (UsageError, QualityError, IncompatibleError)}
    return kinds.get(code, BackendError)(message)


def counted(count: int, what: str) -> str:
    """Return how many of something there are, in words: "1 image", "2 images".

    Args:
        count: how many.
        what: in the singular, with a regular plural.
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def unknown_name(kind: str, got: str, known: Iterable[str]) -> UsageError:
    """Return the error for a misspelt name: lists what exists and suggests the nearest.

    Args:
        kind: of name, for the message, such as ``target``.
        got: the misspelt name.
        known: those that there are.
    """
    names = sorted(known)
    return UsageError(
        f"unknown {kind} '{got}'; known: {', '.join(names)}{did_you_mean(got, names, cutoff=0.5)}"
    )


def did_you_mean(got: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the end of a message that suggests the nearest name; empty where none is near.

    Args:
        got: the misspelt name.
        known: those that there are.
        cutoff: least likeness, 0 to 1; see `difflib.get_close_matches`.
    """
    near = difflib.get_close_matches(got, list(known), n=1, cutoff=cutoff)
    return f" (did you mean '{near[0]}'?)" if near else ""


def users_level() -> int:
    """Return the `stacklevel` of `warnings.warn` that blames the user's line and not one of this package."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    return level
