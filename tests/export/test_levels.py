"""``--io uint8``: 8-bit levels in and out, converted by the backend, with the picture of float32 planes."""

import json

import numpy as np
import pytest
import torch

import restorect_edge
from restorect_edge import load
from restorect_edge.cli.export import main
from restorect_edge.errors import UsageError
from restorect_edge.media.photos import photos
from restorect_edge.models.tracing.graph import in_levels

SIZE = (64, 96)
MADE = {
    "onnx": {"form": "split", "dynamic": True},
    "openvino": {"form": "split", "dynamic": True},
    "litert": {"shapes": [SIZE]},
}


@pytest.fixture(scope="module", params=list(MADE))
def artifact(request, tmp_path_factory):
    pytest.importorskip("litert_torch" if request.param == "litert" else request.param)
    folder = tmp_path_factory.mktemp("levels")
    return restorect_edge.export(
        "lowlight-nano", target=request.param, io="uint8", output_dir=folder, **MADE[request.param]
    )


@pytest.fixture(scope="module")
def runtime(artifact):
    with load(artifact.path) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def network():
    with load("lowlight-nano", runtime="torch", device="cpu") as loaded:
        yield loaded


def test_the_picture_is_that_of_float32_planes(runtime, network):
    for picture in photos(SIZE).values():
        apart = np.abs(runtime(picture).astype(int) - network(picture))
        assert apart.max() <= 1
        assert (apart > 0).mean() < 0.001


def test_any_size_that_the_artifact_takes(runtime, network, photo):
    if runtime.info.graphs[-1].shape is not None:
        assert runtime(photo).shape == photo.shape
        return
    apart = np.abs(runtime(photo).astype(int) - network(photo))
    assert apart.max() <= 1
    large = np.tile(photo, (3, 3, 1))
    assert np.array_equal(runtime(large, tile=64), runtime(large))


def test_the_manifest_says_so(artifact):
    assert "-uint8-" in artifact.path.name
    assert artifact.manifest.levels
    said = json.loads((artifact.path / "manifest.json").read_text())["input"]
    for name in ("image", "restored"):
        assert (said[name]["dtype"], said[name]["layout"], said[name]["range"]) == ("uint8", "NHWC", [0, 255])


def test_a_video_that_is_smoothed_is_steadied_on_levels(runtime, network):
    first = next(iter(photos(SIZE).values()))
    random = np.random.default_rng(0)
    frames = [np.clip(first + random.normal(0, 3, first.shape), 0, 255).astype(np.uint8) for _ in range(6)]
    options = {"smooth": 0.8} if runtime.info.prior else {}
    found = list(runtime.stream(frames, **options))
    for restored, wanted in zip(found, network.stream(frames, **options), strict=True):
        assert np.abs(restored.astype(int) - wanted).max() <= 2


def test_more_than_8_bits_are_refused(runtime, photo):
    with pytest.raises(UsageError, match=r"takes 8 bits per channel, got float32"):
        runtime(photo / np.float32(255))
    assert np.abs(runtime.unclipped(photo / np.float32(255)) * 255 - runtime(photo)).max() < 1e-3


def test_halves_are_rounded_to_even_and_values_clipped():
    class Brighter(torch.nn.Module):
        def forward(self, image):
            return image * 2.5 - 0.5 / 255

    levels = torch.arange(0, 256, dtype=torch.uint8).reshape(1, 8, 32, 1).repeat(1, 1, 1, 3)
    found = in_levels(Brighter())(levels).numpy().ravel()
    wanted = np.rint(np.clip(levels.numpy().ravel().astype(np.float64) * 2.5 - 0.5, 0, 255))
    assert (found == wanted).mean() > 0.98  # float32 puts a half on either side
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch's own code
def test_a_traced_network_has_levels_in_its_graph():
    layer = torch.nn.Conv2d(3, 3, 3, padding=1)
    sides = {2: torch.export.Dim("h", min=2), 3: torch.export.Dim("w", min=2)}
    traced = torch.export.export(layer, (torch.rand(1, 3, 8, 8),), dynamic_shapes=(sides,)).module()
    levels = torch.randint(0, 256, (1, 6, 9, 3), dtype=torch.uint8)
    found, wanted = in_levels(traced)(levels), in_levels(layer)(levels)
    assert found.dtype == torch.uint8
    assert torch.equal(found, wanted)
    assert traced(torch.rand(1, 3, 6, 9)).shape == (1, 3, 6, 9)


def test_a_network_of_ones_own_has_levels_too(tmp_path, photo):
    module = torch.nn.Conv2d(3, 3, 1)
    torch.nn.init.eye_(module.weight.view(3, 3))
    torch.nn.init.zeros_(module.bias)
    made = restorect_edge.export(
        module, target="onnx", io="uint8", dynamic=True, name="same", output_dir=tmp_path
    )
    with load(made.path) as runtime:
        assert np.array_equal(runtime(photo), photo)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--target", "coreml"],
            "litert, onnx, openvino, got coreml; its images are 8-bit anyway",
        ),
        (["--target", "mnn"], "--io uint8 is for --target litert, onnx, openvino, got mnn"),
        (
            ["--target", "onnx", "--serve", "triton"],
            "a client of float32 planes: leave out --io uint8",
        ),
    ],
)
def test_what_has_no_levels_says_so(arguments, message, capsys, tmp_path):
    assert main([*arguments, "--io", "uint8", "-o", str(tmp_path), "--dry-run"]) == 1
    assert message in capsys.readouterr().err
