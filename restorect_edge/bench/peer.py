"""Other people's ONNX models: run by ONNX Runtime on the same images, to be timed beside artifacts.

What their values mean is not known, so they are given [0, 1] (or 8 bits, where they take those), and nothing
is said of the quality of what comes out.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restorect_edge.artifact import file_hash
from restorect_edge.bench.measure.record import Subject
from restorect_edge.errors import BackendError, IncompatibleError, MissingDependencyError, UsageError
from restorect_edge.targets.onnx import ONNXTarget
from restorect_edge.targets.onnx.runtime import PROVIDERS, session_options
from restorect_edge.utils.foreign import reason

__all__ = ["BACKEND", "PeerModel", "Signature", "peer_subject"]

BACKEND = ONNXTarget.backends[0]
"""What runs them."""

TYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
CHANNELS = (1, 3)
PRECISIONS = {"FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "INT8": "int8", "UINT8": "int8"}

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The one image that a model takes."""

    name: str
    dtype: Any
    """numpy's type of its values."""
    channels_last: bool
    channels: int
    height: int | None
    """None where it is free."""
    width: int | None

    @classmethod
    def of(cls, inputs: Any, path: Path) -> "Signature":
        """Read a session's inputs.

        Raises:
            IncompatibleError: not one image-like input; the message lists what there is.
        """
        found = ", ".join(f"{i.name}: {i.type} {_sides(i.shape)}" for i in inputs) or "none"
        error = IncompatibleError(
            f"'{path}' takes {found}; what can be timed takes one image: a batch of 1, 3 (or 1) channels, "
            f"height and width, in this order or channels last, of {', '.join(TYPES)}"
        )
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in TYPES:
            raise error
        sides = [side if isinstance(side, int) and side > 0 else None for side in inputs[0].shape]
        first, last = sides[1] in CHANNELS, sides[3] in CHANNELS
        channels = sides[1] if first else sides[3]
        if sides[0] not in (None, 1) or not (first or last) or channels is None:
            raise error
        height, width = sides[2:] if first else sides[1:3]
        return cls(
            name=inputs[0].name,
            dtype=TYPES[inputs[0].type],
            channels_last=not first,
            channels=channels,
            height=height,
            width=width,
        )

    @property
    def sizes(self) -> tuple[Shape, ...]:
        """(height, width) that it is made for; empty where a side is free."""
        return ((self.height, self.width),) if self.height and self.width else ()

    def takes(self, shape: Shape) -> bool:
        """Whether an image of this (height, width) fits its fixed sides."""
        return self.height in (None, shape[0]) and self.width in (None, shape[1])

    def feed(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """Return (H, W, 3) uint8 as the model takes it."""
        pixels: NDArray[Any] = image if self.channels == 3 else image[:, :, 1:2]
        if not self.channels_last:
            pixels = pixels.transpose(2, 0, 1)
        values = np.ascontiguousarray(pixels[None], self.dtype)
        if self.dtype is not np.uint8:
            values *= values.dtype.type(1 / 255)
        return values


class PeerModel:
    """A model that is ready to run; a context manager, called with a (H, W, 3) uint8 image.

    Args:
        path: the ``.onnx`` file.
        threads: CPU threads; None leaves them to ONNX Runtime.
        device: as ONNX Runtime's runtime calls it.

    Raises:
        BackendError: ONNX Runtime cannot load it.
        IncompatibleError: it does not take one image.
    """

    def __init__(self, path: Path, *, threads: int | None = None, device: str = "cpu") -> None:
        ort = library()
        options = session_options(threads)
        try:
            self._session = ort.InferenceSession(path, options, providers=[PROVIDERS[device]])
        except Exception as error:  # ONNX Runtime's own exception classes have no common base
            raise BackendError(f"ONNX Runtime cannot load '{path}': {reason(error)}") from error
        self.signature = Signature.of(self._session.get_inputs(), path)
        self.device = device
        self.timings: dict[str, float] = {}
        """As `Runtime.timings`."""

    @property
    def provider(self) -> str:
        """What really runs it."""
        return f"ONNX Runtime {library().__version__} {self._session.get_providers()[0]}"

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Run it; the result is 8-bit pixels where the first output is an image, else None."""
        started = time.perf_counter()
        feed = self.signature.feed(image)
        ready = time.perf_counter()
        try:
            output = self._session.run(None, {self.signature.name: feed})[0]
        except Exception as error:
            raise BackendError(f"ONNX Runtime failed: {reason(error)}") from error
        done = time.perf_counter()
        result = self._levels(np.asarray(output))
        moments = (started, ready, done, time.perf_counter())
        stages = ("prepare", "model", "finish")
        self.timings = {s: 1e3 * (b - a) for s, a, b in zip(stages, moments, moments[1:], strict=False)}
        self.timings["total"] = 1e3 * (moments[-1] - started)
        return result

    def _levels(self, output: NDArray[Any]) -> NDArray[np.uint8] | None:
        channels = output.shape[-1 if self.signature.channels_last else 1] if output.ndim == 4 else 0
        if channels not in CHANNELS:
            return None
        pixels = output[0] if self.signature.channels_last else output[0].transpose(1, 2, 0)
        if output.dtype == np.uint8:
            return np.ascontiguousarray(pixels)
        levels = np.nan_to_num(np.clip(pixels, 0, 1)) * 255
        return np.ascontiguousarray(np.rint(levels).astype(np.uint8))

    def close(self) -> None:
        """Let go of the session."""
        del self._session

    def __enter__(self) -> "PeerModel":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def peer_subject(path: Path) -> Subject:
    """Return the record of a model file.

    Raises:
        UsageError: there is no such file, or it is not called ``.onnx``.
    """
    if not path.is_file() or path.suffix != ".onnx":
        absent = "" if path.exists() else ", which does not exist"
        raise UsageError(f"--onnx takes .onnx files, got '{path}'{absent}")
    precision, size = "unknown", None
    with suppress(ImportError):
        precision, size = _facts(path)
    return Subject(
        name=path.stem,
        target=ONNXTarget.name,
        precision=precision,
        form="whole",
        files={path.name: file_hash(path)},
        bytes=size,
    )


def library() -> Any:
    """Return the module of ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("timing ONNX models", BACKEND.extra) from error
    return onnxruntime


def _facts(path: Path) -> tuple[str, int | None]:
    """Return the type that most weights have, and the bytes of the file with what it keeps beside it."""
    import onnx

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception:  # no model: opening it will say so
        return "unknown", None
    counts: dict[str, int] = {}
    beside = set()
    for tensor in graph.initializer:
        name = onnx.TensorProto.DataType.Name(tensor.data_type)
        counts[name] = counts.get(name, 0) + int(np.prod(tensor.dims))
        beside |= {entry.value for entry in tensor.external_data if entry.key == "location"}
    files = [path, *(path.parent / name for name in beside)]
    size = sum(file.stat().st_size for file in files) if all(f.is_file() for f in files) else None
    most = max(counts, key=lambda name: counts[name], default="")
    return PRECISIONS.get(most, "unknown"), size


def _sides(shape: Any) -> str:
    return "x".join(str(side) if isinstance(side, int) else "?" for side in shape)
