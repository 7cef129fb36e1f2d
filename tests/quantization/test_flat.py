"""Flat frames in INT8: their ranges are held, their shift is measured, and what shifts them stays float."""

import copy

import numpy as np
import pytest
import torch

from restorect_edge.errors import QualityError

pytest.importorskip("nncf")

from restorect_edge.models.weights import load_weights
from restorect_edge.quantization.blocks import block_names
from restorect_edge.quantization.budget import keep_flat
from restorect_edge.quantization.flat import MAX_SHIFT, FlatMeter, cover, flat_frames
from restorect_edge.quantization.plan import tensors_of
from restorect_edge.quantization.qdq import Q
from restorect_edge.quantization.quantize import planes, quantize_student


def scales(body):
    return [n.args[1] for n in body.graph.nodes if n.target is Q.quantize_per_tensor.default]


def narrowed(network, factor):
    """The same with ranges a factor narrower, as photographs without flat frames leave them."""
    found = copy.deepcopy(network)
    for node in found.body.graph.nodes:
        if node.target in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
            node.args = (node.args[0], node.args[1] / factor, *node.args[2:])
    found.body.recompile()
    return found


@pytest.fixture(scope="module")
def nano(images):
    """lowlight-nano for any x86, calibrated on two tiny photographs: float and INT8."""
    student = load_weights("lowlight-nano").body_owner()
    return student, quantize_student(student, images, saturation_safe=True)


def test_frames_are_flat_from_black_to_white():
    frames = flat_frames()
    assert bool((frames == frames[:, :, :1, :1]).all())
    colours = {tuple(round(255 * float(v)) for v in frame[:, 0, 0]) for frame in frames}
    assert {(0, 0, 0), (1, 1, 1), (128, 128, 128), (255, 255, 255)} <= colours
    assert len(colours) == len(frames)


@pytest.mark.parametrize("factor", [4.0, 1000.0])
def test_ranges_are_widened_to_hold_them_and_never_narrowed(nano, factor):
    student, network = nano
    body, wide = narrowed(network, factor).body, narrowed(network, 1 / factor).body
    before = scales(wide)
    with torch.no_grad():
        cover(body, student)
        cover(wide, student)
    assert scales(wide) == before
    covered = scales(body)
    with torch.no_grad():
        cover(body, student)
    assert scales(body) == covered
    assert FlatMeter.of_student(student, network.prior).shift(body) < FlatMeter.of_student(
        student, network.prior
    ).shift(narrowed(network, factor).body)


def test_every_gray_is_within_two_levels_or_within_what_a_level_of_the_input_changes(nano):
    """Between brightening and leaving alone the exposure is steep: a level more changes the output by ten."""
    student, network = nano
    kept = keep_flat(network, student, FlatMeter.of_student(student, network.prior), MAX_SHIFT).network
    frames = [planes(np.full((48, 48, 3), level, np.uint8)) for level in range(256)]
    with torch.inference_mode():
        float_means, means = (
            torch.stack([255 * restore(frame).mean((2, 3))[0] for frame in frames])
            for restore in (student, kept)
        )
    steps = float_means.diff(dim=0).abs().amax(1)
    slope = torch.maximum(torch.cat([steps[:1], steps]), torch.cat([steps, steps[-1:]]))
    shift = (means - float_means).abs().amax(1)
    assert not (shift > slope.clamp(min=2.0)).nonzero().tolist()


def test_the_shift_is_of_a_channels_mean(nano):
    student, network = nano
    meter = FlatMeter.of_student(student, student.prior)
    assert meter.shift(student.body) == 0
    assert 0 < FlatMeter.of_student(student, network.prior).shift(network.body) < 5


def test_blocks_return_until_frames_are_kept(nano):
    student, network = nano
    meter = FlatMeter.of_student(student, network.prior)
    before = meter.shift(network.body)
    said = []
    found = keep_flat(network, student, meter, before * 0.9, said.append)
    assert said[0].startswith(f"INT8 shifts flat frames by {before:.1f} levels of {before * 0.9:.1f} allowed")
    assert found.before == before and found.shift <= before * 0.9
    assert found.shift == meter.shift(found.network.body) == found.returned[-1].shift
    left = set(block_names(network.body)) - set(block_names(found.network.body))
    assert left == {row.block for row in found.returned}
    assert "flat" in found.network.excluded.values()
    assert len(tensors_of(found.network)) < len(tensors_of(network))


def test_within_the_limit_nothing_returns(nano):
    student, network = nano
    found = keep_flat(network, student, FlatMeter.of_student(student, network.prior), 99.0)
    assert found.network is network and found.returned == () and found.before == found.shift


def test_what_cannot_be_kept_has_numbers_and_a_way_out(nano):
    student, network = nano
    message = (
        r"shifts flat frames by \d+\.\d levels of 255, and 0\.0 are allowed.* Export fp16 or fp32 instead"
    )
    with pytest.raises(QualityError, match=message):
        keep_flat(network, student, FlatMeter.of_student(student, network.prior), 0.0)
