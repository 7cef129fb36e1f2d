"""Core ML itself, on macOS: CPU, GPU and Neural Engine."""

import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.errors import BackendError
from restorect_edge.inference.base import Runtime
from restorect_edge.mil.library import library, quiet
from restorect_edge.utils.foreign import reason

__all__ = ["CoreMLRuntime"]

COMPUTE_UNITS = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "npu": "CPU_AND_NE", "all": "ALL"}
"""Core ML is told what it may use, and still decides by itself what runs where."""


@dataclass(frozen=True, slots=True)
class _Session:
    model: Any
    images: frozenset[str]
    """Names of the inputs that are images."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Core ML wants one thread at a time for a model."""


class CoreMLRuntime(Runtime):
    """Runs ``.mlpackage`` files with Apple's framework; ``auto`` is the CPU."""

    name: ClassVar[str] = "coreml"

    @classmethod
    def devices(cls) -> tuple[str, ...]:
        """Return ``cpu``, ``gpu``, ``npu`` and ``all``; raises `BackendError` on any system but macOS."""
        if sys.platform != "darwin":
            raise BackendError(
                f"Core ML predicts on macOS only, this is {sys.platform}; here the runtime 'mil' evaluates "
                "the package operation by operation"
            )
        library("the Core ML backend")
        return tuple(COMPUTE_UNITS)

    def _open(self, path: Path) -> _Session:
        ct = library("the Core ML backend")
        units = ct.ComputeUnit[COMPUTE_UNITS[self.device]]
        try:
            with quiet():
                model = ct.models.MLModel(str(path), compute_units=units)
        except Exception as error:  # coremltools wraps Core ML's errors in RuntimeError and Exception
            raise BackendError(f"Core ML cannot load '{path}' on {self.device}: {reason(error)}") from error
        inputs = model.get_spec().description.input
        return _Session(model, frozenset(i.name for i in inputs if i.type.WhichOneof("Type") == "imageType"))

    def _run(self, session: _Session, feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        native = {name: _to_image(v) if name in session.images else v for name, v in feeds.items()}
        try:
            with session.lock:
                results = session.model.predict(native)
        except Exception as error:
            raise BackendError(f"Core ML failed on {self.device}: {reason(error)}") from error
        (result,) = results.values()
        return _from_image(result) if isinstance(result, Image.Image) else np.asarray(result, np.float32)

    def _provider(self, session: _Session) -> str:
        return f"Core ML (coremltools {library('the Core ML backend').__version__}) on {self.device}"


def _to_image(planes: NDArray[np.float32]) -> Image.Image:
    """(1, 3, H, W) in [0, 1] → 8-bit RGB."""
    return Image.fromarray(np.rint(planes[0].transpose(1, 2, 0) * 255).astype(np.uint8))


def _from_image(image: Image.Image) -> NDArray[np.float32]:
    """8-bit image, of whatever channel order Core ML hands over → (1, 3, H, W) RGB in [0, 1]."""
    pixels = np.asarray(image.convert("RGB"), np.float32) / 255
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
