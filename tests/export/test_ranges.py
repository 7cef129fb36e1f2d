"""Networks whose values are not pictures in [0, 1]: refused with the way out, and the way out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import restorect_edge
from restorect_edge import ImageSpec, IncompatibleError, UsageError
from restorect_edge.cli.export import main
from restorect_edge.media.photos import clean

SHAPE = (32, 48)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LEVELS = ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4))


class Softens(nn.Module):
    """A mild filter of pictures in [0, 1], whose inputs and outputs `spec` says how to take."""

    def __init__(self, spec):
        super().__init__()
        torch.manual_seed(2)
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.spec = spec

    def picture(self, x):
        return 0.9 * x + 0.05 * torch.sigmoid(self.layer(x))

    def forward(self, x):
        spec, channels = self.spec, lambda values: torch.tensor(values).reshape(1, 3, 1, 1)
        (low, high), (out_low, out_high) = spec.input_range, spec.output_range
        x = x if spec.std is None else x * channels(spec.std)
        x = x if spec.mean is None else x + channels(spec.mean)
        y = self.picture((x - low) / (high - low)) * (out_high - out_low) + out_low
        y = y if spec.output_mean is None else y - channels(spec.output_mean)
        return y if spec.output_std is None else y / channels(spec.output_std)


SPECS = {
    "levels": ImageSpec(input_range=(0, 255), output_range=(0, 255)),
    "signed": ImageSpec(input_range=(-1, 1), output_range=(-1, 1)),
    "centered": ImageSpec(output_range=(-0.5, 0.5)),
    "imagenet": ImageSpec(mean=IMAGENET[0], std=IMAGENET[1], output_mean=IMAGENET[0], output_std=IMAGENET[1]),
    "mean of levels": ImageSpec(
        input_range=(0, 255), mean=LEVELS[0], std=LEVELS[1], output_range=(0, 255), output_mean=LEVELS[0]
    ),
}


@pytest.mark.parametrize("kind", SPECS)
def test_unsaid_they_are_refused_with_the_way_out(tmp_path, kind):
    options = {"target": "onnx", "name": "mine", "shapes": [SHAPE], "output_dir": tmp_path}
    message = r"'mine' gives -?\d.* far outside \[0, 1\].* --output-range .*ImageSpec\(input_range="
    given = replace(SPECS[kind], input_range=(0, 1), mean=None, std=None)
    with pytest.raises(IncompatibleError, match=message):
        restorect_edge.export(Softens(given), **options)
    assert not list(tmp_path.iterdir())


ROWS = [*((kind, "onnx") for kind in SPECS)]
ROWS += [("levels", "openvino"), ("levels", "tensorrt"), ("signed", "coreml"), ("imagenet", "litert")]


@pytest.mark.parametrize(("kind", "target"), ROWS)
def test_said_they_are_part_of_every_targets_graph(tmp_path, kind, target):
    network = Softens(SPECS[kind])
    artifact = restorect_edge.export(
        network, target=target, name="mine", spec=SPECS[kind], shapes=[SHAPE], output_dir=tmp_path
    )
    photo = list(clean(SHAPE).values())[1]
    runtime = {"tensorrt": "onnxruntime", "coreml": "mil"}.get(target)
    with restorect_edge.load(artifact.path, runtime=runtime) as restore:
        restored = restore(photo)
    with torch.no_grad():
        expected = network.picture(torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)[None])
    assert np.abs(restored - expected[0].permute(1, 2, 0).numpy() * 255).max() <= 1.1
    assert artifact.manifest.spec == ImageSpec()
    assert {k: tuple(v) for k, v in artifact.manifest.options.items() if k in SPECS[kind].values} == SPECS[
        kind
    ].values


def saved(tmp_path, spec):
    program = torch.export.export(Softens(spec).eval(), (torch.rand(1, 3, *SHAPE),))
    torch.export.save(program, tmp_path / "net.pt2")
    return ["--target", "onnx", "--weights", str(tmp_path / "net.pt2"), "-o", str(tmp_path / "out")]


def test_the_command_line_says_them(tmp_path, capsys):
    command = saved(tmp_path, SPECS["mean of levels"])
    mean, std = (list(map(str, values)) for values in LEVELS)
    said = ["--input-range", "0", "255", "--output-range", "0", "255", "--mean", *mean, "--std", *std]
    assert main([*command, *said, "--output-mean", *mean]) == 0
    capsys.readouterr()
    assert main([*command, "--overwrite"]) == 4
    assert "far outside [0, 1]" in capsys.readouterr().err


def test_the_command_line_takes_negative_numbers(tmp_path):
    command = saved(tmp_path, SPECS["signed"])
    assert main([*command, "--input-range", "-1", "1", "--output-range", "-1", "1", "--dry-run"]) == 0


def test_they_are_for_networks_of_ones_own(tmp_path, capsys):
    assert main(["--target", "onnx", "--mean", "0", "0", "0", "-o", str(tmp_path)]) == 1
    assert "--output-std describe a .pt2 or .onnx network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_range": (255, 0)}, "input_range starts with the smaller value, got 255 and 0"),
        ({"output_range": (0, 1, 2)}, r"output_range is 2 numbers, the value of black, .*\(0, 1, 2\)"),
        ({"output_range": "0..255"}, "output_range is 2 numbers"),
        ({"input_range": (0, float("nan"))}, "input_range is 2 numbers"),
        ({"mean": 0.5}, "mean is 3 numbers, one for each of R, G, B; got 0.5"),
        ({"std": (1, 1, 0)}, "std must be above 0 in every channel"),
        ({"output_std": (1, -1, 1)}, "output_std must be above 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        ImageSpec(**fields)


class Gives(nn.Module):
    """Gives a picture inside of something else."""

    def __init__(self, wrap):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(x + 0.1 * self.layer(x), x)


HELD = {
    "list": lambda y, x: [y],
    "dict": lambda y, x: {"restored": y, "features": y.mean((2, 3))},
    "deep supervision": lambda y, x: (y.mean((2, 3), keepdim=True).expand(1, 3, 4, 4), y),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("dynamic", [False, True])
def test_the_one_picture_that_a_network_gives_is_taken(tmp_path, held, dynamic):
    sizes = {"dynamic": True} if dynamic else {"shapes": [SHAPE]}
    artifact = restorect_edge.export(
        Gives(HELD[held]), target="onnx", name="mine", output_dir=tmp_path, **sizes
    )
    with restorect_edge.load(artifact.path) as restore:
        assert restore(np.zeros((*SHAPE, 3), np.uint8)).shape == (*SHAPE, 3)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Gives(lambda y, x: (y, x)), r"gives a tuple of \(1, 3, 32, 48\), \(1, 3, 32, 48\), and 2 of these"),
        (Gives(lambda y, x: {"z": x.mean()}), "gives a dict of .* and none of these could be the picture"),
        (Gives(lambda y, x: y[:, :1]), r"gives \(1, 1, 32, 48\) .* expected \(1, 3, 32, 48\)"),
        (
            nn.Conv2d(1, 1, 3, padding=1),
            r"fails for an RGB image \(1, 3, 32, 48\) in float32: it takes images of 1 channel, and what",
        ),
    ],
)
def test_other_outputs_are_refused_in_a_sentence(tmp_path, network, message):
    with pytest.raises(IncompatibleError, match=message) as caught:
        restorect_edge.export(network, target="onnx", name="mine", shapes=[SHAPE], output_dir=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_weights_in_half_hold_as_float32(tmp_path, kind):
    network = Gives(lambda y, x: y).to(kind)
    options = {"target": "onnx", "name": "mine", "shapes": [SHAPE], "output_dir": tmp_path}
    with pytest.warns(UserWarning, match=r"'mine' has weights in b?float16: a float32 copy") as caught:
        artifact = restorect_edge.export(network, **options)
    assert [warning.filename for warning in caught] == [__file__]
    assert artifact.manifest.verification["status"] == "pass"
    assert network.layer.weight.dtype == kind


def test_a_program_saved_in_half_is_refused(tmp_path):
    program = torch.export.export(nn.Conv2d(3, 3, 1).half().eval(), (torch.rand(1, 3, *SHAPE).half(),))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(IncompatibleError, match=r"takes an image in float16; save module\.float\(\)"):
        restorect_edge.export(tmp_path / "net.pt2", target="onnx", output_dir=tmp_path)
