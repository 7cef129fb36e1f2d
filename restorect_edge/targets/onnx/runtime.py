"""ONNX Runtime: CPU, CUDA and TensorRT execution providers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError
from restorect_edge.inference.base import Runtime
from restorect_edge.utils.extras import imported, require
from restorect_edge.utils.foreign import reason

__all__ = ["LiteralONNXRuntime", "ONNXRuntime", "RoundedONNXRuntime", "session_options"]

_library = partial(imported, "onnxruntime", "the ONNX Runtime backend", "onnxruntime")

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}

REST = ("session.force_spinning_stop", "1")
"""Option of a session: its threads stop when a run ends; else they spin on, 30 ms of a core per image."""


class ONNXRuntime(Runtime):
    """Runs ``.onnx`` files; ``auto`` is CUDA where ONNX Runtime has it, else the CPU."""

    name: ClassVar[str] = "onnxruntime"
    side_by_side: ClassVar[bool] = True
    fuses: ClassVar[bool] = True
    _optimize: ClassVar[bool] = True
    _arithmetic: ClassVar[str] = ""
    """How it differs from what users run, for `provider`."""

    @classmethod
    def literal(cls, precision: str = "int8") -> type[Runtime]:
        """Return the runtime that fuses nothing, so that INT8 and float16 arithmetic is that of the graph."""
        return {"fp16": RoundedONNXRuntime, "int8": LiteralONNXRuntime}.get(precision, cls)

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return those of ``cuda``, ``cpu``, ``tensorrt`` that this build of ONNX Runtime offers."""
        offered = _library().get_available_providers()
        return tuple(name for name in ("cuda", "cpu", "tensorrt") if PROVIDERS[name] in offered)

    def _options(self) -> Any:
        """Return the session's options."""
        options = session_options(self.threads)
        # one block per pattern of shapes would be kept beside the arena: half as much memory again, no speed
        options.enable_mem_pattern = False
        if not self._optimize:
            options.graph_optimization_level = _library().GraphOptimizationLevel.ORT_DISABLE_ALL
        return options

    def _model(self, path: Path) -> Path | bytes:
        """Return the graph that is run for a file."""
        return path

    def _open(self, path: Path) -> Any:
        wanted = PROVIDERS[self.device]
        try:
            session = _library().InferenceSession(self._model(path), self._options(), providers=[wanted])
        except Exception as error:  # ONNX Runtime's own exception classes have no common base
            raise BackendError(f"ONNX Runtime cannot load '{path}': {reason(error)}") from error
        if wanted not in session.get_providers():
            raise BackendError(
                f"ONNX Runtime fell back to {', '.join(session.get_providers())} instead of {wanted}: "
                "check that the CUDA and cuDNN libraries of its build are installed"
            )
        return session

    def _input_shape(self, session: Any) -> Sequence[Any]:
        return next((tuple(i.shape) for i in session.get_inputs() if i.name == "image"), ())

    def _run(self, session: Any, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        try:
            # a run spins while it waits for the session's threads: more runs than fill the CPUs crawl
            with self._turns:
                result: NDArray[np.float32] = session.run(None, feeds)[0]
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed: {reason(error)}") from error
        return result

    def _provider(self, session: Any) -> str:
        return f"ONNX Runtime {_library().__version__} {session.get_providers()[0]}{self._arithmetic}"


class LiteralONNXRuntime(ONNXRuntime):
    """Runs a graph operation by operation, on the CPU."""

    fuses: ClassVar[bool] = False
    _optimize: ClassVar[bool] = False
    _arithmetic: ClassVar[str] = ", graph optimizations off"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        return ("cpu",)


class RoundedONNXRuntime(LiteralONNXRuntime):
    """Runs a float16 ``.onnx`` on the CPU: sums in float32, every result rounded to float16."""

    _arithmetic: ClassVar[str] = ", every result rounded to float16"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cpu``.

        Raises:
            MissingDependencyError: ONNX Runtime, or the package that reads the graph, is not installed.
        """
        require("float16 arithmetic", "export", "onnx")
        return super().devices()

    def _model(self, path: Path) -> bytes:
        import onnx

        from restorect_edge.targets.onnx.rounded import rounded

        content: bytes = rounded(onnx.load(path)).SerializeToString()
        return content


def session_options(threads: int | None) -> Any:
    """Return what every session is opened with: quiet, with that many threads, which rest between runs."""
    options = _library().SessionOptions()
    options.log_severity_level = 4  # what fails is raised, and said once
    options.add_session_config_entry(*REST)
    if threads is not None:
        options.intra_op_num_threads = threads
    return options
