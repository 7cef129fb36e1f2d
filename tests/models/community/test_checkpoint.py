"""Checkpoints of the community: told, built, described, and refused in a sentence."""

import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import restorect_edge
from restorect_edge.errors import IncompatibleError, MissingDependencyError, UsageError
from restorect_edge.inference.fit import LARGEST_WINDOW
from restorect_edge.models.community import architectures
from restorect_edge.models.community.checkpoint import from_checkpoint, is_checkpoint, open_network


def test_a_checkpoint_says_its_scale_sizes_and_halo(community):
    found = from_checkpoint(community("esrgan-x4"))
    spec = found.spec(split=False)
    assert (found.card["architecture"], spec.scale, spec.size.multiple_of) == ("ESRGAN", 4, 1)
    assert (
        spec.halo == 19
    )  # 15 convolutions of the block, 2 around it, and those at twice and four times the size
    assert found.steps is None and found.student is None


@pytest.mark.parametrize(
    ("name", "architecture", "multiple", "tiles"),
    [
        ("nafnet", "NAFNet", 4, False),
        ("restormer", "Restormer", 8, False),
        ("retinexformer", "RetinexFormer", 8, False),
        ("swinir", "SwinIR", 8, False),
        ("realesrgan-x2", "ESRGAN", 1, True),
        ("hvi-cidnet", "HVI-CIDNet", 8, False),
        ("scunet", "SCUNet", 1, False),
    ],
)
def test_architectures_of_the_field(community, name, architecture, multiple, tiles):
    found = from_checkpoint(community(name))
    spec = found.spec(split=False)
    assert (found.card["architecture"], spec.tileable) == (architecture, tiles)
    assert spec.size.multiple_of % multiple == 0
    height, width = spec.size.padded(24, 40)
    with torch.inference_mode():
        result = found.network(torch.rand(1, 3, height, width))
    assert result.shape == (1, 3, spec.scale * height, spec.scale * width)


@pytest.mark.parametrize(("name", "scale"), [("esrgan-x4", 4), ("realesrgan-x2", 2)])
def test_load_tiles_exactly_and_enlarges(community, name, scale):
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    with restorect_edge.load(community(name)) as restore:
        whole, tiled = restore(image), restore(image, tile=24)
    assert whole.shape == (70 * scale, 90 * scale, 3)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # float32 sums in another order
    assert (whole == tiled).mean() > 0.999


def test_4x_of_a_frame_runs_in_windows_and_is_the_whole(community, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (480, 720, 3), dtype=np.uint8)
    with restorect_edge.load(community("realesr-compact-x4")) as restore:
        whole, outputs, run = restore(image, tile=720), [], restore._run
        monkeypatch.setattr(restore, "_run", lambda *given: outputs.append(run(*given)) or outputs[-1])
        tiled = restore(image)
    assert tiled.shape == (1920, 2880, 3)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # float32 sums in another order
    assert max(output.size // 3 for output in outputs) <= LARGEST_WINDOW < 1920 * 2880


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"params_ema": s},
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {f"module.{key}": value for key, value in s.items()},
        lambda s: {"state_dict": {f"model.net.{key}": value for key, value in s.items()}, "callbacks": {}},
        lambda s: {key: value.half() for key, value in s.items()},
    ],
)
def test_checkpoints_around_the_state_dict(community, tmp_path, wrap):
    torch.save(wrap(torch.load(community("esrgan-x4"))), tmp_path / "around.ckpt")
    assert from_checkpoint(tmp_path / "around.ckpt").card["architecture"] == "ESRGAN"


def test_safetensors_of_others_are_told_from_ours(community, tmp_path):
    path = tmp_path / "theirs model.safetensors"
    save_file(torch.load(community("esrgan-x4")), path)
    assert is_checkpoint(path)
    assert not is_checkpoint("lowlight-nano")
    assert open_network(path).name == "theirs-model"


OBJECT = r"holds a Python object \(posix\.mkdir\), not tensors alone"


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("bomb",)


def test_nothing_in_a_checkpoint_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bare.pth").write_bytes(pickle.dumps({"weight": Bomb()}, protocol=2))
    torch.save({"weight": Bomb()}, "bomb.pth")
    torch.save({"weight": Bomb()}, "old.pth", _use_new_zipfile_serialization=False)
    for name, told in (
        ("bare.pth", "is a pickle of Python objects"),
        ("bomb.pth", OBJECT),
        ("old.pth", OBJECT),
    ):
        with pytest.raises(IncompatibleError, match=told):
            open_network(name)
    assert not Path("bomb").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"layer.weight": torch.zeros(3, 3)},
            r"layer.weight \(3, 3\), …\) of no architecture .* load_state_dict",
        ),
        ({"epoch": 3, "loss": 0.5}, "holds the entries epoch, loss and no state dict"),
        ([torch.zeros(1)], "holds a list and no state dict"),
        (collections.OrderedDict(), "holds the entries none"),
    ],
)
def test_what_is_no_known_state_dict(tmp_path, content, message):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(IncompatibleError, match=message) as caught:
        open_network(tmp_path / "net.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("channels", "word"), [(1, "gray"), (4, "RGB with alpha")])
def test_pictures_of_other_channels(community_module, tmp_path, channels, word):
    network = community_module(
        "ESRGAN", "RRDBNet", in_nc=channels, out_nc=channels, num_filters=8, num_blocks=1
    )
    torch.save(network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(IncompatibleError, match=rf"ESRGAN for pictures of {channels} \({word}\) channels"):
        open_network(tmp_path / "net.pth")


def test_without_spandrel_the_extra_is_named(community, monkeypatch):
    def absent(name):
        raise ImportError(f"No module named '{name}'")

    path = community("esrgan-x4")
    monkeypatch.setattr(architectures.importlib, "import_module", absent)
    with pytest.raises(MissingDependencyError, match=r"restorect-edge\[spandrel\]"):
        open_network(path)


def test_steps_are_for_students(community):
    with pytest.raises(UsageError, match="steps are for students"):
        open_network(community("esrgan-x4"), steps=2)
