"""What a file is that someone hands over as weights: told by its content, never by unpickling it."""

from pathlib import Path

from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.weights.magic import LONGEST, kind_of_file, kind_of_folder

__all__ = [
    "CHECKPOINT",
    "ONNX",
    "PROGRAM",
    "SUFFIXES",
    "check_kind",
    "folder_words",
    "is_program",
    "kind_of",
    "there",
    "words",
]

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
    ".engine",
    ".plan",
    ".trt",
    ".mnn",
    ".mlmodel",
    ".pkl",
    ".pb",
}
"""Ends of names that mean a file, and no name of shipped weights."""

_SAVE = (
    "save torch.export.export(module.eval(), (torch.rand(1, 3, 64, 64),)) with torch.export.save as .pt2 "
    "and export that, or call restorect_edge.export(module, target=...)"
)
_START = "an export starts from PyTorch or ONNX: name the checkpoint or ONNX file that it was made from"
_NAME = "name a checkpoint, a .safetensors, .pt2 or .onnx file, or shipped weights"
_AGAIN = "copy or download it again"
_KINDS = {
    "checkpoint": (
        "a checkpoint of torch.save",
        "export, load, evaluate and bench take it, by the extra 'spandrel', where its architecture is known; "
        f"for any other, build the network in Python, call its load_state_dict, then {_SAVE}",
    ),
    "script": (
        "a TorchScript program",
        "TorchScript cannot be exported: save torch.jit.load(FILE).state_dict() with torch.save, which does "
        f"where spandrel knows the architecture; or, from the module it was made of, {_SAVE}",
    ),
    "program": (
        "a program of torch.export.save",
        "it can be exported: python -m restorect_edge.export --weights FILE --target onnx",
    ),
    "onnx": (
        "an ONNX model",
        "export takes it for targets that start there; load, run and evaluate run it; bench --onnx times it",
    ),
    "pickle": (
        "a pickle of Python objects",
        "only running code that it holds would tell what is in it, which is not done: save "
        "module.state_dict() with torch.save, or as .safetensors",
    ),
    "tflite": ("a LiteRT model", _START),
    "ort": ("a model in ONNX Runtime's own format", "name the .onnx file that it was made from"),
    "executorch": ("an ExecuTorch program", _START),
    "engine": (
        "a TensorRT engine",
        "an engine is built for one GPU from an ONNX file: name that file",
    ),
    "openvino": ("a model of OpenVINO", f"{_START}; an artifact is named by its folder"),
    "blob": (
        "a file of bare numbers or of no known kind",
        "name the file that describes the network: its checkpoint, .onnx, or an artifact's folder",
    ),
    "coreml": ("a Core ML model", _START),
    "mnn": ("an MNN model", _START),
    "ncnn": ("a description of an ncnn network", _START),
    "tensorflow": ("a TensorFlow model", f"{_START}; tf2onnx makes ONNX of TensorFlow"),
    "caffe": ("a Caffe model", _START),
    "paddle": ("a PaddlePaddle model", f"{_START}; paddle2onnx makes ONNX of Paddle"),
    "hdf5": ("an HDF5 file of Keras", f"{_START}; tf2onnx makes ONNX of Keras"),
    "gguf": ("a GGUF file", _START),
    "arrays": ("a file of NumPy arrays", f"load them into the network, then {_SAVE}"),
    "zip": ("a zip archive", "unpack it and name the file of weights in it"),
    "packed": ("a packed archive", "unpack it and name the file of weights in it"),
    "cut": (
        "a zip archive without its end, as a .pth or .pt2 is after an interrupted download",
        _AGAIN,
    ),
    "picture": ("a picture", "it goes behind the weights: python -m restorect_edge.run WEIGHTS PICTURE"),
    "video": ("a video", "it goes behind the weights: python -m restorect_edge.run WEIGHTS VIDEO"),
    "pointer": ("a pointer of Git LFS in place of the file", "fetch the file itself: git lfs pull"),
    "page": (
        "a web page",
        "a page came instead of the file: open the link in a browser and download the file itself",
    ),
    "source": ("Python source", f"build the network, load its state dict, then {_SAVE}"),
    "settings": (
        "a file of settings",
        "name the tensors that it belongs to, or an artifact's folder",
    ),
    "text": ("a text file", _NAME),
    "document": (
        "a PDF document",
        _NAME,
    ),
    "program of the system": (
        "an executable or library",
        _NAME,
    ),
    "zeros": ("nothing but zero bytes, as an interrupted download leaves it", _AGAIN),
    "unknown": (
        "of no kind that is known here, or damaged",
        f"{_NAME}; if it is one, {_AGAIN}",
    ),
    "empty": ("empty", _AGAIN),
}
"""What a kind is called, and what to do with it."""

_FOLDERS = {
    "artifact": (
        "an artifact",
        "run, evaluate, bench, verify and inspect take it",
    ),
    **{kind: _KINDS[kind] for kind in ("coreml", "tensorflow")},
}


def there(path: Path) -> bool:
    """Whether there is anything at a path; one too long or not to be read is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_program(source: str | Path) -> bool:
    """Whether a file is a program of `torch.export.save`."""
    path = Path(source)
    return there(path) and path.is_file() and kind_of(path) == PROGRAM


def check_kind(path: Path) -> Path:
    """Return the path of a safetensors file.

    Raises:
        UsageError: it is a folder, or cannot be read.
        IncompatibleError: it is of another kind; the message says which, and what to do.
    """
    if path.is_dir():
        raise UsageError(f"'{path}' is {folder_words(path)}")
    kind = kind_of(path)
    if kind is None:
        return path
    what, advice = _KINDS[kind]
    raise IncompatibleError(f"'{path}' is {what}, not weights of this package: {advice}")


def words(path: Path) -> str:
    """Say what a file or folder is."""
    if path.is_dir():
        return _FOLDERS.get(kind_of_folder(path), ("a folder", ""))[0]
    kind = kind_of(path)
    return "a safetensors file" if kind is None else _KINDS[kind][0]


def folder_words(path: Path) -> str:
    """Say what a folder is that was handed over as weights, and what to do."""
    known = _FOLDERS.get(kind_of_folder(path))
    if known is not None:
        return f"{known[0]}, not weights: {known[1]}"
    held = sorted(file.name for file in path.iterdir() if file.suffix.lower() in SUFFIXES)[:3]
    inside = f"; in it: {', '.join(held)}" if held else ""
    return f"a folder: weights are a .safetensors file or a shipped name{inside}"


def kind_of(path: Path) -> str | None:
    """Return what a file is, told by its content; None for what may be safetensors.

    Raises:
        UsageError: it cannot be read.
    """
    if not path.is_file():  # to open a pipe would wait for who writes to it
        raise UsageError(f"'{path}' is no regular file")
    try:
        with path.open("rb") as stream:
            return kind_of_file(path, stream.read(LONGEST))
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
