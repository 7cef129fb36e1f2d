"""Networks that are not ours: exported, verified, loaded and tiled like the students."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge import ImageSpec, IncompatibleError, SizeRequirements, UsageError
from restorect_edge.cli.export import main
from restorect_edge.export.verify.check import verify

TARGETS = ["onnx", "openvino", "tensorrt", "coreml"]


class Upscaler(nn.Module):
    """Doubles the sides: three convolutions and a pixel shuffle, on top of nearest-neighbor."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
        )
        self.last = nn.Conv2d(8, 12, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        detail = torch.nn.functional.pixel_shuffle(self.last(self.layers(x)), 2)
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3) + detail


SPEC = ImageSpec(scale=2, size=SizeRequirements(minimum=4, multiple_of=4), halo=4)


@pytest.fixture(scope="module", params=TARGETS)
def artifact(request, tmp_path_factory):
    return restorect_edge.export(
        Upscaler(),
        target=request.param,
        spec=SPEC,
        name="upscaler",
        shapes=[(48, 64)],
        output_dir=tmp_path_factory.mktemp("own"),
    )


def test_it_is_verified_with_its_own_reference(artifact):
    assert artifact.manifest.verification["status"] == "pass"
    again = verify(artifact.path)
    assert again.status == "pass"
    assert again.reference == "float32 PyTorch"


def test_larger_images_are_tiled_and_equal_the_network(artifact):
    runtime = {"tensorrt": "onnxruntime"}.get(artifact.manifest.target)
    image = np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)
    with restorect_edge.load(artifact.path, runtime=runtime) as restore:
        restored = restore(image)
    padded = np.pad(image, ((0, 2), (0, 2), (0, 0)), mode="reflect").transpose(2, 0, 1)[None]
    with torch.no_grad():
        expected = Upscaler()(torch.from_numpy(padded.astype(np.float32) / 255)).clamp(0, 1)
    expected = expected[0, :, :180, :300].permute(1, 2, 0).numpy() * 255
    assert restored.shape == (180, 300, 3)
    assert np.abs(restored - expected).max() <= (0.51 if artifact.manifest.precision == "fp32" else 1.6)


def test_too_small_a_halo_shows_in_the_picture(tmp_path):
    artifact = restorect_edge.export(
        Upscaler(),
        target="onnx",
        spec=ImageSpec(scale=2, size=SPEC.size, halo=0),
        shapes=[(48, 64)],
        output_dir=tmp_path,
    )
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    with torch.no_grad():
        whole = Upscaler()(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 255))
    with restorect_edge.load(artifact.path) as restore:
        difference = restore(image) / 255.0 - whole.clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert np.abs(difference).max() > 0.01


def save_program(path, *, dynamic=False):
    sides = {2: 4 * torch.export.Dim("h", min=2), 3: 4 * torch.export.Dim("w", min=2)}
    image = torch.rand(1, 3, 48, 64)
    program = torch.export.export(Upscaler(), (image,), dynamic_shapes=(sides,) if dynamic else None)
    torch.export.save(program, path)


OPTIONS = ["--scale", "2", "--multiple-of", "4", "--halo", "4", "--json"]


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_command_line_takes_a_saved_program(tmp_path, capsys, dynamic):
    save_program(tmp_path / "net.pt2", dynamic=dynamic)
    command = ["--target", "openvino", "--weights", str(tmp_path / "net.pt2"), "-o", str(tmp_path)]
    assert main([*command, *OPTIONS, *(["--dynamic"] if dynamic else [])]) == 0
    (row,) = json.loads(capsys.readouterr().out)["artifacts"]
    assert row["verification"]["psnr"] >= 80
    with restorect_edge.load(row["path"]) as restore:
        assert restore(np.zeros((50, 70, 3), np.uint8)).shape == (100, 140, 3)


def test_a_program_with_fixed_sides_takes_no_others(tmp_path, capsys):
    save_program(tmp_path / "net.pt2")
    command = ["--target", "onnx", "--weights", str(tmp_path / "net.pt2"), "--shapes", "64x64"]
    assert main([*command, *OPTIONS, "-o", str(tmp_path)]) == 1
    assert "saved with fixed sides 48x64" in capsys.readouterr().err


def test_a_file_that_is_no_program(tmp_path):
    (tmp_path / "net.pt2").write_bytes(b"PK nonsense")
    with pytest.raises(IncompatibleError, match="a zip archive without its end"):
        restorect_edge.export(tmp_path / "net.pt2", target="onnx", output_dir=tmp_path)


def test_a_program_that_takes_no_image(tmp_path):
    torch.export.save(torch.export.export(nn.Linear(4, 4), (torch.rand(2, 4),)), tmp_path / "net.pt2")
    with pytest.raises(IncompatibleError, match=r"expected one image input of shape \(1, 3, H, W\)"):
        restorect_edge.export(tmp_path / "net.pt2", target="onnx", output_dir=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "split"}, "students with a prior and a body"),
        ({"steps": 4}, "students with a flow"),
        ({"shapes": [(50, 64)]}, "the next that fits is 52x64"),
    ],
)
def test_what_only_students_have_is_refused(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        restorect_edge.export(Upscaler(), target="onnx", spec=SPEC, output_dir=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_without_its_reference_the_golden_images_stand_in(artifact, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(artifact.path, copy)
    (copy / "reference.pt2").unlink()
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["files"]["reference.pt2"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    result = verify(copy)
    assert result.reference == "its golden images"
    assert result.status == "pass"
