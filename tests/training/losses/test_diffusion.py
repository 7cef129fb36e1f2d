"""Anisotropic diffusion: by hand, against a plain loop, what it keeps and what it flattens."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from restorect_edge.training.losses.diffusion import AnisotropicDiffusion


def loop(image, steps, scale):
    """Diffuse (H, W), pixel by pixel."""
    height, width = image.shape
    for _ in range(steps):
        after = image.copy()
        for i in range(height):
            for j in range(width):
                for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                    if 0 <= a < height and 0 <= b < width:
                        d = image[a, b] - image[i, j]
                        after[i, j] += 0.25 * math.exp(-((d / scale) ** 2)) * d
        image = after
    return image


@torch.no_grad()
def test_two_pixels_by_hand():
    diffusion = AnisotropicDiffusion(steps=1, scale=0.5)
    flux = 0.25 * math.exp(-4.0)
    torch.testing.assert_close(
        diffusion(torch.tensor([[[[0.0, 1.0]]]])), torch.tensor([[[[flux, 1.0 - flux]]]])
    )


@torch.no_grad()
def test_equals_a_plain_loop():
    images = np.random.default_rng(0).random((2, 3, 5, 7))
    result = AnisotropicDiffusion(steps=3, scale=0.3).double()(torch.from_numpy(images))
    expected = [[loop(channel, 3, 0.3) for channel in image] for image in images]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@torch.no_grad()
@given(
    seed=st.integers(0, 100),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    scale=st.floats(0.02, 20),
)
def test_keeps_the_mean_and_the_range(seed, height, width, scale):
    image = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(seed)).double()
    result = AnisotropicDiffusion(scale=scale).double()(image)
    torch.testing.assert_close(result.mean((2, 3)), image.mean((2, 3)))
    assert result.max() <= image.max() + 1e-12
    assert result.min() >= image.min() - 1e-12


@torch.no_grad()
def test_flattens_noise_and_keeps_an_edge():
    noise = 0.02 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    edge = torch.zeros(1, 1, 32, 32)
    edge[..., 16:] = 0.6
    result = AnisotropicDiffusion()(edge + noise)
    left = result - edge
    assert left[..., :14].std() < 0.4 * noise[..., :14].std()
    step = (result[..., 16] - result[..., 15]).mean()
    assert step > 0.95 * 0.6


@torch.no_grad()
def test_a_small_scale_changes_nothing():
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(AnisotropicDiffusion(scale=1e-6)(image), image)


def test_gradients():
    image = torch.rand(1, 1, 4, 5, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    diffusion = AnisotropicDiffusion(scale=0.4).double()

    def apply(image, log_scale):
        return torch.func.functional_call(diffusion, {"log_scale": log_scale}, (image,))

    assert torch.autograd.gradcheck(apply, (image, diffusion.log_scale))


def test_the_scale_is_learned_and_stays_positive():
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        target = AnisotropicDiffusion(scale=0.5)(image)
    diffusion = AnisotropicDiffusion(scale=0.1)
    optimiser = torch.optim.Adam(diffusion.parameters(), lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        (diffusion(image) - target).square().mean().backward()
        optimiser.step()
    assert float(diffusion.scale.detach()) == pytest.approx(0.5, rel=0.02)
