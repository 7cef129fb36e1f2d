"""OpenVINO: CPU, GPU and NPU of Intel machines, and ARM CPUs."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import MissingDependencyError
from restorect_edge.inference.base import Runtime
from restorect_edge.targets.openvino.requests import Requests
from restorect_edge.utils.foreign import foreign_errors

__all__ = ["OpenVINORuntime"]

CACHED_KERNELS = 128
"""Kernels that a graph with free sides keeps, one for each layer and size; OpenVINO's own 5,000 of them
take 1 MB for each new size. Sizes that come in turns are as fast with this, since oneDNN behind it keeps
1,024 kernels of its own."""

_FIRST_TENSOR = threading.Lock()
"""Held while the tables are built that all tensors of OpenVINO share."""


class OpenVINORuntime(Runtime):
    """Runs OpenVINO IR and ``.onnx`` files; ``auto`` is the CPU, where results are float32.

    float32 arithmetic is asked for on every device, so that results agree across machines.
    """

    name: ClassVar[str] = "openvino"
    fuses: ClassVar[bool] = True

    @classmethod
    def literal(cls) -> type[Runtime]:
        """Return the runtime that computes INT8 as the graph is written, in float32 between quantisers."""
        return _LiteralOpenVINORuntime

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return those of ``cpu``, ``gpu``, ``npu`` that OpenVINO finds."""
        found = {device.split(".")[0].lower() for device in _library().Core().available_devices}
        return tuple(name for name in ("cpu", "gpu", "npu") if name in found)

    def _config(self) -> dict[str, Any]:
        """Return the properties that a graph is compiled with."""
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if not self.fuses:
            config["LP_TRANSFORMS_MODE"] = "NO"
        if self.device != "npu":
            config["INFERENCE_PRECISION_HINT"] = "f32"
        if self.device == "cpu":
            config["CPU_RUNTIME_CACHE_CAPACITY"] = CACHED_KERNELS
        if self.threads is not None and self.device == "cpu":
            config["INFERENCE_NUM_THREADS"] = self.threads
            # each graph would be pinned to the first CPUs, and two of them would share those
            config["ENABLE_CPU_PINNING"] = self._at_once == 1
        return config

    def _open(self, path: Path) -> Requests:
        core, device = _library().Core(), self.device.upper()
        with foreign_errors(f"OpenVINO cannot load '{path}' on {self.device}"):
            model = core.read_model(path)
            most = self._at_once if self.device == "cpu" else 1
            return Requests(lambda: core.compile_model(model, device, self._config()), most)

    def _run(self, session: Requests, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        with self._output(session, feeds) as output:
            own: NDArray[np.float32] = output.copy()
        return own

    @contextmanager
    def _output(self, session: Requests, feeds: dict[str, NDArray[np.float32]]) -> Iterator[Any]:
        with ExitStack() as lent:
            with foreign_errors("OpenVINO failed"):
                request = lent.enter_context(session.lend())
                output = self._infer(session, request, feeds)
            yield output

    def _infer(self, session: Requests, request: Any, feeds: dict[str, NDArray[np.float32]]) -> Any:
        """Run a request of a session; its output is a view of the request's own memory."""
        return request.infer(feeds, share_inputs=True, share_outputs=True)[0]

    def _provider(self, session: Requests) -> str:
        devices = session.model.get_property("EXECUTION_DEVICES")
        how = "" if self.fuses else ", INT8 as written"
        return f"OpenVINO {_library().__version__.split('-')[0]} {', '.join(devices)}{how}"


class _LiteralOpenVINORuntime(OpenVINORuntime):
    fuses: ClassVar[bool] = False

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        return ("cpu",)


def _library() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise MissingDependencyError("the OpenVINO back end", "openvino") from error
    with _FIRST_TENSOR:
        # The first tensor builds OpenVINO's tables of types. A thread that needs them meanwhile waits with
        # the interpreter's lock, for which the thread that builds them waits: no call may be the first.
        _ = openvino.Tensor(np.zeros(1, np.float32), shared_memory=True).data
    return openvino
