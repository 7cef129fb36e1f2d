"""Other people's model files: made artifacts of our own kind, so that they are timed and scored as ours are.

Runtime, 8-bit conversion, padding and the process that memory is measured in are the same ones. What their
values mean is not known but by who names them: without that they are given [0, 1], or 8 bits where they take
those.
"""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from restorect_edge.artifact import Artifact, file_hash
from restorect_edge.bench.measure.record import Subject
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.targets.models import as_artifact, is_model, opened, spec_of
from restorect_edge.weights.kinds import there, words

__all__ = ["Prepared", "peer_subject"]

KIND = "onnx"
PRECISIONS = {"FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "INT8": "int8", "UINT8": "int8"}


class Prepared:
    """A model as an artifact in a temporary folder, which goes when this does.

    Args:
        path: of the model.
        values: that it has as inputs and outputs, by field of `ImageSpec`, where those are not [0, 1].

    Raises:
        UsageError: there is no such file.
        IncompatibleError: it is no model, or does not take and give one image.
        BackendError, MissingDependencyError: it cannot be looked at.
    """

    def __init__(self, path: Path, values: Mapping[str, Any] = MappingProxyType({})) -> None:
        if not there(path):
            raise UsageError(f"there is no file '{path}'")
        if not is_model(path):
            raise IncompatibleError(
                f"'{path}' is {words(path)}, not an ONNX model; artifacts and weights go without --onnx"
            )
        folder = Path(tempfile.mkdtemp(prefix="restorect-peer-"))
        weakref.finalize(self, shutil.rmtree, folder, True)
        model = opened(path)
        self.sides: tuple[int | None, int | None] = (model.signature.height, model.signature.width)
        """Height and width that it is made for; None where one is free."""
        self.artifact: Artifact = as_artifact(path, folder, spec_of(path, values), model=model)


def peer_subject(path: Path) -> Subject:
    """Return the record of a model file, as far as it can be read."""
    precision, size = "unknown", None
    with suppress(ImportError):
        precision, size = _facts(path)
    return Subject(
        name=path.stem,
        target=KIND,
        precision=precision,
        form="whole",
        files={path.name: file_hash(path)} if path.is_file() else {},
        bytes=size,
    )


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
