from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from restorect_edge.errors import UsageError
from restorect_edge.models import PRESETS, Student, StudentConfig, build
from restorect_edge.models.blocks import RepConv

EDGE = ("nano", "small", "base")
edge = pytest.mark.parametrize("preset", EDGE)


def edge_student(preset: str) -> Student:
    student = build(preset)
    assert isinstance(student, Student)
    return student


def lively(student: Student) -> Student:
    """Give z a say: freshly initialized, exposure and modulation are almost neutral."""
    for layer in (student.body.exposure, student.body.colour, student.body.modulation):
        nn.init.normal_(layer.weight, std=0.3)
    return student


@pytest.fixture
def nano() -> Student:
    torch.manual_seed(1)
    return lively(build("nano")).deploy()


@pytest.fixture
def image() -> torch.Tensor:
    torch.manual_seed(2)
    return torch.rand(1, 3, 64, 96)


@pytest.mark.parametrize(("preset", "limit"), [("nano", 0.9e9), ("small", 3e9), ("base", 10e9)])
def test_presets_keep_within_their_macs(preset: str, limit: float) -> None:
    network = build(preset).deploy().to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, 400, 600, device="meta"))
    assert 0.5 * limit < counter.get_total_flops() / 2 <= limit


@edge
def test_an_image_keeps_its_shape_and_range(preset: str, image: torch.Tensor) -> None:
    with torch.no_grad():
        restored = build(preset).deploy()(image)
    assert restored.shape == image.shape
    assert restored.min() >= 0
    assert restored.max() <= 1


@edge
def test_the_same_image_gives_the_same_output(preset: str, image: torch.Tensor) -> None:
    first, second = build(preset, seed=3).deploy(), build(preset, seed=3).deploy()
    with torch.no_grad():
        restored = first(image)
        assert torch.equal(first(image), restored)
        assert torch.equal(second(image), restored)
        assert not torch.equal(build(preset, seed=4).deploy()(image), restored)


def test_the_random_state_neither_matters_nor_changes(image: torch.Tensor, nano: Student) -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first = build("nano")
    with torch.no_grad():
        restored = nano(image)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(6)
    second = build("nano")
    with torch.no_grad():
        assert torch.equal(nano(image), restored)
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_an_image_does_not_depend_on_its_batch(nano: Student) -> None:
    images = torch.rand(3, 3, 40, 56) * torch.tensor([0.1, 0.5, 1.0])[:, None, None, None]
    with torch.no_grad():
        alone = torch.cat([nano(row[None]) for row in images])
        torch.testing.assert_close(nano(images), alone, atol=1e-5, rtol=0)


@edge
def test_deploying_changes_form_and_not_result(preset: str, image: torch.Tensor) -> None:
    student = lively(edge_student(preset)).eval()
    deployed = student.deploy()
    assert not any(isinstance(module, RepConv) for module in deployed.modules())
    assert not deployed.training
    assert any(isinstance(module, RepConv) for module in student.modules())
    with torch.no_grad():
        torch.testing.assert_close(deployed(image), student(image), atol=1e-5, rtol=0)


def test_training_does_not_clamp(image: torch.Tensor) -> None:
    student = build("nano")
    with torch.no_grad():
        student.body.leave.conv3.bias = nn.Parameter(torch.full((12,), 5.0))
        assert student.train()(image).max() > 2
        assert student.eval()(image).max() == 1


def reach(blocks: tuple[int, int, int, int, int]) -> int:
    """Pixels that one output pixel looks to each side, at most: ±1 cell for every 3×3 on the path."""
    down1, down2, bottom, up2, up1 = (2 * count for count in blocks)
    at_half, at_quarter, at_eighth = 1 + down1 + 1 + up1 + 1, down2 + 1 + up2, bottom
    return 2 * at_half + 4 * at_quarter + 8 * at_eighth + 7  # 7: a cell of the coarsest grid


@pytest.mark.parametrize("preset", ["nano", "small"])
def test_the_body_is_local(preset: str) -> None:
    student = lively(edge_student(preset)).deploy()
    far, column = reach(student.config.blocks), 160
    x, z = torch.rand(1, 3, 16, 320), torch.randn(1, 2 * student.config.latent, 1, 1)
    changed = x.clone()
    changed[..., column] = 1 - changed[..., column]
    with torch.no_grad():
        difference = (student.body(x, z) - student.body(changed, z)).abs().amax((0, 1, 2))
    touched = torch.nonzero(difference).flatten()
    assert column - far <= touched.min()
    assert touched.max() <= column + far
    assert touched.max() - touched.min() > far / 2, "the probe must see more than the pixel itself"


def test_the_body_does_not_care_where_a_tile_begins(nano: Student) -> None:
    far = -(-reach(nano.config.blocks) // 8) * 8
    x, z = torch.rand(1, 3, 16, 3 * far), torch.randn(1, 2 * nano.config.latent, 1, 1)
    with torch.no_grad():
        whole, part = nano.body(x, z), nano.body(x[..., 8:], z)
    torch.testing.assert_close(part[..., far:], whole[..., 8 + far :], atol=1e-5, rtol=0)


def test_the_prior_is_global_and_the_body_listens(nano: Student, image: torch.Tensor) -> None:
    darker = image.clone()
    darker[..., 48:] *= 0.05
    with torch.no_grad():
        z, other = (nano.prior(nano.thumbnail(x)) for x in (image, darker))
        assert z.shape == (1, 2 * nano.config.latent, 1, 1)
        assert not torch.equal(z, other)
        assert not torch.allclose(nano.body(image, z), nano.body(image, other), atol=1e-4)


def test_the_prior_costs_the_same_for_every_size(nano: Student) -> None:
    shapes = {nano.thumbnail(torch.rand(1, 3, h, w)).shape for h, w in ((8, 8), (64, 96), (264, 40))}
    assert shapes == {(1, 6, nano.config.thumbnail, nano.config.thumbnail)}


def test_exposure_stays_in_its_range(nano: Student) -> None:
    nn.init.constant_(nano.body.exposure.weight, 100.0)
    nn.init.zeros_(nano.body.colour.weight)
    z = torch.ones(1, 2 * nano.config.latent, 1, 1)
    x = torch.full((1, 3, 8, 8), 1e-4)
    assert nano.body.exposed(x, z).max().item() == pytest.approx(64e-4, rel=0.02)
    assert nano.body.exposed(x, -z).max().item() == pytest.approx(1e-4 / 8, rel=0.02)


def test_colours_are_mixed_by_a_matrix_and_an_offset(nano: Student) -> None:
    for layer in (nano.body.exposure, nano.body.colour):
        nn.init.zeros_(layer.weight)
    change = torch.tensor([0, 0.5, 0, 0, 0, 0, -1, 0, 0, 0.1, 0, 0])
    assert nano.body.colour.bias is not None
    nano.body.colour.bias.data = change
    x = torch.rand(1, 3, 8, 16)
    red, green, blue = x[0]
    z = torch.ones(1, 2 * nano.config.latent, 1, 1)
    expected = torch.stack([red + 0.5 * green + 0.1, green, blue - red])
    assert torch.allclose(nano.body.exposed(x, z)[0], expected, atol=1e-6)


def test_steps_are_a_choice(nano: Student, image: torch.Tensor) -> None:
    results = []
    for steps in (1, 2, 4, 8):
        nano.set_steps(steps)
        with torch.no_grad():
            results.append(nano.prior(nano.thumbnail(image)))
    assert all(not torch.equal(results[0], other) for other in results[1:])


def test_the_gradient_reaches_the_whole_student(image: torch.Tensor) -> None:
    student = lively(build("nano")).train()
    student(image).square().mean().backward()
    without = [n for n, p in student.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def gated(student: Student, share: float) -> Student:
    """The same student behind a gate that is open by a share, whatever z is."""
    behind = Student(replace(student.config, gate=True)).deploy()
    behind.load_state_dict({**behind.state_dict(), **student.state_dict()})
    assert behind.body.gate is not None
    nn.init.constant_(behind.body.gate.bias, share)
    return behind


@pytest.mark.parametrize("share", [1.0, 7.0])
def test_an_open_gate_changes_nothing(nano: Student, image: torch.Tensor, share: float) -> None:
    with torch.no_grad():
        assert torch.equal(gated(nano, share)(image), nano(image))


@pytest.mark.parametrize("share", [0.0, -7.0])
def test_a_closed_gate_returns_the_input(nano: Student, image: torch.Tensor, share: float) -> None:
    with torch.no_grad():
        torch.testing.assert_close(gated(nano, share)(image), image, rtol=0, atol=1e-6)


def test_a_gate_half_open_changes_less(nano: Student, image: torch.Tensor) -> None:
    with torch.no_grad():
        half, whole = (gated(nano, share)(image) - image for share in (0.5, 1.0))
    assert 0 < half.abs().mean() < whole.abs().mean()


def test_a_fresh_gate_is_open() -> None:
    plain, behind = build("nano", seed=3).state_dict(), build("nano-gated", seed=3).state_dict()
    assert set(behind) - set(plain) == {"body.gate.weight", "body.gate.bias"}
    assert not behind["body.gate.weight"].any()
    assert behind["body.gate.bias"].tolist() == [1.0]


def test_every_preset_is_of_its_kind() -> None:
    assert set(PRESETS) == {
        *EDGE,
        *(f"{name}-{kind}" for name in EDGE for kind in ("gated", "means")),
        "paper",
    }
    assert all(isinstance(build(preset), Student) for preset in EDGE)
    assert build("small").config == StudentConfig()


def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"unknown preset 'smal'; known: .*\(did you mean 'small'\?\)"):
        build("smal")
