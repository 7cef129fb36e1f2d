"""Training samples."""

import numpy as np
import torch

from restorect_edge.training.sampling import draw


def images():
    rng = np.random.default_rng(3)
    return [
        (rng.integers(0, 60, (72, 96, 3), dtype=np.uint8), rng.integers(0, 256, (72, 96, 3), dtype=np.uint8))
        for _ in range(3)
    ]


def test_a_batch_depends_on_seed_and_step_only():
    arguments = {"batch": 4, "patch": 32, "thumbnail": 64}
    first = draw(images(), step=5, seed=1, **arguments)
    again = draw(images(), step=5, seed=1, **arguments)
    other = draw(images(), step=6, seed=1, **arguments)
    assert torch.equal(first.degraded, again.degraded)
    assert torch.equal(first.thumbnail, again.thumbnail)
    assert not torch.equal(first.degraded, other.degraded)


def test_shapes_and_range():
    batch = draw(images(), step=0, seed=0, batch=4, patch=32, thumbnail=64)
    assert batch.degraded.shape == batch.clean.shape == (4, 3, 32, 32)
    assert batch.thumbnail.shape == batch.clean_thumbnail.shape == (4, 3, 64, 64)
    for part in (batch.degraded, batch.clean, batch.thumbnail):
        assert 0.0 <= float(part.min()) <= float(part.max()) <= 1.0


def test_both_images_of_a_pair_are_cut_alike():
    same = [(image, image) for image, _ in images()]
    for step in range(20):
        batch = draw(same, step=step, seed=0, batch=1, patch=32, thumbnail=64)
        ratio = batch.degraded.sum() / batch.clean.sum()
        assert torch.allclose(batch.degraded, (batch.clean * ratio).clamp(max=1.0), atol=1e-4)
