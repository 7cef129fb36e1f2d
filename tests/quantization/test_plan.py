"""The plan: complete, readable, in the names of the source, and the same byte for byte."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from restorect_edge.models import build
from restorect_edge.quantization.plan import PLAN_FILE, QuantPlan
from restorect_edge.quantization.quantize import quantize_student


@pytest.fixture(scope="module")
def plan(quantized, origin):
    return QuantPlan.of(quantized, **origin)


def test_the_same_input_gives_the_same_plan_byte_for_byte(plan, quantized, student, images, origin):
    again = quantize_student(student, images)
    assert QuantPlan.of(again, **origin).to_json() == plan.to_json()
    assert again.body.code == quantized.body.code
    first, second = quantized.state_dict(), again.state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_every_int8_weight_is_listed_under_its_name_in_the_source(plan, student):
    weights = {t.name: t for t in plan.tensors if t.kind == "weight"}
    layers = {f"{n}.weight": m for n, m in student.named_modules() if isinstance(m, nn.Conv2d)}
    excluded = {"body.exposure.weight", "body.colour.weight", "body.modulation.weight"}
    small = {n for n, m in layers.items() if n.startswith("prior.") and m.kernel_size == (1, 1)}
    assert weights.keys() == layers.keys() - excluded - small
    for name, tensor in weights.items():
        assert tensor.axis == 0
        assert len(tensor.scale) == layers[name].out_channels
        assert tensor.arithmetic == ("float" if name.startswith("prior.") else "int8")


def test_activations_name_their_module_and_readers(plan):
    activations = {t.name: t for t in plan.tensors if t.kind != "weight"}
    assert activations["body.decode1.0"].feeds == ("body.leave",)
    assert activations["body.decode1.0"].kind == "add"
    assert activations["body.decode1.0.activate"].feeds == ("body.decode1.0.second",)
    sums = "body (add of enter, pixel_shuffle)"
    assert activations[sums].feeds == ("body.decode1.0.first", "body.decode1.0")
    assert all(len(t.scale) == 1 and t.axis is None and t.feeds for t in activations.values())
    assert {(t.dtype, t.zero_point) for t in plan.tensors} == {("int8", 0)}


def test_exclusions_have_a_reason(plan):
    reasons = {entry["name"]: entry["why"] for entry in plan.excluded}
    assert "sets the exposure of the whole image" in reasons["prior"]
    assert "z alone" in reasons["body.exposure"]
    assert "carries the image itself" in reasons["body (clamp of add)"]
    assert all(reasons.values())


def test_a_closed_gate_returns_the_input_in_int8_too(images, origin):
    gated = build("nano-gated").deploy()
    gated.set_steps(1)
    assert gated.body.gate is not None
    nn.init.zeros_(gated.body.gate.bias)
    network = quantize_student(gated, images)
    reasons = {e["name"]: e["why"] for e in QuantPlan.of(network, **origin).excluded}
    assert "z alone" in reasons["body.gate"]
    assert "by z" in reasons["body (mul of leave, gate)"]
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(image), image, rtol=0, atol=1e-6)


def test_scales_read_back_as_the_float32_of_the_graph(plan, quantized):
    scale = next(t.scale for t in plan.tensors if t.name == "body.enter.weight")
    stored = quantized.body.get_buffer("enter_weight_scale").numpy()
    np.testing.assert_array_equal(np.float32(scale), stored)


def test_json(plan, tmp_path):
    path = plan.write(tmp_path)
    assert path == tmp_path / PLAN_FILE == tmp_path / "quantization.json"
    text = path.read_text(encoding="utf-8")
    data = json.loads(text)
    assert text == json.dumps(data, indent=1, sort_keys=True) + "\n"
    assert data["calibration_sha256"] == "ab" * 32
    assert (data["images"], data["seed"], data["calibration_source"]) == (2, 7, "two photographs")
    assert data["nncf"].split(".")[0].isdigit()
    assert len(data["tensors"]) == len(plan.tensors)


def test_it_names_its_weights_and_steps(plan):
    assert (plan.weights, plan.weights_sha256, plan.steps) == ("tiny", "cd" * 32, 1)


def test_the_biases_are_those_that_nncf_corrected(plan, quantized, student):
    assert plan.biases.keys() == {
        f"body.{n}" for n, m in student.body.named_modules() if isinstance(m, nn.Conv2d)
    }
    for name, values in plan.biases.items():
        stored = quantized.body.get_buffer(name.removeprefix("body.").replace(".", "_") + "_bias").numpy()
        np.testing.assert_array_equal(np.float32(values), stored)
    exposure, enter = student.body.exposure.bias, student.body.enter.bias
    np.testing.assert_array_equal(np.float32(plan.biases["body.exposure"]), exposure.detach())
    assert not np.array_equal(np.float32(plan.biases["body.enter"]), enter.detach())


def test_levels_are_those_of_the_graph(plan):
    assert {t.levels for t in plan.tensors if t.kind == "weight"} == {(-127, 127)}
    assert {t.levels for t in plan.tensors if t.kind != "weight"} == {(-128, 127)}
