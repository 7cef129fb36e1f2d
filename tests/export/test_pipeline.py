"""From a network to an artifact: what is kept, what is refused, and what the artifact says of itself."""

import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge import ImageSpec, QualityError, UsageError, load
from restorect_edge.artifact import Artifact, hash_files
from restorect_edge.cli.export import main
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export.verify.check import verify
from restorect_edge.targets.onnx import converter as onnx_target


class Brighten(nn.Module):
    """A small network of three convolutions."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))

    def forward(self, x):
        return (1.5 * x + 0.1 * self.layers(x)).clamp(0.0, 1.0)


class Noisy(Brighten):
    """Never gives the same twice, so nothing can stand for it."""

    def forward(self, x):
        return super().forward(x) + 0.1 * torch.rand_like(x)


class Overflowing(Brighten):
    """Within range in float32, far out of it in float16."""

    def forward(self, x):
        return super().forward(1e6 * x * 1e-6)


SHAPES = [(32, 48), (48, 32)]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return restorect_edge.export(
        Brighten(), target="onnx", shapes=SHAPES, output_dir=tmp_path_factory.mktemp("out")
    )


def test_an_artifact_describes_and_hashes_itself(artifact):
    manifest = artifact.manifest
    assert manifest.name == "brighten"
    assert manifest.files == hash_files(artifact.path)
    assert {g.shape for g in manifest.graphs} == set(SHAPES)
    assert manifest.input["image"] == {
        "name": "image", "dtype": "float32", "range": [0.0, 1.0], "layout": "NCHW", "color": "RGB"
    }  # fmt: skip
    report = json.loads((artifact.path / "report.json").read_text())
    assert report["verification"] == manifest.verification
    assert report["verification"]["images"] == 2 * len(SHAPES) + 8
    assert len(list((artifact.path / "golden").glob("*-in.png"))) == 2


def test_every_size_of_a_network_of_ones_own_can_be_verified_again(artifact):
    again = verify(artifact.path)
    assert again.reference == "float32 PyTorch"
    assert again.psnr == artifact.manifest.verification["psnr"]


def test_each_size_is_run_by_its_graph(artifact):
    noise = np.random.default_rng(0)
    network = Brighten()
    with load(artifact.path) as runtime:
        for height, width in SHAPES:
            image = noise.random((height, width, 3), dtype=np.float32)
            with torch.inference_mode():
                expected = network(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
            assert psnr(runtime(image), expected.numpy(), peak=1.0) > 80


def assert_nothing_is_kept(folder):
    assert list(folder.iterdir()) == []


def test_a_network_that_cannot_be_matched_fails_its_gate(tmp_path):
    with pytest.raises(QualityError, match=r"onnx fp32 of 'noisy': fail: .* dB .*\(gate 80 dB\).*not kept"):
        restorect_edge.export(Noisy(), target="onnx", shapes=[(32, 48)], output_dir=tmp_path)
    assert_nothing_is_kept(tmp_path)


def test_the_gate_is_exit_code_2(tmp_path, capsys):
    program = tmp_path / "noisy.pt2"
    torch.export.save(torch.export.export(Noisy().eval(), (torch.rand(1, 3, 32, 48),)), program)
    folder = tmp_path / "out"
    assert main(["--target", "onnx", "--weights", str(program), "-o", str(folder), "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "fail:" in err
    assert_nothing_is_kept(folder)


def test_what_overflows_in_half_precision_fails_its_gate(tmp_path):
    options = {"target": "onnx", "shapes": [(32, 48)], "output_dir": tmp_path}
    with pytest.raises(QualityError, match=r"not kept\. Try --precision fp32"):
        restorect_edge.export(Overflowing(), precision="fp16", **options)
    assert_nothing_is_kept(tmp_path)
    assert restorect_edge.export(Overflowing(), **options).manifest.verification["status"] == "pass"


def test_a_conversion_that_goes_wrong_fails_its_gate_and_keeps_the_old_artifact(tmp_path, monkeypatch):
    options = {"target": "onnx", "shapes": [(32, 48)], "output_dir": tmp_path}
    before = restorect_edge.export(Brighten(), **options)
    convert = onnx_target.convert

    def spoilt(*args):
        path = convert(*args)
        model = onnx.load(path)
        weights = next(t for t in model.graph.initializer if len(t.dims) == 4)
        values = onnx.numpy_helper.to_array(weights).copy()
        values.flat[0] += 1
        weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
        onnx.save(model, path)
        return path

    monkeypatch.setattr(onnx_target, "convert", spoilt)
    with pytest.raises(QualityError, match="fail"):
        restorect_edge.export(Brighten(), overwrite=True, **options)
    assert list(tmp_path.iterdir()) == [before.path]
    assert Artifact.open(before.path).manifest == before.manifest


def test_existing_output_is_seen_before_anything_is_traced(artifact):
    said = []
    with pytest.raises(UsageError, match="exists; use --overwrite"):
        restorect_edge.export(
            Brighten(), target="onnx", shapes=SHAPES, output_dir=artifact.path.parent, progress=said.append
        )
    assert said == []


def test_the_module_is_left_as_it_was(tmp_path):
    module = Brighten().train()
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    restorect_edge.export(module, target="onnx", shapes=[(32, 48)], spec=ImageSpec(), output_dir=tmp_path)
    assert module.training
    assert all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())
