"""The mean of weights that began alike."""

import importlib.util
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from restorect_edge.models import build
from restorect_edge.models.weights import load_weights
from restorect_edge.weights import locate


@pytest.fixture(scope="module")
def average(repository):
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("average", repository / "training" / "average.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path, preset, factor=1.0, **facts):
    save_file({name: factor * tensor for name, tensor in build(preset).state_dict().items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"preset": preset, "task": "lowlight", **facts}))
    return str(path)


def test_the_mean_lies_between_by_the_shares_and_loads_with_its_origin(average, tmp_path):
    one, three = (write(tmp_path / f"{n}.safetensors", "nano", n, flow_steps=[4]) for n in (1.0, 3.0))
    for shares, factor in (([], 2.0), (["--shares", "0.75", "0.25"], 1.5)):
        output = tmp_path / "made" / "mean.safetensors"
        assert average.main([one, three, *shares, "-o", str(output)]) == 0
        mean = load_file(output)
        for name, tensor in build("nano").state_dict().items():
            torch.testing.assert_close(mean[name], factor * tensor.float())
    loaded = load_weights(output)
    assert (loaded.card["task"], loaded.card["flow_steps"]) == ("lowlight", [4])
    assert [each["name"] for each in loaded.card["mean_of"]] == ["1.0", "3.0"]


def test_shipped_weights_are_taken_by_name(average, tmp_path):
    output = tmp_path / "mean.safetensors"
    assert average.main(["lowlight-nano", "lowlight-nano", "-o", str(output)]) == 0
    expected = load_file(locate("lowlight-nano"))
    assert all(torch.equal(tensor, expected[name].float()) for name, tensor in load_file(output).items())


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (["0.5", "0.6"], "--shares must be 2 numbers that add up to 1, got 0.5, 0.6"),
        (["1"], "--shares must be 2 numbers"),
        (["1.5", "-0.5"], "--shares must be 2 numbers"),
    ],
)
def test_shares_that_do_not_fit(average, tmp_path, capsys, shares, message):
    one = write(tmp_path / "one.safetensors", "nano")
    assert average.main([one, one, "--shares", *shares, "-o", str(tmp_path / "mean.safetensors")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()


def test_other_networks_are_refused(average, tmp_path, capsys):
    one, other = write(tmp_path / "one.safetensors", "nano"), write(tmp_path / "other.safetensors", "small")
    assert average.main([one, other, "-o", str(tmp_path / "mean.safetensors")]) == 1
    assert "of one preset can be averaged, got nano, small" in capsys.readouterr().err
    cut = write(tmp_path / "cut.safetensors", "nano")
    save_file({"prior.x": torch.zeros(1)}, cut)
    assert average.main([one, cut, "-o", str(tmp_path / "mean.safetensors")]) == 1
    assert "hold other tensors than the first" in capsys.readouterr().err
