"""Quantization-aware fine-tuning: what is trained, that it learns, and that the same steps give the same."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("nncf")

from restorect_edge.errors import BackendError
from restorect_edge.quantization.qat import finetune as module
from restorect_edge.quantization.qat.finetune import finetune
from restorect_edge.quantization.qat.trainable import trainable, written_back
from restorect_edge.quantization.quantize import planes, quantize_student

STEPS = 5
NOT_TRAINED = ("prior.", "body.exposure.", "body.colour.", "body.modulation.")


@pytest.fixture(scope="module")
def tuned(student, images):
    """The nano student after five steps."""
    return finetune(student, images, minutes=1.0, seed=1, steps=STEPS)[0]


def test_weights_and_biases_of_quantized_convolutions_change_and_nothing_else(student, tuned):
    after = tuned.state_dict()
    for name, value in student.state_dict().items():
        if name.startswith(NOT_TRAINED):
            assert torch.equal(value, after[name]), name
        else:
            assert not torch.equal(value, after[name]), name
            assert (value - after[name]).abs().max() < 1e-3


def test_the_student_is_left_as_it_was(student, tuned):
    from restorect_edge.models import build

    fresh = build("nano").deploy().state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in student.state_dict().items())
    assert not tuned.training


def test_the_same_steps_give_the_same_weights(student, images, tuned):
    again, steps = finetune(student, images, minutes=9.0, seed=1, steps=STEPS)
    assert steps == STEPS
    assert all(torch.equal(value, tuned.state_dict()[n]) for n, value in again.state_dict().items())


def test_another_seed_gives_other_weights(student, images, tuned):
    other = finetune(student, images, minutes=1.0, seed=2, steps=STEPS)[0]
    assert not torch.equal(other.body.enter.weight, tuned.body.enter.weight)


def test_the_trained_graph_computes_what_the_quantized_one_does(student, quantized, images):
    body = trainable(quantized, student)
    image = planes(images[0])
    with torch.no_grad():
        z = quantized.prior(quantized.thumbnail(image))
        assert (body(image, z) - quantized.body(image, z)).abs().max() < 0.02
        assert (body(image, z) - quantized.body(image, z)).abs().mean() < 1e-3


def test_half_the_range_of_weights_is_kept(student, images):
    network = quantize_student(student, images, saturation_safe=True)
    body = trainable(network, student)
    image = planes(images[0])
    with torch.no_grad():
        z = network.prior(network.thumbnail(image))
        assert (body(image, z) - network.body(image, z)).abs().mean() < 1e-3


def test_untrained_parameters_are_those_of_the_student(student, quantized):
    same = written_back(student, trainable(quantized, student))
    assert all(torch.equal(value, same.state_dict()[n]) for n, value in student.state_dict().items())


def test_it_brings_the_quantized_network_nearer_to_the_float_one(student, images, monkeypatch):
    monkeypatch.setattr(module, "LEARNING_RATE", 1e-4)
    tuned = finetune(student, images, minutes=1.0, steps=40)[0]

    def distance(source):
        network = quantize_student(source, images)
        with torch.no_grad():
            return np.mean([float(F.l1_loss(network(planes(i)), student(planes(i)))) for i in images])

    assert distance(tuned) < distance(student)


def test_minutes_decide_the_steps(student, images):
    steps = finetune(student, images, minutes=1e-9)[1]
    assert steps == module.TIMED


def test_a_loss_that_is_not_finite_is_an_error(student, images):
    broken = copy.deepcopy(student)
    with torch.no_grad():
        broken.body.leave.bias[0] = float("nan")
    with pytest.raises(BackendError, match="fine-tuning is nan at step 0; quantize without --qat"):
        finetune(broken, images, minutes=1.0, steps=1)
