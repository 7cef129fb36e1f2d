"""coremltools, imported on demand and without its chatter."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from restorect_edge.errors import MissingDependencyError
from restorect_edge.utils.locks import ForkLock

__all__ = ["library", "quiet"]

LOGGERS = ("coremltools", "torchao", "torch.utils._pytree")
"""Who reports untested versions, parts of coremltools that exist on macOS only, and CUDA kernels."""

WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    (r"Function _TORCH_OPS_REGISTRY", DeprecationWarning),
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning),
    (r"Implicitly cleaning up <TemporaryDirectory", ResourceWarning),
    # the bounds of a one-sided clamp are the largest float32, which float16 holds as infinity
    (r"overflow encountered in cast", RuntimeWarning),
    (r"invalid value encountered in cast", RuntimeWarning),
)
"""What a conversion by coremltools 9.0 provokes by itself (message, category)."""


def library(what: str) -> Any:
    """Import and return coremltools.

    Args:
        what: what needs it, for the message of the `MissingDependencyError` when it is not installed.
    """
    try:
        with quiet(), warnings.catch_warnings():
            # it imports ExecuTorch where that is installed, with a dozen deprecations of its own
            warnings.simplefilter("ignore")
            import coremltools
    except ImportError as error:
        raise MissingDependencyError(what, "coreml", detail=str(error)) from error
    return coremltools


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back coremltools' log messages below ERROR and its own deprecations, then restore both.

    Levels and filters are the whole process's: where several threads ask, the last one restores them.
    """
    global _asking
    with _lock:
        if _asking == 0:
            _held.enter_context(_levels())
            _held.enter_context(_filters())
        _asking += 1
    try:
        yield
    finally:
        with _lock:
            _asking -= 1
            if _asking == 0:
                _held.close()


_lock = ForkLock()
_held = ExitStack()
_asking = 0


@contextmanager
def _levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _filters() -> Iterator[None]:
    with warnings.catch_warnings():
        for message, category in WARNINGS:
            warnings.filterwarnings("ignore", message, category)
        yield
