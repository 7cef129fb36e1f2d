"""Rebuilding: the plan and the weights give the quantized student again, bit for bit, or an error."""

import json
from dataclasses import replace

import pytest
import torch

from restorect_edge.errors import IncompatibleError
from restorect_edge.models.student import build
from restorect_edge.quantization.plan import QuantPlan
from restorect_edge.quantization.quantize import planes
from restorect_edge.quantization.rebuild import rebuild

pytest.importorskip("nncf")


@pytest.fixture(scope="module")
def plan(quantized, tmp_path_factory, origin):
    """As it is read from a file."""
    return QuantPlan.read(QuantPlan.of(quantized, **origin).write(tmp_path_factory.mktemp("plan")))


@pytest.fixture(scope="module")
def rebuilt(student, plan):
    return rebuild(student, plan)


def test_reading_gives_what_was_written(plan, quantized, origin):
    assert plan == QuantPlan.of(quantized, **origin)
    assert (plan.weights, plan.weights_sha256, plan.steps) == ("tiny", "cd" * 32, 1)


def test_every_number_is_the_same(rebuilt, quantized):
    first, second = quantized.state_dict(), rebuilt.state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert rebuilt.excluded == quantized.excluded


@pytest.mark.parametrize("shape", [(64, 96), (8, 8), (40, 24)])
def test_the_output_is_the_same_bit_for_bit(rebuilt, quantized, images, shape):
    image = planes(images[1])[:, :, : shape[0], : shape[1]]
    with torch.no_grad():
        assert torch.equal(rebuilt(image), quantized(image))


def test_its_plan_is_the_same_byte_for_byte(rebuilt, plan, origin):
    assert QuantPlan.of(rebuilt, **origin).to_json() == plan.to_json()


def test_blocks_returned_to_float_stay_so(student, quantized, images, origin):
    mixed = quantized.with_float(student, ["decode1.0.first", "up2"])
    plan = QuantPlan.of(mixed, **origin)
    again = rebuild(student, plan)
    assert QuantPlan.of(again, **origin) == plan
    with torch.no_grad():
        assert torch.equal(again(planes(images[0])), mixed(planes(images[0])))


def test_the_student_is_left_as_it_was(rebuilt, student):
    fresh = build("nano").deploy().state_dict()
    assert all(torch.equal(value, fresh[key]) for key, value in student.state_dict().items())


def test_weights_that_were_tuned_do_not_fit(plan):
    tuned = build("nano").deploy()
    with torch.no_grad():
        tuned.body.down2.weight.mul_(1.002)
    with pytest.raises(IncompatibleError, match=r"scales of 'body\.down2\.weight' are of other values"):
        rebuild(tuned, plan)


def test_a_network_of_another_size_does_not_fit(plan):
    with pytest.raises(IncompatibleError, match="the plan is not of this network: "):
        rebuild(build("small").deploy(), plan)


def test_an_unknown_operation(student, plan):
    odd = replace(plan.tensors[-1], name="body.decode9", kind="relu")
    with pytest.raises(IncompatibleError, match=r"0 operations of the network are called 'body\.decode9'"):
        rebuild(student, replace(plan, tensors=(*plan.tensors, odd)))


def test_other_scales_of_the_prior(student, plan):
    first = replace(plan.tensors[0], scale=tuple(2 * s for s in plan.tensors[0].scale))
    with pytest.raises(IncompatibleError, match="its tensors differ"):
        rebuild(student, replace(plan, tensors=(first, *plan.tensors[1:])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 1}, "has schema version 1, this restorect_edge reads 2"),
        ({"tensors": [{"name": "body.enter"}]}, "is damaged: KeyError"),
        ({"unheard_of": 1}, "is damaged: TypeError"),
        ({"biases": None}, "is damaged: AttributeError"),
    ],
)
def test_a_damaged_plan(plan, tmp_path, change, message):
    path = plan.write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(IncompatibleError, match=message):
        QuantPlan.read(path)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "no JSON"])
def test_no_plan(tmp_path, text):
    path = tmp_path / "quantization.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(IncompatibleError, match="is not a quantization plan"):
        QuantPlan.read(path)
