"""What kind of file something is, by its first bytes; by its suffix where a format has no mark of its own."""

import zipfile
from pathlib import Path

__all__ = ["LONGEST", "kind_of_file", "kind_of_folder"]

LONGEST = 512
"""Bytes from the beginning of a file that are looked at: a tar archive has its mark at 257."""

_MAGIC = (
    # torch.save before 1.6: a pickle whose first value is a number of its own
    (0, b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20", "checkpoint"),
    (0, b"\x80\x02", "pickle"),
    (0, b"\x80\x03", "pickle"),
    (0, b"\x80\x04", "pickle"),
    (0, b"\x80\x05", "pickle"),
    (4, b"TFL3", "tflite"),
    (4, b"ORTM", "ort"),
    (4, b"ET12", "executorch"),
    (0, b"ftrt", "engine"),
    (0, b"ptrt", "engine"),
    (0, b"\x89HDF", "hdf5"),
    (0, b"GGUF", "gguf"),
    (0, b"\x93NUMPY", "arrays"),
    (0, b"\x1f\x8b", "packed"),
    (0, b"BZh", "packed"),
    (0, b"\xfd7zXZ", "packed"),
    (0, b"7z\xbc\xaf", "packed"),
    (0, b"Rar!", "packed"),
    (0, b"\x28\xb5\x2f\xfd", "packed"),
    (257, b"ustar", "packed"),
    (0, b"\x89PNG", "picture"),
    (0, b"\xff\xd8\xff", "picture"),
    (0, b"GIF8", "picture"),
    (0, b"II*\0", "picture"),
    (0, b"MM\0*", "picture"),
    (8, b"WEBP", "picture"),
    (4, b"ftypavif", "picture"),
    (4, b"ftyphei", "picture"),
    (4, b"ftypmif1", "picture"),
    (4, b"ftyp", "video"),
    (8, b"AVI ", "video"),
    (0, b"\x1aE\xdf\xa3", "video"),
    (0, b"\x7fELF", "program of the system"),
    (0, b"MZ", "program of the system"),
    (0, b"%PDF", "document"),
)
"""Where a mark stands, the mark, and the kind."""

_TEXTS = (
    ("version https://git-lfs", "pointer"),
    ("<!doctype html", "page"),
    ("<html", "page"),
    ("<net", "openvino"),
    ("7767517", "ncnn"),
)
"""How a text begins, in lower case, and its kind."""

_SUFFIXES = {
    ".mlmodel": "coreml",
    ".mnn": "mnn",
    ".param": "ncnn",
    ".bin": "blob",
    ".pb": "tensorflow",
    ".caffemodel": "caffe",
    ".prototxt": "caffe",
    ".pdmodel": "paddle",
    ".pdparams": "paddle",
    ".pdiparams": "paddle",
    ".engine": "engine",
    ".pkl": "pickle",
    ".plan": "engine",
    ".trt": "engine",
    ".bmp": "picture",
    ".py": "source",
    ".ipynb": "source",
    ".json": "settings",
    ".yml": "settings",
    ".yaml": "settings",
    ".toml": "settings",
}
"""Kinds of files without a mark, which only their name tells."""

_LARGEST_HEADER = 100_000_000
"""Bytes: what the safetensors library allows the description of tensors to be."""


def kind_of_file(path: Path, head: bytes) -> str | None:
    """Tell a file.

    Args:
        path: its name, and what is opened where it is an archive.
        head: its first `LONGEST` bytes, or all.

    Returns:
        The kind; None for what is safetensors by its first bytes, or by its suffix and nothing else.
    """
    if not head:
        return "empty"
    if head[:2] == b"PK":
        return _kind_of_archive(path, head)
    marked = next((kind for at, mark, kind in _MAGIC if head.startswith(mark, at)), None)
    if marked is not None:
        return "paddle" if _SUFFIXES.get(path.suffix.lower()) == "paddle" else marked
    if _is_safetensors(head):
        return None
    return _without_mark(path, head)


def _without_mark(path: Path, head: bytes) -> str | None:
    suffix = path.suffix.lower()
    if not head.strip(b"\0"):
        return "zeros"
    text = _text(head)
    if text is None and _is_protobuf_model(head):
        # the second field of Core ML is a message, that of ONNX the name of what wrote it
        message = head[2:3] == b"\x12" and head[4:5] < b" "
        return "coreml" if message or suffix == ".mlmodel" else "onnx"
    if text is not None and (begun := _kind_of_text(text)):
        return begun
    known = _SUFFIXES.get(suffix)
    if known is not None:
        return known
    if text is not None:
        return "text"
    return None if suffix == ".safetensors" else "unknown"


def _is_protobuf_model(head: bytes) -> bool:
    """Whether a protocol buffer begins with a version, then text: ONNX and Core ML have no mark."""
    return head[0] == 0x08 and head[2:3] in (b"\x12", b"\x3a", b"\x42")


def _is_safetensors(head: bytes) -> bool:
    """Whether a file begins with the length of a JSON object, and that object."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LARGEST_HEADER


def _text(head: bytes) -> str | None:
    """Return the beginning of a file as text, None where it is none."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else the last character is cut
            return None
        text = head[: error.start].decode("utf-8-sig")
    return text if all(c.isprintable() or c in "\t\r\n\f" for c in text) else None


def _kind_of_text(text: str) -> str | None:
    told = text.lower().lstrip()
    if told.startswith("<?xml"):
        return "openvino" if "<net" in told else "text"
    return next((kind for begin, kind in _TEXTS if told.startswith(begin)), None)


def _kind_of_archive(path: Path, head: bytes) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] or name for name in archive.namelist()]
    except (zipfile.BadZipFile, ValueError, RuntimeError):
        return "cut"  # the list of files stands at the end
    if any(name.startswith("code/") or name == "constants.pkl" for name in names):
        return "script"
    if any(name.endswith("exported_program.json") or name.startswith("models/") for name in names) or (
        "archive_format" in names
    ):
        return "program"
    if "data.pkl" in names:
        return "checkpoint"
    if any(name.endswith(".weights.h5") for name in names):
        return "hdf5"
    return "arrays" if names and all(name.endswith(".npy") for name in names) else "zip"


def kind_of_folder(path: Path) -> str:
    """Tell a folder: ``artifact``, ``package``, ``tensorflow`` or ``folder``."""
    if (path / "manifest.json").is_file():
        return "artifact"
    if path.suffix.lower() in (".mlpackage", ".mlmodelc"):
        return "coreml"
    return "tensorflow" if (path / "saved_model.pb").is_file() else "folder"
