"""LiteRT, formerly TensorFlow Lite: what runs the same file on Android, here on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError
from restorect_edge.inference.base import Runtime
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import foreign_errors
from restorect_edge.utils.pool import Pool, cores

__all__ = ["LiteRTRuntime"]

_library = partial(imported, "ai_edge_litert.interpreter", "the LiteRT backend", "litert")


@dataclass(frozen=True, slots=True)
class _Session:
    runners: Pool[Any]
    """The file's one signature, called with inputs by name: an interpreter for each call that runs."""
    shapes: dict[str, tuple[int, ...]]
    """Of its inputs."""


class LiteRTRuntime(Runtime):
    """Runs ``.tflite`` files on the CPU, float32 arithmetic; weights in float16 are unpacked when loading."""

    name: ClassVar[str] = "litert"
    side_by_side: ClassVar[bool] = True

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cpu``: the phone's GPU and NPU are reached from Android only."""
        _library()
        return ("cpu",)

    def _open(self, path: Path) -> _Session:
        with foreign_errors(f"LiteRT cannot load '{path}'"):
            content = path.read_bytes()
            # as many interpreters as fill the CPUs, made once they are needed: each has its own memory
            runners = Pool(lambda: self._runner(content), most=self._at_once if self.threads else cores())
            with runners.lend() as run:
                details = run.get_input_details()
        return _Session(runners, {name: tuple(map(int, d["shape"])) for name, d in details.items()})

    def _runner(self, content: bytes) -> Any:
        interpreter = _library().Interpreter(model_content=content, num_threads=self.threads)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner()

    def _input_shape(self, session: _Session) -> Sequence[Any]:
        return session.shapes.get("image", ())

    def _run(self, session: _Session, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        given = {name: value.shape for name, value in feeds.items()}
        if given != session.shapes:  # LiteRT would resize the graph, and not always fail
            raise BackendError(f"LiteRT: the file takes {session.shapes}, got {given}")
        with foreign_errors("LiteRT failed"), session.runners.lend() as run:
            (result,) = run(**feeds).values()
        restored: NDArray[np.float32] = result
        return restored

    def _provider(self, session: _Session) -> str:
        return f"LiteRT {metadata.version('ai-edge-litert')} CPU (XNNPACK)"
