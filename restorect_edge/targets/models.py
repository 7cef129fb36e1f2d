"""Model files of somebody else, as artifacts that any backend which reads their format runs."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from restorect_edge.artifact import Artifact, GraphFile, Manifest, file_hash, hash_files
from restorect_edge.errors import IncompatibleError, MissingDependencyError
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.registry import TARGETS
from restorect_edge.weights import names
from restorect_edge.weights.kinds import kind_of, there

__all__ = [
    "as_artifact",
    "is_model",
    "opened",
    "quantized",
    "reference",
    "runner_of",
    "spec_of",
    "starting_at",
]


def is_model(source: str | Path) -> bool:
    """Whether a file is a model that a target's room can open, told by its content."""
    path = Path(source)
    if str(source) in names() or not there(path) or not path.is_file():
        return False
    return kind_of(path) in _starts()


def opened(path: Path) -> Any:
    """Open a model by the room of its format.

    Raises:
        IncompatibleError: it is damaged, or takes something other than one image.
        MissingDependencyError: the room's library is not installed.
    """
    kind = str(kind_of(path))
    if kind not in _starts():
        raise IncompatibleError(f"'{path}' is no model of {', '.join(sorted(_starts()))}")
    try:
        module = importlib.import_module(f"{type(TARGETS[kind]).__module__}.foreign")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"opening '{path.name}'", "export", detail=str(error)) from error
    return module.ForeignModel(path)


def reference(model: Any, path: Path) -> Any:
    """Return an adapted model of a file as a function (1, 3, H, W) → (1, 3, scale·H, scale·W) of arrays.

    Args:
        model: as its ``adapted`` returns it.
        path: of the file, whose content names the room.
    """
    module = importlib.import_module(f"{type(TARGETS[str(kind_of(path))]).__module__}.foreign")
    return module.reference(model, path)


def runner_of(path: Path) -> str:
    """Return the label of what runs a model of a file as it is written."""
    return TARGETS[str(kind_of(path))].backends[0].label


def quantized(model: Any, path: Path, samples: Any, frames: Any, *, saturation_safe: bool) -> Any:
    """Return the INT8 form of an adapted model of a file, by the room of its format.

    It has `model`, `floats`, `with_float` and `rows`, as a `QuantizedGraph` of `restorect_edge.targets.onnx`.

    Args:
        model: as its ``adapted`` returns it.
        path: of the file, whose content names the room.
        samples: photographs, (1, 3, H, W) in [0, 1].
        frames: what ranges must hold besides, the same shape.
        saturation_safe: leave room for the 16-bit sums of CPUs without VNNI.

    Raises:
        IncompatibleError: the model is quantized already.
        BackendError: it cannot be quantized.
    """
    module = importlib.import_module(f"{type(TARGETS[str(kind_of(path))]).__module__}.int8")
    return module.quantized(model, samples, frames, saturation_safe=saturation_safe)


def as_artifact(path: Path, folder: Path, spec: ImageSpec | None = None, *, model: Any = None) -> Artifact:
    """Write a model as an artifact that is not verified; nothing says which network it stands for.

    Args:
        path: of the model.
        folder: an empty one.
        spec: what it takes, and which values it has; None to find its sides by running the model.
        model: that file, where it is opened already.

    Raises:
        IncompatibleError, BackendError: it cannot be run as an image → image network.
    """
    model = model or opened(path)
    values = spec
    spec = (spec or model.described()).of_artifact
    kind = str(kind_of(path))
    file = folder / f"model.{TARGETS[kind].format}"
    model.write(file, values)
    manifest = Manifest(
        name=path.stem,
        task="custom",
        target=kind,
        precision="fp32",
        form="whole",
        spec=spec,
        graphs=(GraphFile(role="whole", file=file.name, shape=model.signature.shape),),
        weights={"name": path.stem, "sha256": file_hash(path)},
        files=hash_files(folder),
    )
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return Artifact.open(folder)


def spec_of(source: str | Path, values: Mapping[str, Any]) -> ImageSpec | None:
    """Return the spec of a model whose values are said and whose sides are found by running it.

    Args:
        source: of the model; or of anything else, which brings its own spec.
        values: by fields of `ImageSpec`, such as ``input_range``.

    Returns:
        The spec; None where no values are said, or the source is no model.
    """
    if not values or not is_model(source):
        return None
    found: ImageSpec = opened(Path(source)).described()
    return replace(found, **values)


def starting_at(source: str | Path) -> list[str]:
    """Return the targets whose converters take a model, which `is_model` told."""
    kind = kind_of(Path(source))
    return [name for name, target in TARGETS.items() if kind in target.starts_from]


def _starts() -> set[str]:
    return {kind for target in TARGETS.values() for kind in target.starts_from}
