"""The computed halo is enough, and no smaller one is."""

import pytest
import torch
from torch import Tensor, nn

from restorect_edge.models import Student, build
from restorect_edge.models.reach import halo
from restorect_edge.models.student import MULTIPLE, Body

SIDE = 256
CELL = slice(128, 128 + MULTIPLE)
"""Rows and columns of the cell that is looked at."""


def positive(body: Body) -> Body:
    """Give the body weights with which nothing cancels, no ReLU closes and nothing is clamped."""
    torch.manual_seed(0)
    for module in body.modules():
        if isinstance(module, nn.Conv2d):
            size = module.weight[0].numel()
            nn.init.uniform_(module.weight, 0.5 / size, 1.0 / size)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return body.double()


@pytest.fixture(scope="module")
def student() -> Student:
    return build("nano").deploy()


@pytest.fixture(scope="module")
def body(student: Student) -> Body:
    return positive(student.body)


@pytest.fixture(scope="module")
def image() -> Tensor:
    torch.manual_seed(1)
    return 0.1 + 0.1 * torch.rand(1, 3, SIDE, SIDE, dtype=torch.float64)


@pytest.fixture(scope="module")
def z(body: Body) -> Tensor:
    return torch.zeros(1, body.exposure.in_channels, 1, 1, dtype=torch.float64)


def cell_of(body: Body, image: Tensor, z: Tensor) -> Tensor:
    with torch.no_grad():
        return body(image, z)[:, :, CELL, CELL]


@pytest.mark.parametrize("side", ["above", "below", "left", "right"])
def test_a_pixel_at_the_halo_counts_and_one_beyond_does_not(
    body: Body, image: Tensor, z: Tensor, side: str
) -> None:
    reach = halo(body)
    before = cell_of(body, image, z)
    counts = {}
    for distance in (reach, reach + 1):
        changed = image.clone()
        edge = {"above": CELL.start - distance, "below": CELL.stop - 1 + distance}
        edge |= {"left": edge["above"], "right": edge["below"]}
        line = changed[:, :, edge[side]] if side in ("above", "below") else changed[..., edge[side]]
        line += 0.5
        counts[distance] = not torch.equal(cell_of(body, changed, z), before)
    assert not counts[reach + 1]
    if side in ("above", "left"):
        assert counts[reach]


def test_a_window_with_the_halo_gives_the_whole_and_a_cell_less_does_not(
    body: Body, image: Tensor, z: Tensor
) -> None:
    whole = cell_of(body, image, z)
    aligned = -(-halo(body) // MULTIPLE) * MULTIPLE

    def windowed(margin: int) -> Tensor:
        window = slice(CELL.start - margin, CELL.stop + margin)
        with torch.no_grad():
            return body(image[:, :, window, window], z)[
                :, :, margin : margin + MULTIPLE, margin : margin + MULTIPLE
            ]

    assert torch.allclose(windowed(aligned), whole, rtol=0, atol=1e-12)
    assert not torch.allclose(windowed(aligned - MULTIPLE), whole, rtol=0, atol=1e-9)


def test_a_gate_that_is_closed_does_not_hide_how_far_the_body_looks(body: Body) -> None:
    gated = build("nano-gated").deploy().body
    assert gated.gate is not None
    nn.init.zeros_(gated.gate.bias)
    assert halo(gated) == halo(body)


@pytest.mark.parametrize("preset", ["nano", "small", "base"])
def test_the_halo_does_not_depend_on_the_weights(preset: str) -> None:
    fresh, other = (build(preset, seed=seed).deploy() for seed in (0, 1))
    reach = halo(fresh.body)
    assert halo(other.body) == reach
    assert halo(build(preset).body) == reach, "fused and branched look equally far"
    assert 0 < reach < SIDE // 2


def test_asking_leaves_the_network_alone(student: Student) -> None:
    before = {name: value.clone() for name, value in student.body.state_dict().items()}
    halo(student.body)
    assert not student.body.training
    assert all(torch.equal(value, before[name]) for name, value in student.body.state_dict().items())
