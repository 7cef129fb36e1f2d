"""TensorRT 10 and 11, and TensorRT-RTX: an engine built on this machine from the artifact's ONNX.

The engine is looked for beside the ONNX file, where `build_engine.py` puts it, and is used only if its
record says that it was built from this very file for this GPU and TensorRT; otherwise it is built there,
or in the user's cache where the artifact cannot be written to.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError, IncompatibleError, UsageError, of_exit_code
from restorect_edge.inference.base import Runtime
from restorect_edge.targets.tensorrt.build_engine import (
    BuildOptions,
    EngineError,
    engine_key,
    ensure_engine,
    error_log,
    load_tensorrt,
    logger_of,
    product,
    read_gpu,
    why_stale,
)
from restorect_edge.targets.tensorrt.cuda import Buffer, Cuda
from restorect_edge.utils.locks import ForkLock

__all__ = ["TensorRTRuntime", "engine_errors", "engine_for"]

ANY_SHAPES = ("profile",)
"""An engine that was built for other --shapes is still current: its user chose them."""


@dataclass(slots=True)
class _Session:
    runtime: Any
    engine: Any
    context: Any
    cuda: Cuda
    output: str
    provider: str
    buffers: dict[str, Buffer] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """The context, the stream and the buffers are for one call at a time."""

    def address(self, tensor: str, size: int) -> int:
        return self.buffers.setdefault(tensor, Buffer(self.cuda)).reserve(size)

    def close(self) -> None:
        self.cuda.use()
        for buffer in self.buffers.values():
            buffer.free()
        # TensorRT frees its own memory in the context, so before that is released
        self.context = self.engine = self.runtime = None
        self.cuda.close()


class TensorRTRuntime(Runtime):
    """Runs ``.onnx`` files through a TensorRT engine on an NVIDIA GPU, one image at a time.

    Calls of several threads wait for each other on the GPU, and overlap before and after.
    """

    name: ClassVar[str] = "tensorrt"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cuda``.

        Raises:
            MissingDependencyError: no TensorRT module is installed.
            BackendError: there is no NVIDIA GPU.
        """
        with engine_errors("the TensorRT backend"):
            load_tensorrt()
        try:
            read_gpu()
        except EngineError as error:
            raise BackendError(
                f"TensorRT runs on NVIDIA GPUs: {error}; runtime 'onnxruntime' runs the same file on the CPU"
            ) from error
        return ("cuda",)

    def _open(self, path: Path) -> _Session:
        with engine_errors("the TensorRT backend"), _building:  # once for all threads that load this file
            trt = load_tensorrt()
            plan = engine_for(trt, path).read_bytes()
            gpu = read_gpu()
        cuda = Cuda()
        try:
            logger_of(trt).records.clear()
            runtime = trt.Runtime(logger_of(trt))
            engine = runtime.deserialize_cuda_engine(plan)
            context = engine.create_execution_context() if engine is not None else None
            if context is None:
                raise BackendError(f"{product(trt)} cannot load the engine of '{path}': {error_log(trt)}")
            provider = f"{product(trt)} on {gpu.name} (compute capability {gpu.compute_capability})"
            return _Session(runtime, engine, context, cuda, _output(trt, engine, path), provider)
        except BaseException:
            cuda.close()
            raise

    def _run(self, session: _Session, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        with session.lock:
            return self._infer(session, feeds)

    def _infer(self, session: _Session, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        cuda, context = session.cuda, session.context
        cuda.use()
        arrays = {name: np.ascontiguousarray(value, np.float32) for name, value in feeds.items()}
        for name, array in arrays.items():
            _set_shape(session, name, array.shape)
            address = session.address(name, array.nbytes)
            cuda.upload(array, address)
            context.set_tensor_address(name, address)
        # the context knows it once all inputs have their shapes
        result = np.empty(tuple(context.get_tensor_shape(session.output)), np.float32)
        address = session.address(session.output, result.nbytes)
        context.set_tensor_address(session.output, address)
        if not context.execute_async_v3(cuda.stream):
            raise BackendError(f"TensorRT failed: {error_log(load_tensorrt())}")
        cuda.download(address, result)
        cuda.synchronize()
        return result

    def _provider(self, session: _Session) -> str:
        return session.provider

    def _release(self) -> None:
        """Free the engines and their GPU memory."""
        for session in self._sessions.values():
            session.close()
        super()._release()


_building = ForkLock()


def engine_for(trt: Any, onnx: Path) -> Path:
    """Return the engine of an ONNX file that is current here, building it where there is none.

    Args:
        trt: the TensorRT module.
        onnx: path of the graph; its engine is looked for beside it.

    Raises:
        EngineError: there is no GPU, or the engine cannot be built or written.
        UsageError: neither the artifact nor the cache can be written.
    """
    options = BuildOptions()
    key = engine_key(trt, str(onnx), options)
    beside = onnx.with_suffix(".engine")
    engine = beside
    if why_stale(str(beside), key, ANY_SHAPES) is not None and not os.access(onnx.parent, os.W_OK):
        engine = _cache() / f"{key['onnx_sha256']}.engine"
    notify = logging.getLogger(__name__).warning
    ensure_engine(trt, str(onnx), str(engine), options, ignore=ANY_SHAPES, notify=notify)
    return engine


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(root) if root else Path.home() / ".cache") / "restorect_edge" / "tensorrt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"there is no place for the engine: the artifact is read-only and '{folder}' cannot be made "
            f"({error.strerror}); set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return folder


def _output(trt: Any, engine: Any, path: Path) -> str:
    """Check that all tensors are float32 and return the name of the one output."""
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    for name in names:
        if engine.get_tensor_dtype(name) != trt.float32:
            got = engine.get_tensor_dtype(name)
            raise IncompatibleError(f"tensor '{name}' of '{path}' is {got}, not float32; export it again")
    outputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.OUTPUT]
    if len(outputs) != 1:
        raise IncompatibleError(f"'{path}' has {len(outputs)} outputs, one is allowed; export it again")
    return str(outputs[0])


def _set_shape(session: _Session, name: str, shape: tuple[int, ...]) -> None:
    if session.context.set_input_shape(name, shape):
        return
    low, _, high = (tuple(sides) for sides in session.engine.get_tensor_profile_shape(name, 0))
    raise IncompatibleError(
        f"input '{name}' has shape {shape}, the engine takes {low} to {high}: build it for more with "
        "build_engine.py --shapes, or export with --form split, which works by tiles"
    )


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn `EngineError`s into this package's errors, a `MissingDependencyError` of `what` among them."""
    try:
        yield
    except EngineError as error:
        raise of_exit_code(error.exit_code, str(error), what=what, extra="tensorrt") from error
