"""Whether well-exposed photographs are left alone: what is measured, and that it can fail."""

from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.media.photos import clean

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def damage(script):
    return script("damage")


def test_the_identity_does_none_and_darkness_is_seen(damage):
    found = clean((64, 96))
    rows = list(damage.measured(lambda image: image, found))
    assert damage.summary(rows)["left_alone"] == len(found)
    assert all(row["darkened"] < -0.3 for row in rows)


def test_a_restorer_that_brightens_everything_is_caught(damage):
    rows = list(damage.measured(lambda image: np.minimum(image * 1.2, 255).astype(np.uint8), clean((64, 96))))
    assert damage.summary(rows)["left_alone"] == 0


def test_the_shipped_weights_restore_darkness_and_softened_darkness(damage):
    with restorect_edge.load("lowlight-nano", device="cpu", threads=1) as runtime:
        found = damage.summary(list(damage.measured(runtime, clean((128, 192)))))
    assert found["darkened_rms"] < 0.7
    assert found["softened_rms"] < 0.7
