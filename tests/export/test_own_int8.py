"""INT8 of a network of one's own as an artifact, and what it asks for."""

import numpy as np
import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge.errors import UsageError
from restorect_edge.export.verify.check import verify


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)
            self.middle = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        features = torch.relu(self.first(x))
        return x + 0.1 * self.last(features + 0.2 * self.middle(features))


@pytest.mark.parametrize("target", ["onnx", "openvino", "tensorrt"])
def test_an_artifact_in_int8_agrees_with_its_plan(photographs, tmp_path, target):
    artifact = restorect_edge.export(
        Net(),
        target=target,
        precision="int8",
        shapes=[(48, 64)],
        calib_data=photographs,
        output_dir=tmp_path,
        name="net",
    )
    verdict = artifact.manifest.verification
    assert verdict["status"] == "pass"
    assert verdict["agreement"] >= 45
    assert verdict["psnr"] >= 30
    assert (artifact.path / "quantization.json").is_file()
    assert verify(artifact.path).psnr == verdict["psnr"] < 100, "against the float network"
    runtime = {"tensorrt": "onnxruntime"}.get(target)
    with restorect_edge.load(artifact.path, runtime=runtime) as restore:
        assert restore(np.zeros((48, 64, 3), np.uint8)).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "need --calib-data"),
        ({"calib_data": "DATA", "qat": 1.0}, "--qat is for students"),
        ({"calib_data": "DATA", "shapes": [(16, 16), (24, 24)]}, "one size, or any: got whole, 16x16, 24x24"),
    ],
)
@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_what_it_asks_for(photographs, tmp_path, options, message, precision):
    options = {**options, **({"calib_data": photographs} if "calib_data" in options else {})}
    with pytest.raises(UsageError, match=message):
        restorect_edge.export(Net(), target="onnx", precision=precision, output_dir=tmp_path, **options)


def test_weights_alone_in_8_bits_are_for_students(tmp_path):
    with pytest.raises(UsageError, match="w8 is for students"):
        restorect_edge.export(Net(), target="coreml", precision="w8", shapes=[(16, 16)], output_dir=tmp_path)
