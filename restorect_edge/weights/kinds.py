"""What a file is that someone hands over as weights: told by its content, never by unpickling it."""

import zipfile
from pathlib import Path

from restorect_edge.errors import IncompatibleError, UsageError

__all__ = ["CHECKPOINT", "ONNX", "PROGRAM", "SUFFIXES", "check_kind", "kind_of", "there"]

CHECKPOINT, ONNX, PROGRAM = "checkpoint", "onnx", "program"
"""Kinds that can be exported, besides our own weights."""

SUFFIXES = {
    ".safetensors",
    ".pth",
    ".pt",
    ".pt2",
    ".ckpt",
    ".onnx",
    ".bin",
    ".xml",
    ".tflite",
    ".h5",
    ".gguf",
}
"""Ends of names that mean a file, and no name of shipped weights."""

_SAVE = (
    "save torch.export.export(module.eval(), (torch.rand(1, 3, 64, 64),)) with torch.export.save as .pt2 "
    "and export that, or call restorect_edge.export(module, target=...)"
)
_CHECKPOINT = (
    "a checkpoint of torch.save",
    "export, load, evaluate and bench take it, by the extra 'spandrel', where its architecture is known; for "
    f"any other, build the network in Python, call its load_state_dict, then {_SAVE}",
)
_KINDS = {
    "checkpoint": _CHECKPOINT,
    "script": (
        "a TorchScript program",
        f"TorchScript cannot be exported: from the module it was made of, {_SAVE}",
    ),
    "program": (
        "a program of torch.export.save",
        "as a .pt2 file it can be exported: python -m restorect_edge.export --weights FILE.pt2 --target onnx",
    ),
    "onnx": (
        "an ONNX model",
        "export takes it for targets that start there; load, run and evaluate run it; bench --onnx times it",
    ),
    "tflite": ("a LiteRT model", "an export starts from PyTorch"),
    "openvino": ("a model of OpenVINO", "an export starts from PyTorch; an artifact is named by its folder"),
    "hdf5": ("an HDF5 file of Keras", "an export starts from PyTorch"),
    "gguf": ("a GGUF file", "an export starts from PyTorch"),
    "arrays": ("a file of NumPy arrays", f"load them into the network, then {_SAVE}"),
    "zip": ("a zip archive", "unpack it and name the .safetensors file in it"),
    "picture": ("a picture", "it goes behind the weights: python -m restorect_edge.run WEIGHTS PICTURE"),
    "empty": ("empty", "copy or download it again"),
}
"""What a kind is called, and what to do with it."""

_MAGIC = (
    (b"\x80\x02", "checkpoint"),  # a bare pickle, as torch.save wrote before 1.6
    (b"\x89HDF", "hdf5"),
    (b"GGUF", "gguf"),
    (b"\x93NUMPY", "arrays"),
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"<?xml", "openvino"),
    (b"<net", "openvino"),
)


def there(path: Path) -> bool:
    """Whether there is anything at a path; one too long or not to be read is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def check_kind(path: Path) -> Path:
    """Return the path of a safetensors file.

    Raises:
        UsageError: it is a folder, or cannot be read.
        IncompatibleError: it is of another kind; the message says which, and what to do.
    """
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder: weights are a .safetensors file or a shipped name")
    kind = kind_of(path)
    if kind is None:
        return path
    what, advice = _KINDS[kind]
    raise IncompatibleError(f"'{path}' is {what}, not weights of this package: {advice}")


def kind_of(path: Path) -> str | None:
    """Return what a file is, told by its content; None for what may be safetensors, or of no known kind.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return _kind(path, stream.read(64))
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error


def _kind(path: Path, head: bytes) -> str | None:
    """Tell a file by its first bytes; None for what may be safetensors, or is of no known kind."""
    if not head:
        return "empty"
    if head[:2] == b"PK":
        return _kind_of_archive(path)
    if head[4:8] == b"TFL3":
        return "tflite"
    # A protocol buffer whose first field is the version, then the text of the second: no magic number.
    if head[0] == 0x08 and head[2:3] in (b"\x12", b"\x3a", b"\x42"):
        return "onnx"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def _kind_of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] or name for name in archive.namelist()]
    except (zipfile.BadZipFile, ValueError, RuntimeError):
        return "zip"
    if any(name.startswith("code/") or name == "constants.pkl" for name in names):
        return "script"
    if any(name.endswith("exported_program.json") or name.startswith("models/") for name in names) or (
        "archive_format" in names
    ):
        return "program"
    if "data.pkl" in names:
        return "checkpoint"
    return "arrays" if names and all(name.endswith(".npy") for name in names) else "zip"
