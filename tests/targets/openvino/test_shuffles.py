"""Residuals added before a pixel shuffle: the same bits, and no other graph is touched."""

import numpy as np
import pytest

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ov  # noqa: E402

from restorect_edge.targets.openvino.shuffles import add_before_shuffle  # noqa: E402

SIDES = (12, 20)


def numbers(*values):
    return ov.constant(np.array(values, np.int64))


def network(*, mode="depth_first", order=(0, 1, 3, 5, 2, 4), levels=False, clamp=True):
    """An image and what a convolution makes of its unshuffled pixels, added."""
    image = ov.parameter([1, 3, *SIDES], np.float32, name="image")
    split = ov.reshape(image, numbers(1, 3, SIDES[0] // 2, 2, SIDES[1] // 2, 2), False)
    moved = ov.transpose(split, numbers(*order))
    blocks = ov.reshape(moved, numbers(1, 12, SIDES[0] // 2, SIDES[1] // 2), False)
    weights = np.random.default_rng(0).normal(size=(12, 12, 3, 3)).astype(np.float32)
    change = ov.convolution(blocks, ov.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
    total = ov.add(image, ov.depth_to_space(change, mode, 2))
    total = ov.clamp(total, 0.0, 1.0) if clamp else total
    total = ov.round(ov.multiply(total, ov.constant(np.float32(255)))) if levels else total
    total.output(0).set_names({"restored"})
    return openvino.Model([total], [image], "model")


def run(model):
    image = np.random.default_rng(1).random((1, 3, *SIDES)).astype(np.float32)
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)["restored"]


def additions(model):
    """Channels of every sum that is no bias."""
    found = [op for op in model.get_ordered_ops() if op.get_type_name() == "Add"]
    return [op.get_output_partial_shape(0)[1].get_length() for op in found]


@pytest.mark.parametrize("clamp", [True, False])
@pytest.mark.parametrize("levels", [True, False])
def test_a_residual_is_added_before_its_shuffle(clamp, levels):
    model = network(clamp=clamp, levels=levels)
    before = run(model)
    add_before_shuffle(model)
    assert additions(model) == [12]
    np.testing.assert_array_equal(run(model), before)


@pytest.mark.parametrize("other", [{"mode": "blocks_first"}, {"order": (0, 3, 5, 1, 2, 4)}])
def test_shuffles_in_another_order_stay(other):
    model = network(**other)
    add_before_shuffle(model)
    assert additions(model) == [3]
