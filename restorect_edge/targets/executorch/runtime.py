"""ExecuTorch: what runs the same file on phones, here on the CPU."""

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError, MissingDependencyError
from restorect_edge.inference.base import Runtime
from restorect_edge.utils.foreign import foreign_errors, hushed, hushed_descriptor
from restorect_edge.utils.pool import cores

__all__ = ["ExecuTorchRuntime"]

Feeds = dict[str, NDArray[np.float32]]


class _Session:
    """A program, loaded for the threads that ExecuTorch has at the moment."""

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads
        self.method: Any = None
        self.inputs: list[tuple[int, ...]] = []


class _Engine:
    """The one pool of threads that ExecuTorch has in a process, and the programs that refer to it.

    A program keeps the pool that it was loaded with, so all are dropped before another is made; each is
    loaded again when it is next run.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._threads = 0
        self._loaded: weakref.WeakSet[_Session] = weakref.WeakSet()

    @contextmanager
    def lend(self, session: _Session) -> Iterator[Any]:
        """Lend the method of a session, to one thread at a time."""
        with self._turn:
            if self._threads != session.threads:
                self._restart(session.threads)
            if session.method is None:
                session.method = _method(session.path)
                self._loaded.add(session)
            yield session.method

    def _restart(self, threads: int) -> None:
        for other in self._loaded:
            other.method = None
        self._loaded.clear()
        with hushed_descriptor(2):
            _library()._unsafe_reset_threadpool(threads)
        self._threads = threads


_engine = _Engine()


def _renew() -> None:
    """Begin anew in a forked process: the pool's threads, and perhaps who holds the lock, are not in it."""
    global _engine
    _engine = _Engine()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class ExecuTorchRuntime(Runtime):
    """Runs ``.pte`` files on the CPU, in float32, by XNNPACK; calls take turns."""

    name: ClassVar[str] = "executorch"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cpu``: other delegates of ExecuTorch need programs of their own."""
        _library()
        return ("cpu",)

    def _open(self, path: Path) -> _Session:
        session = _Session(path, self.threads or cores())
        with _engine.lend(session) as method:
            about = method.metadata
            session.inputs = [about.input_tensor_meta(i).sizes() for i in range(about.num_inputs())]
        return session

    def _run(self, session: _Session, feeds: Feeds) -> NDArray[np.float32]:
        import torch

        given = [value.shape for value in feeds.values()]
        if given != session.inputs:
            raise BackendError(f"ExecuTorch: '{session.path.name}' takes {session.inputs}, got {given}")
        tensors = [torch.from_numpy(np.ascontiguousarray(value)) for value in feeds.values()]
        with foreign_errors("ExecuTorch failed"), _engine.lend(session) as method:
            (result,) = method.execute(tensors)
        restored: NDArray[np.float32] = result.numpy()
        return restored

    def _provider(self, session: _Session) -> str:
        return f"ExecuTorch {metadata.version('executorch')} CPU (XNNPACK)"


def _method(path: Path) -> Any:
    with foreign_errors(f"ExecuTorch cannot load '{path}'"), hushed_descriptor(2):
        _library()
        from executorch.runtime import Runtime as Engine

        return Engine.get().load_program(path).load_method("forward")


def _library() -> Any:
    name = "executorch.extension.pybindings.portable_lib"
    if name in sys.modules:
        return sys.modules[name]
    try:
        with hushed(), hushed_descriptor(2):
            import executorch.version  # noqa: F401 - `doctor` reads it
            from executorch.extension.pybindings import portable_lib
    except ImportError as error:
        raise MissingDependencyError("the ExecuTorch backend", "executorch", detail=str(error)) from error
    return portable_lib
