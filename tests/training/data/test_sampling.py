"""Training samples."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from restorect_edge.training.data.sampling import Sampling, batches, draw

HOW = Sampling(seed=1, batch=4, patch=32, thumbnail=64)


@dataclass
class Listed:
    """A source of images at hand."""

    pairs: list
    notes: tuple = ()

    @property
    def names(self):
        return tuple(map(str, range(len(self.pairs))))

    def __len__(self):
        return len(self.pairs)

    def draw(self, index, rng):
        return self.pairs[index]


def source():
    rng = np.random.default_rng(3)
    return Listed(
        [
            (
                rng.integers(0, 60, (72, 96, 3), dtype=np.uint8),
                rng.integers(0, 256, (72, 96, 3), dtype=np.uint8),
            )
            for _ in range(3)
        ]
    )


def test_a_batch_depends_on_seed_step_and_process_only():
    first, again = draw(source(), 5, HOW), draw(source(), 5, HOW)
    assert torch.equal(first.degraded, again.degraded)
    assert torch.equal(first.thumbnail, again.thumbnail)
    for other in (draw(source(), 6, HOW), draw(source(), 5, replace(HOW, rank=1))):
        assert not torch.equal(first.degraded, other.degraded)


def test_without_jitter_inputs_are_the_source_or_its_clean_image():
    exact = Listed([(np.full((64, 64, 3), 50, np.uint8), np.full((64, 64, 3), 200, np.uint8))])
    levels = {
        round(255 * float(image.mean()), 3)
        for step in range(20)
        for image in draw(exact, step, replace(HOW, jitter=0.0)).degraded
    }
    assert 50.0 in levels
    assert not any(50.0 < level < 59.0 or 33.0 < level < 50.0 for level in levels)


def test_shapes_and_range():
    batch = draw(source(), 0, HOW)
    assert batch.degraded.shape == batch.clean.shape == (4, 3, 32, 32)
    assert batch.thumbnail.shape == batch.clean_thumbnail.shape == (4, 3, 64, 64)
    for part in (batch.degraded, batch.clean, batch.thumbnail):
        assert 0.0 <= float(part.min()) <= float(part.max()) <= 1.0


def test_both_images_of_a_pair_are_cut_alike():
    same = Listed([(image, image) for image, _ in source().pairs])
    for step in range(20):
        batch = draw(same, step, replace(HOW, batch=1))
        ratio = batch.degraded.sum() / batch.clean.sum()
        assert torch.allclose(batch.degraded, (batch.clean * ratio).clamp(max=1.0), atol=1e-4)


def test_mixup_blends_all_images_of_a_sample_alike():
    plain, mixed = draw(source(), 0, HOW), draw(source(), 0, replace(HOW, mixup=1.0))
    shares = []
    for name in ("degraded", "clean", "thumbnail", "clean_thumbnail"):
        one, got = getattr(plain, name), getattr(mixed, name)
        other = one.roll(1, 0)
        share = ((got - other) * (one - other)).sum((1, 2, 3)) / ((one - other) ** 2).sum((1, 2, 3))
        w = share.view(-1, 1, 1, 1)
        assert torch.allclose(got, w * one + (1 - w) * other, atol=1e-5)
        shares.append(share)
    assert all(torch.allclose(shares[0], share, atol=1e-4) for share in shares[1:])
    assert bool(((shares[0] > 0) & (shares[0] < 1)).all())


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_that_prepare_batches_change_nothing(workers):
    alone = list(batches(source(), 2, 7, HOW, workers=0))
    together = list(batches(source(), 2, 7, HOW, workers=workers))
    assert len(together) == 5
    assert all(torch.equal(a.degraded, b.degraded) for a, b in zip(alone, together, strict=True))
