"""Losses: known values and gradients."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from restorect_edge.models.retinex import Decomposition
from restorect_edge.training import losses


def test_structural_equals_scikit_image_at_stride_one():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 40, 48))
    expected = structural_similarity(
        x, y, win_size=7, data_range=1.0, use_sample_covariance=False, full=True
    )[1][3:-3, 3:-3].mean()
    planes = [torch.from_numpy(image)[None, None] for image in (x, y)]
    assert float(losses.structural(*planes, stride=1)) == pytest.approx(1 - expected, abs=1e-9)


def test_structural_is_zero_for_equal_images():
    x = torch.rand(2, 3, 32, 32)
    assert float(losses.structural(x, x)) == pytest.approx(0.0, abs=1e-6)


def test_decomposition_of_a_perfect_split_is_only_smoothness():
    class Constant(Decomposition):
        def forward(self, x):
            return x, torch.ones_like(x[:, :1])

    x = torch.rand(1, 3, 16, 16)
    assert float(losses.decomposition(Constant(4), x, x)) == pytest.approx(0.0, abs=1e-7)


def test_decomposition_trains_every_parameter():
    network = Decomposition(8)
    losses.decomposition(network, torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
