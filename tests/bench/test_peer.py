"""Other people's models: any layout and type, the image that they are given, and what is refused."""

import numpy as np
import pytest

from restorect_edge.bench.peer import PeerModel, peer_subject
from restorect_edge.errors import BackendError, IncompatibleError, UsageError


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 3, 8, 12), "FLOAT"),
        ((1, 8, 12, 3), "FLOAT"),
        (("N", 3, "H", "W"), "FLOAT"),
        ((1, 3, 8, 12), "FLOAT16"),
        ((1, 8, 12, 3), "UINT8"),
    ],
)
def test_an_image_goes_in_and_out(model, bright, shape, dtype):
    with PeerModel(model(shape, dtype), threads=1) as peer:
        restored = peer(bright)
        assert np.abs(restored.astype(int) - 2 * bright.astype(int)).max() <= (dtype == "FLOAT16")
        assert peer.signature.takes((8, 12))
        assert peer.signature.takes((16, 16)) is ("H" in shape)
        parts = [peer.timings[stage] for stage in ("prepare", "model", "finish")]
        assert all(ms > 0 for ms in parts)
        assert sum(parts) == pytest.approx(peer.timings["total"])
        assert peer.provider.endswith("CPUExecutionProvider")


def test_one_channel_is_the_green_one(model, bright):
    with PeerModel(model((1, 1, 8, 12)), threads=1) as peer:
        assert np.array_equal(peer(bright)[:, :, 0], 2 * bright[:, :, 1])


@pytest.mark.parametrize(
    ("shape", "dtype", "inputs", "said"),
    [
        ((1, 3, 8, 12), "FLOAT", 2, r"x0: tensor\(float\) 1x3x8x12, x1: tensor\(float\) 1x3x8x12"),
        ((1, 128), "FLOAT", 1, r"x0: tensor\(float\) 1x128"),
        ((1, 64, 8, 12), "FLOAT", 1, "1x64x8x12"),
        ((4, 3, 8, 12), "FLOAT", 1, "4x3x8x12"),
        ((1, "C", "H", "W"), "FLOAT", 1, r"1x\?x\?x\?"),
        ((1, 3, 8, 12), "INT64", 1, r"tensor\(int64\)"),
    ],
)
def test_what_takes_no_image_is_refused(model, shape, dtype, inputs, said):
    with pytest.raises(IncompatibleError, match=rf"takes .*{said}.*; what can be timed takes one image"):
        PeerModel(model(shape, dtype, inputs=inputs))


def test_what_is_no_model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"none")
    assert peer_subject(path).precision == "unknown"
    with pytest.raises(BackendError, match=r"ONNX Runtime cannot load '.*model\.onnx'"):
        PeerModel(path)


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite"])
def test_a_file_that_is_not_there_or_another_kind(tmp_path, name):
    if not name.endswith(".onnx"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UsageError, match=r"--onnx takes \.onnx files, got"):
        peer_subject(tmp_path / name)


@pytest.mark.parametrize(("dtype", "precision"), [("FLOAT", "fp32"), ("FLOAT16", "fp16"), ("UINT8", "int8")])
def test_the_record_of_a_model(model, dtype, precision):
    path = model((1, 3, 8, 12), dtype, name="their-model")
    found = peer_subject(path)
    assert (found.name, found.target, found.precision) == ("their-model", "onnx", precision)
    assert found.bytes == path.stat().st_size
    assert list(found.files) == ["their-model.onnx"]
