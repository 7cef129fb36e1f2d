"""Generated pictures in INT8: ranges that are too narrow for them are widened, others are not."""

import copy

import pytest

pytest.importorskip("nncf")

from restorect_edge.quantization.budget import hold_generated
from restorect_edge.quantization.data.generated import GeneratedMeter
from restorect_edge.quantization.qdq import Q
from restorect_edge.quantization.quantize import QuantizedStudent


def scales(body):
    return [n.args[1] for n in body.graph.nodes if n.target is Q.quantize_per_tensor.default]


@pytest.fixture(scope="module")
def meter(student, quantized):
    return GeneratedMeter(student, quantized.prior)


@pytest.fixture(scope="module")
def narrow(student, quantized):
    """The same with ranges a quarter as wide: bright pictures saturate."""
    body = copy.deepcopy(quantized.body)
    for node in body.graph.nodes:
        if node.target in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
            node.args = (node.args[0], node.args[1] / 4, *node.args[2:])
    body.recompile()
    return QuantizedStudent(student, body, quantized.excluded)


def test_float_is_nearest(meter, student, quantized):
    assert min(meter.each(student.body).values()) > min(meter.each(quantized.body).values())


def test_ranges_are_widened_where_a_picture_falls_short(meter, student, narrow):
    before, said = scales(narrow.body), []
    least = min(meter.each(narrow.body).values()) + 3
    decision = hold_generated(narrow, student, meter, least, progress=said.append)
    assert decision.psnr >= least > decision.before
    assert decision.share > 0
    assert len(said) == 1 and "widening" in said[0]
    after = scales(decision.network.body)
    assert after != before and all(new >= old for new, old in zip(after, before, strict=True))
    assert scales(narrow.body) == before


def test_ranges_that_suffice_stay(meter, student, quantized):
    decision = hold_generated(quantized, student, meter, min(meter.each(quantized.body).values()))
    assert decision.network is quantized and decision.share == 0 and decision.before == decision.psnr


def test_what_cannot_be_reached_is_left_to_the_verdict(meter, student, narrow):
    decision = hold_generated(narrow, student, meter, 500.0)
    assert decision.before < decision.psnr < 500.0


def test_the_narrowest_ranges_that_suffice_are_taken(meter, student, narrow):
    one, other = (hold_generated(narrow, student, meter, least).share for least in (0.0, 500.0))
    assert one == 0 < other
    nearest = hold_generated(narrow, student, meter, 500.0)
    enough = hold_generated(narrow, student, meter, nearest.before + (nearest.psnr - nearest.before) / 4)
    assert 0 < enough.share <= nearest.share


def test_photographs_come_first(meter, student, narrow):
    decision = hold_generated(narrow, student, meter, 500.0, fits=lambda body: False)
    assert decision.network is narrow and decision.share == 0
