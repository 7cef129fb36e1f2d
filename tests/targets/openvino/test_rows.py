"""Pixel shuffles by rows and unshuffles with channels last: the same bits, and no other graph is touched."""

import numpy as np
import pytest

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ov  # noqa: E402

from restorect_edge.targets.openvino.rows import shuffle_by_rows, unshuffle_last  # noqa: E402

SIDES = (6, 10)
RANDOM = np.random.default_rng(0)


def numbers(*values):
    return ov.constant(np.array(values, np.int64))


def quantized(value, low, high):
    limits = [ov.constant(np.float32(limit)) for limit in (low, high)]
    return ov.fake_quantize(value, *limits, *limits, 256)


def convolution(value, taken, given, kernel, *, int8=False):
    weights = ov.constant(RANDOM.integers(-127, 128, (given, taken, kernel, kernel)).astype(np.int8))
    # a scale for each channel or for all of them; powers of two, so that no order of sums rounds
    scale = 2.0 ** RANDOM.integers(-9, -6, (given, 1, 1, 1)) if int8 else np.full((1, 1, 1, 1), 2.0**-8)
    scaled = ov.multiply(ov.convert(weights, "f32"), ov.constant(scale.astype(np.float32)))
    pads = [kernel // 2] * 2
    made = ov.convolution(value, scaled, [1, 1], pads, pads, [1, 1])
    return ov.add(made, ov.constant(RANDOM.normal(size=(1, given, 1, 1)).astype(np.float32)))


def shuffled(*, block=2, channels=16, kernel=1, int8=False, sides=SIDES, mode="depth_first", twice=False):
    """A convolution, a pixel shuffle of what it gives, and a convolution of that."""
    image = ov.parameter([1, 8, *sides], np.float32, name="image")
    value = quantized(image, 0.0, 255 / 256) if int8 else image
    made = convolution(value, 8, channels * block**2, kernel, int8=int8)
    made = quantized(made, -2.0, 127 / 64) if int8 else made
    moved = ov.depth_to_space(made, mode, block)
    ends = [convolution(moved, channels, 3, 3), *([ov.relu(made)] if twice else [])]
    return openvino.Model(ends, [image], "model")


def run(model):
    image = np.random.default_rng(1).random((1, model.input().partial_shape[1].get_length(), *SIDES))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"}
    return openvino.Core().compile_model(model, "CPU", settings)(image.astype(np.float32))[0]


def count(model, kind):
    return sum(op.get_type_name() == kind for op in model.get_ordered_ops())


@pytest.mark.parametrize("block", [2, 3])
@pytest.mark.parametrize("int8", [True, False])
@pytest.mark.parametrize("sides", [SIDES, (-1, -1)])
def test_a_shuffle_is_made_row_by_row(block, int8, sides):
    model = shuffled(block=block, int8=int8, sides=sides)
    before, weights = run(model), {op.get_friendly_name() for op in model.get_ordered_ops()}
    shuffle_by_rows(model)
    assert not count(model, "DepthToSpace")
    assert count(model, "Convolution") == block + 1
    np.testing.assert_allclose(run(model), before, rtol=0, atol=1e-5)
    stored = {op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() == "Constant"}
    assert len(stored & weights) >= 4, "a profile finds modules by the names of weights"


@pytest.mark.parametrize(
    "other", [{"kernel": 3}, {"channels": 12}, {"mode": "blocks_first"}, {"twice": True}], ids=str
)
def test_other_shuffles_stay(other):
    model = shuffled(**other)
    shuffle_by_rows(model)
    assert count(model, "DepthToSpace") == 1
    assert count(model, "Concat") == 0


def unshuffled(*, order=(0, 1, 3, 5, 2, 4), sides=SIDES, convolved=True):
    """A pixel unshuffle, of a batch that is not known either where the sides are not, and a convolution."""
    image = ov.parameter([1 if sides == SIDES else -1, 3, *sides], np.float32, name="image")
    places = [3, SIDES[0] // 2, 2, SIDES[1] // 2, 2]
    moved = ov.transpose(ov.reshape(image, numbers(-1, *places), False), numbers(*order))
    whole = ov.reshape(moved, numbers(-1, 12, SIDES[0] // 2, SIDES[1] // 2), False)
    whole = ov.reshape(whole, numbers(1, 12, SIDES[0] // 2, -1), False)
    end = convolution(whole, 12, 8, 3) if convolved else ov.relu(whole)
    return openvino.Model([ov.add(end, ov.constant(np.float32(1)))], [image], "model")


def orders(model):
    found = [op for op in model.get_ordered_ops() if op.get_type_name() == "Transpose"]
    return [list(op.input_value(1).get_node().data) for op in found]


@pytest.mark.parametrize("sides", [SIDES, (-1, -1)])
def test_an_unshuffle_gives_channels_last(sides):
    model = unshuffled(sides=sides)
    before = run(model)
    unshuffle_last(model)
    assert orders(model) == [[0, 2, 4, 1, 3, 5], [0, 3, 1, 2]]
    np.testing.assert_array_equal(run(model), before)


@pytest.mark.parametrize("other", [{"order": (0, 1, 3, 2, 5, 4)}, {"convolved": False}], ids=str)
def test_other_transpositions_stay(other):
    model = unshuffled(**other)
    before = orders(model)
    unshuffle_last(model)
    assert orders(model) == before
