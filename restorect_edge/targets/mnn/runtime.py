"""MNN: what runs the same file on phones, here on the CPU."""

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import GraphFile
from restorect_edge.errors import BackendError, MissingDependencyError
from restorect_edge.inference.base import Runtime
from restorect_edge.utils.foreign import hushed_descriptor
from restorect_edge.utils.pool import Pool, cores

__all__ = ["MNNRuntime"]

Feeds = dict[str, NDArray[np.float32]]
STARTED: set[int] = set()
"""Processes that started MNN's one pool of threads, which a fork of them would wait for in vain."""


class MNNRuntime(Runtime):
    """Runs ``.mnn`` files on the CPU in float32; weights in float16 are unpacked when loading."""

    name: ClassVar[str] = "mnn"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cpu``: the phone's GPU is reached from Android and iOS only."""
        _library()
        return ("cpu",)

    def _open(self, path: Path) -> Pool[Any]:
        # a module has one set of buffers: as many as run at once, made when they are needed
        modules = Pool(lambda: self._module(path), most=self._at_once)
        with modules.lend():
            return modules

    def _module(self, path: Path) -> Any:
        library = _library()
        inputs, outputs = _names(self.info.graphs, path)
        config = {"backend": "CPU", "precision": "high", "numThread": _threads(self.threads)}
        try:
            with hushed_descriptor(1):
                manager = library.nn.create_runtime_manager((config,))
                return library.nn.load_module_from_file(str(path), inputs, outputs, runtime_manager=manager)
        except (RuntimeError, SystemError, ValueError) as error:  # SystemError around its own
            raise BackendError(f"MNN cannot load '{path}': {error.__cause__ or error}") from error

    def _run(self, session: Pool[Any], feeds: Feeds) -> NDArray[np.float32]:
        expr = _library().expr
        try:
            given = [expr.const(np.ascontiguousarray(a), list(a.shape), expr.NCHW) for a in feeds.values()]
            with session.lend() as module:
                (result,) = module.forward(given)
                return np.array(expr.convert(result, expr.NCHW).read(), np.float32)
        except (RuntimeError, SystemError, ValueError) as error:
            raise BackendError(f"MNN failed: {error.__cause__ or error}") from error

    def _provider(self, session: Pool[Any]) -> str:
        return f"MNN {metadata.version('MNN')} CPU"


def _threads(asked: int | None) -> int:
    """Return the CPU threads to load with: one where a fork left MNN's pool without the others."""
    if STARTED and os.getpid() not in STARTED:
        return 1
    STARTED.add(os.getpid())
    return asked or cores()


def _names(graphs: tuple[GraphFile, ...], path: Path) -> tuple[list[str], list[str]]:
    """Return the names of a graph's inputs and output, which MNN asks for in order."""
    role = next(graph.role for graph in graphs if graph.file == path.name)
    if role == "prior":
        return ["thumbnail"], ["z"]
    return (["image", "z"] if role == "body" else ["image"]), ["restored"]


def _library() -> Any:
    if "MNN" in sys.modules:
        return sys.modules["MNN"]
    try:
        with hushed_descriptor(1):
            import MNN
            import MNN.expr
            import MNN.nn
    except ImportError as error:
        raise MissingDependencyError("the MNN backend", "mnn") from error
    return MNN
