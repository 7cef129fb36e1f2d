"""The INT8 form of a student: what is quantized, what is not, and that it is what every target can take."""

import importlib.util
import logging

import numpy as np
import pytest
import torch
from torch import fx, nn

from restorect_edge.errors import BackendError, MissingDependencyError, UsageError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.quantization.qdq import QMAX, QMIN, SMALLEST_SCALE, Q, StoredConv2d, clean
from restorect_edge.quantization.quantize import quantize_student
from restorect_edge.quantization.scope import is_convolution

QUANTISE = Q.quantize_per_tensor.default
DEQUANTISE = Q.dequantize_per_tensor.default
DEQUANTISE_WEIGHT = Q.dequantize_per_channel.default


def nodes(network, *targets):
    return [node for node in network.body.graph.nodes if node.target in targets]


def planes(image):
    return torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255))


def test_activations_are_int8_with_zero_point_0_and_one_scale(quantized):
    found = nodes(quantized, QUANTISE, DEQUANTISE)
    assert len(nodes(quantized, QUANTISE)) > 10
    for node in found:
        assert node.args[2:] == (0, QMIN, QMAX, torch.int8)
        assert type(node.args[1]) is float
        assert node.args[1] >= SMALLEST_SCALE
        assert node.args[1] == np.float16(node.args[1])


def test_both_halves_of_a_pair_have_one_scale(quantized):
    for node in nodes(quantized, DEQUANTISE):
        assert node.args[0].target is QUANTISE
        assert node.args[1] == node.args[0].args[1]


def test_equal_quantizers_are_merged(quantized):
    found = [node.args for node in nodes(quantized, QUANTISE)]
    assert len(set(found)) == len(found)


def test_every_weight_of_the_trunk_is_stored_as_int8_per_output_channel(quantized, student):
    convolutions = [node for node in quantized.body.graph.nodes if is_convolution(node)]
    assert len(convolutions) == sum(isinstance(m, nn.Conv2d) for m in student.body.modules())
    floats = [node for node in convolutions if node.name in quantized.excluded]
    assert [node.args[1].target for node in floats] == [
        "exposure_weight",
        "colour_weight",
        "modulation_weight",
    ]
    for node in set(convolutions) - set(floats):
        weight = node.args[1]
        assert weight.target is DEQUANTISE_WEIGHT
        levels, scale, zeros = (quantized.body.get_buffer(a.target) for a in weight.args[:3])
        assert levels.dtype is torch.int8
        assert weight.args[3] == 0
        assert scale.shape == zeros.shape == levels.shape[:1]
        assert not zeros.any()
        assert (scale >= SMALLEST_SCALE).all()
        assert torch.equal(scale, scale.half().float())


def test_the_prior_computes_in_float_with_stored_weights(quantized, student):
    wide = [m for m in quantized.prior.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    assert wide == []
    stored = {n: m for n, m in quantized.prior.named_modules() if isinstance(m, StoredConv2d)}
    originals = {n: m for n, m in student.prior.named_modules() if isinstance(m, nn.Conv2d)}
    assert stored.keys() == {n for n, m in originals.items() if m.kernel_size != (1, 1)}
    for name, layer in stored.items():
        assert layer.weight.dtype is torch.int8
        value = layer.weight.float() * layer.scale[:, None, None, None]
        assert (value - originals[name].weight).abs().max() <= 0.6 * layer.scale.max()


def test_the_image_and_z_are_not_quantized(quantized):
    placeholders = [node for node in quantized.body.graph.nodes if node.op == "placeholder"]
    assert [node.name for node in placeholders] == ["image", "z"]
    assert not any(reader.target is QUANTISE for node in placeholders for reader in node.users)


def test_the_result_is_not_quantized(quantized):
    clamp = quantized.body.graph.output_node().args[0]
    total = clamp.args[0]
    assert clamp.target is torch.ops.aten.clamp.default
    assert DEQUANTISE not in {source.target for source in total.all_input_nodes}
    assert {quantized.excluded[node.name] for node in (clamp, total)} == {"image"}


def test_brighter_than_the_calibration_is_not_clipped(quantized, student):
    bright = torch.full((1, 3, 64, 96), 0.9)
    with torch.no_grad():
        wanted, got = student(bright), quantized(bright)
    assert got.mean() > 0.8 * wanted.mean()


@pytest.mark.parametrize("shape", [(64, 96), (8, 8), (40, 120)])
def test_any_sides_come_close_to_the_float_network(quantized, student, images, shape):
    image = planes(images[0])[:, :, : shape[0], : shape[1]]
    image = image.repeat(1, 1, 1, 2)[..., : shape[1]]
    with torch.no_grad():
        wanted, got = student(image).numpy(), quantized(image).numpy()
    assert got.shape == (1, 3, *shape)
    assert 30.0 < psnr(got, wanted, peak=1.0) < 100.0


def test_it_can_be_traced_again_with_free_sides(quantized, images):
    rows, columns = (8 * torch.export.Dim(name, min=1) for name in ("rows", "columns"))
    example = torch.zeros(1, 3, 64, 96)
    program = torch.export.export(quantized, (example,), dynamic_shapes=({2: rows, 3: columns},))
    traced = program.module()
    image = planes(images[0])[:, :, :48, :72]
    with torch.no_grad():
        assert torch.equal(traced(image), quantized(image))


def test_the_student_is_left_as_it_was(quantized, student):
    assert all(p.dtype is torch.float32 for p in student.parameters())
    assert not any(isinstance(m, StoredConv2d) for m in student.prior.modules())
    assert quantized.config is student.config


def test_calibration_is_silent_and_puts_threads_and_logging_back(student, images, capfd, caplog):
    threads = torch.get_num_threads()
    quantize_student(student, images[:1])
    assert capfd.readouterr() == ("", "")
    assert [r for r in caplog.records if r.name.startswith(("nncf", "torchao", "torch.utils"))] == []
    assert torch.get_num_threads() == threads
    assert logging.root.manager.disable == 0


def test_no_photographs(student):
    with pytest.raises(UsageError, match="at least one photograph, got none"):
        quantize_student(student, [])


def test_a_photograph_that_is_too_small(student):
    with pytest.raises(UsageError, match=r"has 4x64 pixels .* at least 8"):
        quantize_student(student, [np.zeros((4, 64, 3), np.uint8)])


@pytest.mark.parametrize("missing", ["nncf", "torchao"])
def test_without_the_extra(student, images, monkeypatch, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == missing else found(n, *a))
    with pytest.raises(MissingDependencyError, match=f"extra 'calibrate'.*no module '{missing}'") as caught:
        quantize_student(student, images)
    assert caught.value.exit_code == 3


def quantizer(low, high, dtype, zero_point=0, scale=0.01):
    graph = fx.Graph()
    value = graph.placeholder("image")
    arguments = (scale, zero_point, low, high, dtype)
    levels = graph.call_function(QUANTISE, (value, *arguments))
    graph.output((graph.call_function(DEQUANTISE, (levels, *arguments)),))
    return fx.GraphModule(nn.Module(), graph)


def test_unsigned_becomes_signed_over_the_same_range():
    module = clean(quantizer(0, 255, torch.uint8), nn.Module())
    (node,) = (n for n in module.graph.nodes if n.target is QUANTISE)
    assert node.args[1:] == (pytest.approx(0.01 * 255 / 127, rel=1e-3), 0, -128, 127, torch.int8)
    values = torch.linspace(0.0, 2.55, 256)
    assert (module(values) - values).abs().max() <= 0.0101


def test_a_vanishing_scale_is_raised_to_what_float16_can_hold():
    module = clean(quantizer(-128, 127, torch.int8, scale=1e-9), nn.Module())
    (node,) = (n for n in module.graph.nodes if n.target is QUANTISE)
    assert node.args[1] == 2.0**-14


def test_an_asymmetric_quantizer_is_refused():
    with pytest.raises(BackendError, match="zero point 3, expected 0"):
        clean(quantizer(-128, 127, torch.int8, zero_point=3), nn.Module())
