"""The illumination map: what it is tried on, what it can do, and a run of two steps."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restorect_edge.media.photos import clean, photos
from restorect_edge.models import build

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def scripts(script):
    return {name: script(name) for name in ("illumination_map", "_map", "_results")}


@pytest.fixture(scope="module")
def student():
    return build("nano", seed=1).deploy().requires_grad_(False)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for kind, images in (("low", photos((64, 96))), ("high", clean((64, 96)))):
        (folder / kind).mkdir()
        for name, image in list(images.items())[:2]:
            Image.fromarray(image).save(folder / kind / f"{name.removesuffix('-dark')}.png")
    return folder


def test_a_fresh_map_changes_nothing(scripts, student):
    m = scripts["_map"]
    image = torch.rand(1, 3, 64, 96)
    one = m.sample(student, image, image)
    gain = m.Map(one.z.shape[1])(one.view, one.z)
    assert gain.shape == (1, 1, 16, 16)
    flat = gain - gain.mean()
    torch.testing.assert_close(m.restored(student, image, one.z, flat), student(image), atol=1e-5, rtol=0)


def test_a_map_of_one_value_is_a_gain(scripts, student):
    m = scripts["_map"]
    image, z = torch.rand(1, 3, 64, 96), torch.rand(1, 64, 1, 1)
    both = [m.exposed(student, image, z, torch.full((1, 1, side, side), 0.4)) for side in (1, 16)]
    torch.testing.assert_close(*both)
    assert not torch.allclose(both[0], student.body.exposed(image, z))


def test_the_best_map_undoes_light_that_varies_and_the_best_gain_cannot(scripts, student):
    m = scripts["_map"]
    image = torch.full((1, 3, 64, 64), 0.5)
    slope = torch.linspace(-1.0, 1.0, 64).view(1, 1, 1, 64)
    dark = image * torch.exp(slope - 1.0)
    one = m.sample(student, dark, image)
    errors = {}
    for grid in (1, 16):
        gain = m.fitted_to_target(student, one, grid)
        result = m.exposed(student, one.means, one.z, gain)
        errors[grid] = float((result - one.clean).square().mean())
    assert errors[16] < 0.1 * errors[1]


def test_mixed_light_lies_between_the_dark_and_the_bright_picture(scripts):
    m = scripts["_map"]
    low, high = np.full((48, 64, 3), 20, np.uint8), np.full((48, 64, 3), 200, np.uint8)
    mixed = m.LIGHTS["mixed"](low, high, np.random.default_rng(1))
    assert mixed.shape == low.shape
    assert mixed.min() < 60 < 160 < mixed.max()
    assert np.array_equal(m.LIGHTS["pairs"](low, high, None), low)
    assert np.array_equal(m.LIGHTS["bright"](low, high, None), high)


def test_two_steps_are_fitted_and_tabled(scripts, pairs, tmp_path, capsys):
    output = tmp_path / "map.json"
    arguments = [
        *("--data", str(pairs), "--validation", str(pairs), "--photographs", str(pairs / "high")),
        *("--weights", "lowlight-nano", "--steps", "2", "--batch", "7", "--shown", "1"),
        *("-o", str(output)),
    ]
    assert scripts["illumination_map"].main(arguments) == 0
    rows = scripts["_results"].read(output)["rows"]
    assert len(rows) == 6 * 4
    assert scripts["illumination_map"].table(rows) in capsys.readouterr().out
    score = {(row["variant"], row["light"]): row["psnr"] for row in rows}
    assert score["best-map", "mixed"] > score["best-gain", "mixed"] > score["shipped", "mixed"] - 0.1


def test_the_committed_report_has_every_variant_under_every_light(scripts):
    (path,) = FOLDER.rglob("illumination-map--host.json")
    found = scripts["_results"].read(path)
    assert {row["light"] for row in found["rows"]} == set(scripts["_map"].LIGHTS)
    variants = {row["variant"] for row in found["rows"]}
    assert {(row["variant"], row["light"]) for row in found["rows"]} == set(
        product(variants, scripts["_map"].LIGHTS)
    )
