"""Files that exist and are no weights of this package: what they are, and what to do."""

import io
import json
import struct
import zipfile

import pytest
import torch

from restorect_edge.cli.export import main
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.models.weights import load_weights
from restorect_edge.weights import locate

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


FILES = {
    "esrgan.pth": (lambda: saved(NETWORK.state_dict()), "a checkpoint of torch.save"),
    "model.ckpt": (lambda: saved({"state_dict": NETWORK.state_dict()}), "a checkpoint of torch.save"),
    "old.pth": (
        lambda: saved(NETWORK.state_dict(), _use_new_zipfile_serialization=False),
        "a checkpoint of torch.save",
    ),
    "script.pt": (
        lambda: archive("net/data.pkl", "net/code/x.py", "net/constants.pkl"),
        "a TorchScript program",
    ),
    "program.pt": (
        lambda: archive("p/models/model.json", "p/archive_format"),
        "a program of torch.export.save",
    ),
    "model.onnx": (onnx, "an ONNX model"),
    "net.tflite": (lambda: b"\x1c\0\0\0TFL3" + bytes(50), "a LiteRT model"),
    "net.xml": (lambda: b'<?xml version="1.0"?><net/>', "a model of OpenVINO"),
    "net.h5": (lambda: b"\x89HDF\r\n\x1a\n", "an HDF5 file of Keras"),
    "net.gguf": (lambda: b"GGUF\3\0\0\0", "a GGUF file"),
    "arrays.npz": (lambda: archive("a.npy", "b.npy"), "a file of NumPy arrays"),
    "weights.zip": (lambda: archive("lowlight.safetensors"), "a zip archive"),
    "cut.zip": (lambda: archive("a", "b")[:40], "a zip archive"),
    "photo.png": (lambda: b"\x89PNG\r\n\x1a\n", "a picture"),
    "nothing.safetensors": (lambda: b"", "empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_told_by_its_content(name, tmp_path, monkeypatch):
    content, what = FILES[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content())
    for source in (name, str(tmp_path / name)):
        with pytest.raises(IncompatibleError, match=f"'.*{name}' is {what}, not weights of this package: ."):
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
    with pytest.raises(UsageError, match=r"is a folder: weights are a \.safetensors file"):
        locate(tmp_path)


def safetensors(metadata: dict) -> bytes:
    header = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(header)) + header


@pytest.mark.parametrize(
    ("content", "card", "message"),
    [
        (b"text", None, "is not a whole safetensors file"),
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
