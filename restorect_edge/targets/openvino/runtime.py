"""OpenVINO: CPU, GPU and NPU of Intel machines, and ARM CPUs."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from restorect_edge.errors import BackendError, MissingDependencyError
from restorect_edge.inference.base import Runtime

__all__ = ["OpenVINORuntime"]


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
        if self.threads is not None and self.device == "cpu":
            config["INFERENCE_NUM_THREADS"] = self.threads
        return config

    def _open(self, path: Path) -> Any:
        ov = _library()
        try:
            compiled = ov.Core().compile_model(path, self.device.upper(), self._config())
        except RuntimeError as error:
            raise BackendError(f"OpenVINO cannot load '{path}' on {self.device}: {error}") from error
        return compiled.create_infer_request()

    def _run(self, session: Any, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        try:
            results = session.infer(feeds, share_inputs=True, share_outputs=True)
        except (RuntimeError, ValueError) as error:
            raise BackendError(f"OpenVINO failed: {error}") from error
        result: NDArray[np.float32] = results[0]
        return result

    def _provider(self, session: Any) -> str:
        devices = session.get_compiled_model().get_property("EXECUTION_DEVICES")
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
    return openvino
