"""OpenVINO IR made smaller and faster: fewer bytes, fewer steps, the same numbers."""

import numpy as np
import pytest

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ov  # noqa: E402

from restorect_edge.targets.onnx.half import SMALLEST_STORED  # noqa: E402
from restorect_edge.targets.openvino import ir  # noqa: E402


@pytest.fixture
def weight():
    """32·32 values that float16 does not hold."""
    return np.random.default_rng(0).normal(size=(1, 1, 32, 32)).astype(np.float32)


def model(*weights):
    image = ov.parameter([1, 1, 32, 32], np.float32, name="image")
    image.output(0).set_names({"image"})
    total = image
    for value in weights:
        total = ov.relu(ov.add(total, ov.constant(value)))
    total.output(0).set_names({"restored"})
    return openvino.Model([total], [image], "model")


def run(network):
    image = np.random.default_rng(1).normal(size=(1, 1, 32, 32)).astype(np.float32)
    return openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]


def constants(network):
    return [op for op in network.get_ops() if op.get_type_name() == "Constant"]


def test_equal_constants_become_one(weight):
    network = model(weight, weight, 2 * weight)
    before = run(network)
    ir.merge_constants(network)
    assert len(constants(network)) == 2
    np.testing.assert_array_equal(run(network), before)


def test_what_float16_holds_but_for_a_factor_is_stored_so(weight):
    half = weight.astype(np.float16).astype(np.float32)
    shares = (np.arange(1024, dtype=np.float32) % 33).reshape(weight.shape) / 32
    network = model(weight, half, half / 1024, shares * np.float32(64 / 150))
    before = run(network)
    ir.store_half(network)
    kinds = [str(op.get_element_type()) for op in constants(network) if op.data.size > 1]
    assert sorted(kinds) == [str(openvino.Type.f16)] * 3 + [str(openvino.Type.f32)]
    np.testing.assert_array_equal(run(network), before)


def test_small_constants_stay(weight):
    small = np.ones((1, 1, 1, SMALLEST_STORED // 64), np.float32)[..., :1]
    network = model(small)
    ir.store_half(network)
    assert [str(op.get_element_type()) for op in constants(network)] == [str(openvino.Type.f32)]


def test_a_stripped_file_is_the_same_model(weight, tmp_path):
    path = tmp_path / "model.xml"
    network = model(weight, 2 * weight)
    network.set_rt_info("value", ["restorect_edge", "key"])
    before = run(network)
    openvino.save_model(network, path, compress_to_fp16=False)
    size = path.stat().st_size
    ir.strip(path)
    assert path.stat().st_size < 0.75 * size
    again = openvino.Core().read_model(path)
    assert again.input(0).get_names() == {"image"}
    assert again.output(0).get_names() == {"restored"}
    assert list(again.output(0).get_shape()) == [1, 1, 32, 32]
    assert again.get_rt_info(["restorect_edge", "key"]).astype(str) == "value"
    np.testing.assert_array_equal(run(again), before)


@pytest.mark.parametrize(
    ("block", "stride", "kind"), [(4, 4, "Convolution"), (4, 2, "AvgPool"), (3, 3, "AvgPool")]
)
@pytest.mark.parametrize("sides", [(32, 48), (-1, -1)])
def test_an_image_is_pooled_plane_by_plane(sides, block, stride, kind):
    image = ov.parameter([1, 3, *sides], np.float32, name="image")
    pool = ov.avg_pool(image, [stride] * 2, [0, 0], [0, 0], [block] * 2, exclude_pad=True)
    network = openvino.Model([ov.relu(pool), ov.abs(pool)], [image], "model")
    levels = np.random.default_rng(1).normal(size=(1, 3, 32, 48)).astype(np.float32)

    def run():
        return openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(levels)

    before = run()
    ir.pool_by_plane(network)
    (averages,) = (op for op in network.get_ops() if op.get_type_name() == kind)
    assert str(averages.input(0).get_partial_shape()[0]) == "3"
    for output, expected in zip(run().values(), before.values(), strict=True):
        np.testing.assert_allclose(output, expected, atol=2e-7)


def test_features_are_pooled_as_they_are():
    image = ov.parameter([1, 16, 8, 8], np.float32, name="image")
    pool = ov.avg_pool(image, [4, 4], [0, 0], [0, 0], [4, 4], exclude_pad=True)
    network = openvino.Model([pool], [image], "model")
    ir.pool_by_plane(network)
    assert len(network.get_ops()) == 3
