import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from restorect_edge.models.retinex import Decomposition


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 12))
def test_shapes_and_ranges(batch: int, height: int, width: int, channels: int) -> None:
    reflectance, illumination = Decomposition(channels)(torch.rand(batch, 3, height, width))
    assert reflectance.shape == (batch, 3, height, width)
    assert illumination.shape == (batch, 1, height, width)
    for part in (reflectance, illumination):
        assert part.min() > 0
        assert part.max() < 1


def test_it_has_the_papers_size() -> None:
    assert sum(p.numel() for p in Decomposition(32).parameters()) == 20_548


def test_a_pixel_reaches_four_pixels_away_and_no_further() -> None:
    torch.manual_seed(0)
    network, x = Decomposition(16), torch.rand(1, 3, 17, 17)
    changed = x.clone()
    changed[..., 8, 8] = 1 - changed[..., 8, 8]
    with torch.no_grad():
        difference = (torch.cat(network(x), 1) - torch.cat(network(changed), 1)).abs().amax((0, 1))
    reach = torch.zeros(17, 17, dtype=torch.bool)
    reach[4:13, 4:13] = True
    assert not difference[~reach].any()
    assert difference[4, 4] > 0


def test_training_brings_the_product_to_the_image() -> None:
    torch.manual_seed(0)
    network, x = Decomposition(8), 0.2 + 0.6 * torch.rand(2, 3, 16, 16)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    errors = []
    for _ in range(40):
        reflectance, illumination = network(x)
        loss = (reflectance * illumination - x).abs().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.7 * errors[0]
