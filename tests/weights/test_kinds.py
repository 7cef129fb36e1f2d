"""Files that exist and are no weights of this package: what they are, and what to do."""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from importlib import import_module

import pytest
import torch
from PIL import Image

from restorect_edge.cli.export import main
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models.weights import load_weights
from restorect_edge.targets.loading import load
from restorect_edge.weights import locate

NOISE = bytes([0xF3, *range(0xFF, 0x0F, -7)])
NETWORK = torch.nn.Conv2d(3, 3, 3, padding=1)


def saved(content, **options) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return stream.getvalue()


def onnx() -> bytes:
    from onnx import helper

    return helper.make_model(helper.make_graph([], "g", [], []), producer_name="p").SerializeToString()


def packed(kind: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{kind}") as made:
        made.addfile(tarfile.TarInfo("net.pth"))
    return stream.getvalue()


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    return stream.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
CHECKPOINT, CUT = "a checkpoint of torch.save", "a zip archive without its end"
FILES = {
    "esrgan.pth": (lambda: saved(NETWORK.state_dict()), CHECKPOINT),
    "model.ckpt": (lambda: saved({"state_dict": NETWORK.state_dict()}), CHECKPOINT),
    "old.pth": (lambda: saved(NETWORK.state_dict(), _use_new_zipfile_serialization=False), CHECKPOINT),
    "noend.pth": (lambda: saved(NETWORK.state_dict())[:-40], CUT),
    "half.pt2": (lambda: saved(NETWORK.state_dict())[:500], CUT),
    "script.pt": (
        lambda: archive("net/data.pkl", "net/code/x.py", "net/constants.pkl"),
        "a TorchScript program",
    ),
    "program.pt": (
        lambda: archive("p/models/model.json", "p/archive_format"),
        "a program of torch.export.save",
    ),
    "model.onnx": (onnx, "an ONNX model"),
    "model.mlmodel": (lambda: b"\x08\x08\x12\x10\n\x0e\n\x05image" + bytes(50), "a Core ML model"),
    "unnamed": (lambda: b"\x08\x08\x12\x10\n\x0e\n\x05image" + bytes(50), "a Core ML model"),
    "net.tflite": (lambda: b"\x1c\0\0\0TFL3" + bytes(50), "a LiteRT model"),
    "net.ort": (lambda: b"\x18\0\0\0ORTM" + bytes(50), "a model in ONNX Runtime's own format"),
    "net.pte": (lambda: b"\x1c\0\0\0ET12" + bytes(50), "an ExecuTorch program"),
    "net.engine": (lambda: b"ftrt" + NOISE, "a TensorRT engine"),
    "net.trt": (lambda: NOISE, "a TensorRT engine"),
    "net.mnn": (lambda: NOISE, "an MNN model"),
    "net.pb": (lambda: b"\n\x10\n\x05input\x12\x0bPlaceholder" + NOISE, "a TensorFlow model"),
    "net.pdparams": (lambda: pickle.dumps({"a": 1}, 2), "a PaddlePaddle model"),
    "net.param": (lambda: b"7767517\n75 83\nInput data 0 1 data\n", "a description of an ncnn network"),
    "net.bin": (lambda: NOISE, "a file of bare numbers"),
    "net.xml": (lambda: b'<?xml version="1.0"?><net/>', "a model of OpenVINO"),
    "drawing.svg": (lambda: b'<?xml version="1.0"?><svg/>', "a text file"),
    "net.h5": (lambda: b"\x89HDF\r\n\x1a\n", "an HDF5 file of Keras"),
    "net.keras": (lambda: archive("metadata.json", "model.weights.h5"), "an HDF5 file of Keras"),
    "net.gguf": (lambda: b"GGUF\3\0\0\0", "a GGUF file"),
    "arrays.npz": (lambda: archive("a.npy", "b.npy"), "a file of NumPy arrays"),
    "weights.zip": (lambda: archive("lowlight.safetensors"), "a zip archive"),
    "cut.zip": (lambda: archive("a", "b")[:40], CUT),
    "weights.tar": (lambda: packed(""), "a packed archive"),
    "weights.tgz": (lambda: packed("gz"), "a packed archive"),
    "weights.tar.xz": (lambda: packed("xz"), "a packed archive"),
    "weights.7z": (lambda: b"7z\xbc\xaf\x27\x1c" + NOISE, "a packed archive"),
    **{f"objects{n}.pkl": (lambda n=n: pickle.dumps({"a": 1}, n), "a pickle of Python") for n in range(6)},
    "photo.png": (lambda: picture("PNG"), "a picture"),
    "photo.jpg": (lambda: picture("JPEG"), "a picture"),
    "photo.gif": (lambda: picture("GIF"), "a picture"),
    "photo.webp": (lambda: picture("WEBP"), "a picture"),
    "photo.tif": (lambda: picture("TIFF"), "a picture"),
    "film.mp4": (lambda: b"\0\0\0\x20ftypisom" + bytes(50), "a video"),
    "lfs.pth": (lambda: POINTER, "a pointer of Git LFS"),
    "lfs.safetensors": (lambda: POINTER, "a pointer of Git LFS"),
    "blocked.pth": (lambda: b"\n<!DOCTYPE html><html><head>", "a web page"),
    "network.py": (lambda: b"import torch\n", "Python source"),
    "options.yml": (lambda: b"scale: 4\n", "a file of settings"),
    "manifest.json": (lambda: b"{}", "a file of settings"),
    "notes.txt": (lambda: "Gewichte für größere Bilder\n".encode() * 30, "a text file"),
    "text.pt2": (lambda: b"hello", "a text file"),
    "text.onnx": (lambda: b"hello", "a text file"),
    "paper.pdf": (lambda: b"%PDF-1.7", "a PDF document"),
    "net.so": (lambda: b"\x7fELF" + NOISE, "an executable"),
    "zeros.safetensors": (lambda: bytes(1000), "nothing but zero bytes"),
    "noise.pth": (lambda: NOISE, "of no kind that is known here"),
    "nothing.safetensors": (lambda: b"", "empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_told_by_its_content(name, tmp_path, monkeypatch):
    content, what = FILES[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content())
    for source in (name, str(tmp_path / name)):
        with pytest.raises(
            IncompatibleError, match=f"'.*{name}' is {what}.*, not weights of this package: ."
        ):
            locate(source)


def test_the_command_line_says_it_in_one_line(tmp_path, capsys):
    (tmp_path / "esrgan.pth").write_bytes(saved(NETWORK.state_dict()))
    assert (
        main(["--target", "onnx", "--weights", str(tmp_path / "esrgan.pth"), "-o", str(tmp_path / "out")])
        == 4
    )
    err = capsys.readouterr().err
    assert "is a state dict of 2 tensors" in err
    assert "load_state_dict" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["gone.pth", "x/gone.safetensors", "gone.onnx"])
def test_a_file_that_is_not_there_is_no_misspelt_name(name):
    with pytest.raises(UsageError, match=f"no weights at '{name}'"):
        locate(name)


def test_a_folder_is_no_weights(tmp_path):
    with pytest.raises(UsageError, match=r"is a folder: weights are a \.safetensors file or a shipped name$"):
        locate(tmp_path)
    (tmp_path / "net.pth").write_bytes(b"")
    with pytest.raises(UsageError, match=r"a shipped name; in it: net\.pth"):
        locate(tmp_path)


@pytest.mark.parametrize(
    ("folder", "file", "what"),
    [
        ("net.mlpackage", "Manifest.json", "a Core ML model, not weights: an export starts from"),
        ("saved", "saved_model.pb", "a TensorFlow model, not weights: .* tf2onnx"),
        ("out", "manifest.json", "an artifact, not weights: run, evaluate, bench"),
    ],
)
def test_a_folder_that_is_a_model_is_told(folder, file, what, tmp_path):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / file).write_bytes(b"{}")
    with pytest.raises(UsageError, match=f"is {what}"):
        locate(tmp_path / folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(UsageError, match=r"pipe\.pth' is no regular file"):
        locate(tmp_path / "pipe.pth")


VERBS = {
    "run": ["FILE", "photo.jpg"],
    "export": ["--target", "onnx", "--weights", "FILE"],
    "evaluate": ["FILE", "--data", "pairs"],
    "bench": ["FILE"],
    "calibrate": ["--weights", "FILE"],
    "drift": ["FILE"],
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["noend.pth", "net.engine"])
def test_every_verb_says_what_a_file_is(verb, name, tmp_path, monkeypatch, capsys):
    content, what = FILES[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content())
    (tmp_path / "photo.jpg").write_bytes(picture("JPEG"))
    for kind in ("low", "high"):
        (tmp_path / "pairs" / kind).mkdir(parents=True)
        (tmp_path / "pairs" / kind / "a.jpg").write_bytes(picture("JPEG"))
    command = import_module(f"restorect_edge.cli.{verb}").main
    assert command([word.replace("FILE", name) for word in VERBS[verb]]) == 4
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"{name}' is {what}" in said


def test_a_program_is_told_by_its_content_not_by_its_name(tmp_path, capsys):
    path = tmp_path / "program.pth"
    network = torch.nn.Sequential(NETWORK, torch.nn.Sigmoid()).eval()  # whatever the weights, a picture
    torch.export.save(torch.export.export(network, (torch.rand(1, 3, 16, 16),)), path)
    assert main(["--target", "onnx", "--weights", str(path), "-o", str(tmp_path / "out")]) == 0
    assert "program-onnx-fp32-16x16" in capsys.readouterr().out


def test_a_pickled_module_is_named_and_not_run(tmp_path):
    torch.save(torch.nn.Sequential(NETWORK), tmp_path / "whole.pth")
    with pytest.raises(
        IncompatibleError, match=r"holds a Python object \(torch\.nn\.\S*Sequential\).*module\.state_dict"
    ):
        load(tmp_path / "whole.pth")


def safetensors(metadata: dict) -> bytes:
    header = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    ("content", "card", "message"),
    [
        (struct.pack("<Q", 90) + b"{", None, "is not a whole safetensors file"),
        (safetensors({"config": "[1]"}), None, "the entry 'config' of .* is damaged"),
        (safetensors({"config": "{"}), None, "the entry 'config' of .* is damaged"),
        (safetensors({}), None, "does not say which preset"),
        (safetensors({}), b"[]", "is no JSON object"),
        (safetensors({}), b"\xff", "is not JSON"),
        (safetensors({}), b"[" * 100_000, "is not JSON"),
        (safetensors({}), b'{"preset": "nano"}', "does not fit its preset: Error"),
    ],
)
def test_safetensors_of_others_are_refused_in_one_line(tmp_path, content, card, message):
    (tmp_path / "foreign.safetensors").write_bytes(content)
    if card is not None:
        (tmp_path / "foreign.json").write_bytes(card)
    with pytest.raises(IncompatibleError, match=message) as caught:
        load_weights(tmp_path / "foreign.safetensors")
    assert len(str(caught.value).splitlines()) == 1
