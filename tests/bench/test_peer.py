"""Other people's models: any layout and type, timed as artifacts of ours, and a row for what cannot be."""

import numpy as np
import pytest

from restorect_edge.bench.peer import Prepared, peer_subject
from restorect_edge.bench.subjects import candidates
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.targets.loading import load


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
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_an_image_goes_in_and_out_of_any_runtime_that_takes_the_file(model, bright, shape, dtype, runtime):
    (found,) = candidates([], [model(shape, dtype)], runtime=runtime)
    assert found.runtime == runtime
    with found.open(1) as peer:
        restored = peer(bright)
        assert np.abs(restored.astype(int) - 2 * bright.astype(int)).max() <= (dtype == "FLOAT16")
        assert {"prepare", "model", "finish", "total"} <= peer.timings.keys()


def test_one_channel_is_the_green_one(model, bright):
    (found,) = candidates([], [model((1, 1, 8, 12))])
    with found.open(1) as peer:
        assert np.array_equal(peer(bright), np.repeat(2 * bright[:, :, 1:2], 3, 2))


UNFIT = [
    ((1, 3, 8, 12), "FLOAT", 2, r"x0: float32 1x3x8x12, x1: float32 1x3x8x12"),
    ((1, 128), "FLOAT", 1, r"x0: float32 1x128"),
    ((1, 64, 8, 12), "FLOAT", 1, "1x64x8x12"),
    ((4, 3, 8, 12), "FLOAT", 1, "4x3x8x12"),
    ((3, 8, 12), "FLOAT", 1, "3x8x12"),
    ((1, "C", "H", "W"), "FLOAT", 1, r"1x\?x\?x\?"),
    ((1, 3, 8, 12), "INT64", 1, "int64"),
]


@pytest.mark.parametrize(("shape", "dtype", "inputs", "said"), UNFIT)
def test_what_takes_no_image_is_refused(model, shape, dtype, inputs, said):
    path = model(shape, dtype, inputs=inputs)
    with pytest.raises(IncompatibleError, match=rf"takes .*{said}.*; what can be run takes one image"):
        Prepared(path)
    with pytest.raises(IncompatibleError, match="takes one image"):
        load(path)


def test_what_cannot_be_timed_is_a_candidate_that_says_why(model, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"none")
    newer = model((1, 3, 8, 12), name="newer", opset=99)
    files = [model((1, 3, 8, 12)), broken, tmp_path / "gone.onnx", newer, model((4, 3, 8, 12), name="four")]
    found = candidates([], files)
    reasons = [str(candidate.absent() or "") for candidate in found]
    assert reasons[0] == ""
    for reason, words in zip(
        reasons[1:],
        ("is a text file, not an ONNX", "there is no file", "cannot load", "4x3x8x12"),
        strict=True,
    ):
        assert words in reason
    assert [candidate.subject.name for candidate in found] == ["theirs", "broken", "gone", "newer", "four"]


def test_a_runtime_that_does_not_take_the_file_is_said(model):
    (found,) = candidates([], [model((1, 3, 8, 12))], runtime="mnn")
    assert "runtime 'mnn' does not run onnx" in str(found.absent())


def test_it_is_scored_beside_ours(model):
    (found,) = candidates([], [model((1, 3, 8, 12))])
    assert found.task is None, "so that it is scored on whatever all are shown"


@pytest.mark.parametrize("content", [None, b"", b"none"])
def test_what_is_no_model(tmp_path, content):
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    assert peer_subject(path).precision == "unknown"
    with pytest.raises((UsageError, IncompatibleError)):
        Prepared(path)


@pytest.mark.parametrize(("dtype", "precision"), [("FLOAT", "fp32"), ("FLOAT16", "fp16"), ("UINT8", "int8")])
def test_the_record_of_a_model(model, dtype, precision):
    path = model((1, 3, 8, 12), dtype, name="their-model")
    found = peer_subject(path)
    assert (found.name, found.target, found.precision) == ("their-model", "onnx", precision)
    assert found.bytes == path.stat().st_size
    assert list(found.files) == ["their-model.onnx"]
