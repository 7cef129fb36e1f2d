"""Channels mixed plane by plane: the same bits, and no other sum is touched."""

import numpy as np
import pytest

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ov  # noqa: E402

from restorect_edge.targets.openvino.planes import mix_by_plane  # noqa: E402

SIDES = (6, 10)


def network(*, order=(0, 1, 2), sides=SIDES, batch=1, wide=False, shared=False):
    """An image, an offset and products of its channels, added one after the other."""
    image = ov.parameter([batch, 3, *sides], np.float32, name="image")
    columns = ov.parameter([1, 12, 1, 1], np.float32, name="columns")
    parts = ov.split(columns, ov.constant(np.int64(1)), 4)
    bright = ov.divide(image, ov.add(image, ov.constant(np.float32(1))))
    channels = ov.split(bright, ov.constant(np.int64(1)), 3)
    total = ov.add(bright, parts.output(3))
    products = []
    for index in order:
        column = ov.reduce_mean(parts.output(index), numbers(1), True) if wide else parts.output(index)
        products.append(ov.multiply(column, channels.output(index)))
        total = ov.add(products[-1], total)
    ends = [ov.relu(total), *([ov.relu(products[0])] if shared else [])]
    return openvino.Model(ends, [image, columns], "model")


def numbers(*values):
    return ov.constant(np.array(values, np.int64))


def run(model):
    random = np.random.default_rng(1)
    feeds = [random.random(shape).astype(np.float32) for shape in ((1, 3, *SIDES), (1, 12, 1, 1))]
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(model, "CPU", settings)(feeds)[0]


def planes(model):
    return [
        list(op.get_output_partial_shape(0))[1]
        for op in model.get_ordered_ops()
        if op.get_type_name() == "Add"
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0), (1,)])
@pytest.mark.parametrize("sides", [SIDES, (-1, -1)])
def test_a_mix_of_channels_is_made_by_planes(order, sides):
    model = network(order=order, sides=sides)
    before = run(model)
    mix_by_plane(model)
    assert planes(model) == [3, *([1] * 3 * (len(order) + 1))]
    np.testing.assert_array_equal(run(model), before)


@pytest.mark.parametrize("other", [{"batch": 2}, {"wide": True}, {"shared": True}, {"order": ()}], ids=str)
def test_other_sums_stay(other):
    model = network(**other)
    before = planes(model)
    mix_by_plane(model)
    assert planes(model) == before
