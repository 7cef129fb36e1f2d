"""What is to be timed: its record, its sizes, and why it is not timed here."""

import re
import sys
from types import SimpleNamespace

import pytest

from restorect_edge.bench.measure.protocol import FREE_SHAPES
from restorect_edge.bench.subjects import candidates
from restorect_edge.errors import UsageError
from restorect_edge.targets.coreml import units


def test_an_artifact(artifact_openvino):
    (found,) = candidates([str(artifact_openvino.path)])
    assert (found.runtime, found.device, found.task) == ("openvino", "auto", "lowlight")
    assert found.subject.files.keys() == {"model.xml", "model.bin"}
    assert found.subject.bytes == artifact_openvino.bytes
    assert found.quality["psnr_to_float32"] > 80
    assert found.shapes([]) == ((64, 96),)
    assert found.absent() is None
    assert found.refusal((64, 96)) == ""
    assert found.refusal((64, 64)) == "made for 64x96 (height x width), which is not 64x64"
    assert found.work((64, 96)).macs > 1e8


def test_free_sides_take_any_size(artifact_split):
    (found,) = candidates([str(artifact_split.path)])
    assert found.shapes([]) == FREE_SHAPES
    assert found.shapes([(10, 12)]) == ((10, 12),)
    assert found.refusal((999, 1)) == ""
    assert found.work((10, 12)) == found.work((16, 16)), "it pads to multiples of 8"


def test_weights_and_models(model):
    weights, peer = candidates(["lowlight-small"], [model((1, 3, 8, 12))])
    assert (weights.runtime, weights.subject.target, weights.subject.precision) == ("torch", "torch", "fp32")
    assert weights.work((64, 96)) is None
    assert (peer.runtime, peer.task) == ("onnxruntime", None)
    assert peer.work((8, 12)).macs == 0
    assert peer.shapes([]) == ((8, 12),)
    assert peer.refusal((8, 12)) == ""


def test_weights_by_name_need_no_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "restorect_edge.models.community.checkpoint", raising=False)
    (found,) = candidates(["lowlight-nano"])
    assert (found.runtime, found.absent()) == ("onnxruntime", None)


def test_weights_by_name_are_timed_by_the_runtime_that_is_asked_for():
    for runtime in ("onnxruntime", "openvino"):
        (found,) = candidates(["lowlight-nano"], runtime=runtime)
        assert (found.runtime, found.subject.target, found.subject.precision) == (runtime, "onnx", "fp32")
        assert found.shapes([]) == FREE_SHAPES
    with pytest.raises(
        UsageError, match="weights, which runtime 'torch' runs; for runtime 'litert' export it"
    ):
        candidates(["lowlight-nano"], runtime="litert")
    with pytest.raises(UsageError, match="unknown weights 'lowlight-nan'"):
        candidates(["lowlight-nan"], runtime="onnxruntime")


def test_a_model_with_one_free_side(model):
    (peer,) = candidates([], [model((1, 3, 8, "W"))])
    assert peer.shapes([]) == FREE_SHAPES
    assert peer.refusal((8, 99)) == ""
    assert peer.refusal((9, 99)) == "made for 8xany (height x width), which is not 9x99"


def test_another_back_end(artifact_onnx, artifact_coreml):
    (found,) = candidates([str(artifact_onnx.path)], runtime="openvino")
    assert found.runtime == "openvino"
    (interpreted,) = candidates([str(artifact_coreml.path)], runtime="mil")
    assert interpreted.absent() is None
    with pytest.raises(UsageError, match="does not run onnx artifacts; these do: onnxruntime, openvino"):
        candidates([str(artifact_onnx.path)], runtime="mil")
    with pytest.raises(UsageError, match="unknown runtime 'onix'"):
        candidates([str(artifact_onnx.path)], runtime="onix")


def test_two_of_one_kind_are_told_apart(artifact_onnx, artifact_split):
    path = str(artifact_onnx.path)
    one, other, split = candidates([path, f"{path}/", str(artifact_split.path)])
    assert one.subject.name == f"lowlight-small ({path})"
    assert other.subject.name == f"lowlight-small ({path}/)"
    assert split.subject.name == "lowlight-small"


@pytest.mark.skipif(sys.platform == "darwin", reason="says what other systems need")
def test_core_ml_has_a_row_per_compute_unit(artifact_coreml):
    found = candidates([str(artifact_coreml.path)])
    assert [c.device_name() for c in found] == ["cpuOnly", "cpuAndGPU", "cpuAndNeuralEngine", "all"]
    assert [c.device for c in found] == ["cpu", "gpu", "npu", "all"]
    assert all("Core ML predicts on macOS only" in str(c.absent()) for c in found)
    provider = found[0].provider(SimpleNamespace(provider="Core ML on cpu"))
    assert provider.startswith("Core ML on cpu; not planned: Core ML predicts on macOS only")


def test_where_core_ml_means_to_run_it_is_part_of_the_provider(artifact_coreml, monkeypatch):
    """A made-up plan: no system but macOS makes one."""
    plan = units.Placement(operations={"neuralEngine": 3, "cpu": 1}, cost={})
    monkeypatch.setattr(units, "plan_of", lambda package, unit: (package.name, unit))
    seen = []
    monkeypatch.setattr(units, "placement", lambda planned: seen.append(planned) or plan)
    found = candidates([str(artifact_coreml.path)])[3]
    assert found.provider(SimpleNamespace(provider="Core ML on all")).startswith(
        "Core ML on all; planned: neuralEngine 75 % of operations"
    )
    assert seen == [("model.mlpackage", "all")]


def test_a_device_that_is_not_here(artifact_openvino, artifact_tensorrt):
    (found,) = candidates([str(artifact_openvino.path)], device="npu")
    assert "device 'npu' is not available to the openvino runtime; here: cpu" in str(found.absent())
    (engine,) = candidates([str(artifact_tensorrt.path)])
    if engine.absent() is not None:
        assert "NVIDIA GPU" in str(engine.absent())


def test_nothing_to_time():
    with pytest.raises(UsageError, match="nothing to time: give an ARTIFACT"):
        candidates([])


def test_names_that_are_none():
    with pytest.raises(UsageError, match="did you mean 'lowlight-small'"):
        candidates(["lowlight-smal"])


def test_what_is_there_and_unfit_is_a_candidate_that_says_why(tmp_path, model):
    (tmp_path / "net.pth").write_bytes(b"PK\3\4cut")
    found = candidates([str(tmp_path), str(tmp_path / "net.pth"), str(model((4, 3, 8, 12)))])
    reasons = [str(candidate.absent()) for candidate in found]
    for reason, words in zip(
        reasons, ("is not an artifact", "a zip archive without its end", "takes .*4x3x8x12"), strict=True
    ):
        assert re.search(words, reason)


def test_a_model_needs_no_option(model):
    path = model((1, 3, 8, 12))
    (found,) = candidates([str(path)])
    (asked,) = candidates([], [path])
    assert (found.subject, found.sizes) == (asked.subject, asked.sizes)
