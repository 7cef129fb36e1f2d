"""OpenVINO: CPU, GPU and NPU of Intel machines, and ARM CPUs."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import GraphFile
from restorect_edge.inference.base import Runtime
from restorect_edge.inference.tiling import Size
from restorect_edge.targets.openvino.copies import FixedCopies
from restorect_edge.targets.openvino.requests import Requests
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import foreign_errors

__all__ = ["OpenVINORuntime"]

CACHED_KERNELS = 128
"""Kernels that a graph of dynamic shape keeps, one for each layer and size; OpenVINO's own 5,000 of them
take 1 MB for each new size. Sizes that come in turns are as fast with this, since oneDNN behind it keeps
1,024 kernels of its own."""

_FIRST_TENSOR = threading.Lock()
"""Held while the tables are built that all tensors of OpenVINO share."""


class OpenVINORuntime(Runtime):
    """Runs OpenVINO IR and ``.onnx`` files; ``auto`` is the CPU, where results are float32.

    float32 arithmetic is asked for on every device, so that results agree across machines.
    """

    name: ClassVar[str] = "openvino"
    side_by_side: ClassVar[bool] = True
    fuses: ClassVar[bool] = True

    @classmethod
    def literal(cls, precision: str = "int8") -> type[Runtime]:
        """Return the runtime that computes INT8 as the graph is written, in float32 between quantizers.

        Other precisions are computed in float32 anyway, because the runtime asks for it.
        """
        return _LiteralOpenVINORuntime if precision == "int8" else cls

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
            # each graph would be pinned to the first CPUs, and so would each thread that calls it: of two
            # that run side by side one would wait while another CPU is idle
            config["ENABLE_CPU_PINNING"] = False
        if self.threads is not None and self.device == "cpu":
            config["INFERENCE_NUM_THREADS"] = self.threads
        return config

    def _open(self, path: Path) -> Requests:
        core, device = _library().Core(), self.device.upper()
        most = self._at_once if self.device == "cpu" else 1

        def compiled(model: Any) -> Requests:
            return Requests(lambda: core.compile_model(model, device, self._config()), most)

        def compiled_for(size: Size) -> Requests:
            fixed = model.clone()
            fixed.reshape({"image": [1, *size, 3] if self.info.levels else [1, 3, *size]})
            return compiled(fixed)

        with foreign_errors(f"OpenVINO cannot load '{path}' on {self.device}"):
            model = core.read_model(path)
            requests = compiled(model)
        requests.copies = FixedCopies(compiled_for)
        return requests

    def _steady(self, graph: GraphFile, size: Size) -> Requests:
        session: Requests = self._session(graph)
        if graph.shape is not None or session.copies is None or self.device != "cpu":
            return session
        copy: Requests | None = session.copies.of(size)
        return copy or session

    def _release(self) -> None:
        for session in self._sessions.values():
            if session.copies is not None:
                session.copies.close()
        super()._release()

    def _input_shape(self, session: Requests) -> Sequence[Any]:
        image = next((port for port in session.model.inputs if "image" in port.get_names()), None)
        sides = image.partial_shape if image is not None else ()
        return [side.get_length() if side.is_static else None for side in sides]

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
    openvino = imported("openvino", "the OpenVINO backend", "openvino")
    with _FIRST_TENSOR:
        # The first tensor builds OpenVINO's tables of types. A thread that needs them meanwhile waits with
        # the interpreter's lock, for which the thread that builds them waits: no call may be the first.
        _ = openvino.Tensor(np.zeros(1, np.float32), shared_memory=True).data
    return openvino
