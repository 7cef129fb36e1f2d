"""Networks that fail on one kind of picture alone do not pass, whatever judges them."""

import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge import QualityError
from restorect_edge.errors import IncompatibleError
from restorect_edge.export.verify.check import check, find_reference
from restorect_edge.export.verify.pictures import pictures
from restorect_edge.targets.onnx.runtime import ONNXRuntime

SHAPE = (32, 48)


class Adds(nn.Module):
    """Adds to a picture what float32 computes as zero, and float16 does not."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        return x + self.error(x)


def above(measure, threshold):
    """What is zero, or not a number in half where `measure` comes near 1: a square beyond 65504."""

    def error(x):
        large = (measure(x) / threshold).clamp(0, 1) * 300.0
        return large.pow(2) / (1 + large.pow(2)) - large.pow(2) / (1 + large.pow(2))

    return error


def contrast(x):
    return (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3), keepdim=True)


def colorfulness(x):
    return (x.amax(1, keepdim=True) - x.amin(1, keepdim=True)).amax(dim=(2, 3), keepdim=True)


BREAKS_ON = {
    "white": above(lambda x: x.mean(dim=(1, 2, 3), keepdim=True), 0.95),
    "black": above(lambda x: 1 - x.amax(dim=(1, 2, 3), keepdim=True), 0.95),
    "noise": above(contrast, 0.32),
    "saturated": above(colorfulness, 0.99),
}


@pytest.mark.parametrize(
    ("kind", "target"),
    [("black", "onnx"), ("noise", "onnx"), ("saturated", "tensorrt"), ("white", "onnx"), ("white", "coreml")],
)
def test_half_precision_is_judged_on_every_kind(tmp_path, kind, target):
    network = Adds(BREAKS_ON[kind])
    options = {"name": kind, "shapes": [SHAPE], "output_dir": tmp_path}
    with pytest.raises(QualityError, match=rf"fail: .* on '\w[\w-]* {SHAPE[0]}x{SHAPE[1]}'.*not kept"):
        restorect_edge.export(network, target=target, precision="fp16", **options)
    assert not list(tmp_path.iterdir())


class SumOfSquares(nn.Module):
    """Squares of levels, summed: beyond float16's 65504 on bright pictures, or with `scale` on all."""

    def __init__(self, scale):
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.scale = scale

    def forward(self, x):
        levels = x * self.scale
        return x + 0.5 * self.layer(x) / (1 + levels.pow(2).sum(1, keepdim=True).sqrt() / self.scale)


@pytest.mark.parametrize("target", ["onnx", "tensorrt", "coreml"])
@pytest.mark.parametrize("scale", [255.0, 8000.0])
def test_what_overflows_in_half_fails_though_float32_would_pass(tmp_path, target, scale):
    options = {"name": "squares", "shapes": [SHAPE], "output_dir": tmp_path}
    with pytest.raises(QualityError, match="fail: "):
        restorect_edge.export(SumOfSquares(scale), target=target, precision="fp16", **options)


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """ONNX, float16, whose half arithmetic stays in range."""
    return restorect_edge.export(
        SumOfSquares(1.0),
        target="onnx",
        precision="fp16",
        shapes=[SHAPE],
        output_dir=tmp_path_factory.mktemp("half"),
    )


def test_both_runs_are_in_the_manifest_and_in_the_line(half):
    found = half.manifest.verification
    assert "every result rounded to float16" in found["by"]
    assert found["psnr"] < found["fused"]["psnr"]
    assert found["fused"]["gate"] >= 45
    result = check(half, find_reference(half, None))
    assert result.to_dict()["fused"] == found["fused"]
    assert "; as run here " in result.summary()
    assert f"on '{result.worst_image}'" in result.summary()


def test_a_wrong_run_of_users_fails_though_the_graph_is_right(half, monkeypatch):
    right = ONNXRuntime._run

    def shifted(self, session, feeds):
        return right(self, session, feeds) + (0.1 if type(self) is ONNXRuntime else 0.0)

    monkeypatch.setattr(ONNXRuntime, "_run", shifted)
    result = check(half, find_reference(half, None))
    assert result.status == "fail"
    assert result.psnr > result.gate
    (failure,) = result.failures
    assert failure.startswith("20.0 dB on ")
    assert "as run here" in failure


def test_values_that_are_no_numbers_in_the_reference_are_named(tmp_path):
    network = Adds(lambda x: 0 * x / x.mean())
    with pytest.raises(IncompatibleError, match=r"not numbers .* for the picture 'black 32x48': guard its"):
        restorect_edge.export(network, target="onnx", name="zero", shapes=[SHAPE], output_dir=tmp_path)


def test_every_kind_of_picture_is_judged_at_the_size_of_the_artifact(half):
    names = {picture.name for picture in pictures(half)}
    kinds = ("ordinary", "bright", "noise", "saturated", "gradient", "black", "mid-gray", "white")
    assert {f"{kind} 32x48" for kind in kinds} < names
    assert {picture.pixels.shape for picture in pictures(half)} == {(*SHAPE, 3)}
    assert sum("dark" in name for name in names) == 2
