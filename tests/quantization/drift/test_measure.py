"""Drift: sums that equal the formulas, lanes that equal the networks, and faults found where they are."""

import copy
import gc
import math
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn

from restorect_edge.errors import UsageError
from restorect_edge.models.student import build
from restorect_edge.quantization.drift.measure import STAGES, Energies, PairedBody, _Meters, measure
from restorect_edge.quantization.quantize import planes

pytest.importorskip("nncf")


@pytest.fixture(scope="module")
def rows(student, quantized, images):
    """Of the nano student on two photographs, by name."""
    return {row.name: row for row in measure(student, quantized, images)}


VALUES = hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-8, 8, width=16))


@given(parts=st.lists(VALUES, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_streamed_sums_give_what_all_values_at_once_give(parts, seed):
    rng = np.random.default_rng(seed)
    others = [part + rng.normal(0, 0.1, part.shape).astype(np.float32) for part in parts]
    energies = Energies()
    for wanted, got in zip(parts, others, strict=True):
        energies.add(torch.from_numpy(wanted), torch.from_numpy(got))
    x, y = (np.concatenate(values).astype(np.float64) for values in (parts, others))
    if not x.any():
        assert energies.snr == -math.inf
        return
    assert energies.snr == pytest.approx(10 * np.log10((x**2).sum() / ((x - y) ** 2).sum()), abs=1e-6)
    assert energies.cosine == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y), abs=1e-9)


def test_equal_tensors_do_not_differ_and_zero_against_something_is_lost():
    same, lost = Energies(), Energies()
    same.add(torch.ones(3), torch.ones(3))
    lost.add(torch.zeros(3), torch.ones(3))
    assert (same.snr, same.cosine) == (math.inf, 1.0)
    assert (lost.snr, lost.cosine) == (-math.inf, 0.0)


def test_the_lanes_are_the_float_and_the_quantized_body_bit_for_bit(student, quantized, images):
    image = planes(images[0])
    with torch.no_grad():
        z = student.prior(student.thumbnail(image))
        both = PairedBody(quantized.body, student.body, _Meters()).run(image, z)
        assert torch.equal(both.wanted, student.body(image, z))
        assert torch.equal(both.got, quantized.body(image, z))


def test_every_convolution_has_a_row_under_its_name_in_the_source(rows, student):
    layers = {n for n, m in student.named_modules() if isinstance(m, nn.Conv2d) and "_flow." not in n}
    steps = {f"prior.{flow}_flow step 1" for flow in ("image", "retinex")}
    assert rows.keys() == layers | steps | {"body", "student"}


def test_rows_come_by_stage_and_in_the_order_of_the_graph(rows):
    stages = [row.stage for row in rows.values()]
    assert stages == sorted(stages, key=STAGES.index)
    body = [row.name for row in rows.values() if row.stage == "body"]
    assert body.index("body.enter") < body.index("body.down2") < body.index("body.up2")
    assert body[-1] == "body.leave"


def test_float_modules_hardly_drift_and_int8_ones_do(rows):
    assert min(rows["body.exposure"].snr, rows["body.modulation"].snr) > 60.0
    assert rows["prior.image_encoder.out"].alone_snr > 60.0
    for name in ("body.decode1.0.first", "body.leave", "prior.decomposition.layers.0"):
        assert 15.0 < rows[name].snr < 60.0
        assert 0.9 < rows[name].cosine < 1.0


def test_what_reads_the_input_drifts_by_itself_only(rows):
    for name in ("body.exposure", "prior.decomposition.layers.0"):
        assert rows[name].snr == rows[name].alone_snr
        assert rows[name].cosine == rows[name].alone_cosine


def test_accumulated_is_what_hooks_on_both_networks_give(rows, student, quantized, images):
    energies, found = Energies(), []
    with (
        student.body.decode1[0].first.register_forward_hook(lambda m, i, o: found.append(o)),
        torch.no_grad(),
    ):
        for levels in images:
            image = planes(levels)
            z = student.prior(student.thumbnail(image))
            student.body(image, z)
            energies.add(found.pop(), _output_of(quantized.body, "decode1.0.first", image, z))
    assert rows["body.decode1.0.first"].snr == pytest.approx(energies.snr, abs=1e-9)


def _output_of(body, path, image, z):
    """Run a copy of the graph that returns what the convolution of a module gives."""
    cut = copy.deepcopy(body)
    node = next(n for n in cut.graph.nodes if n.target is torch.ops.aten.conv2d.default and _path(n) == path)
    cut.graph.output_node().args = (node,)
    cut.recompile()
    return cut(image, z)


def _path(node):
    return next(reversed(node.meta["nn_module_stack"].values()))[0]


def test_a_fault_in_one_module_is_that_modules_own(student, quantized, images):
    damaged = copy.deepcopy(quantized)
    damaged.body.get_buffer("down2_weight").neg_()
    found = {row.name: row for row in measure(student, damaged, images[:1])}
    alone = {name: row.alone_snr for name, row in found.items() if row.alone_snr is not None}
    assert min(alone, key=alone.get) == "body.down2"
    assert alone["body.down2"] < 0.0 < alone["body.decode1.0.first"]
    assert found["body.enter"].snr > 15.0


def test_a_fault_in_the_prior_shows_in_the_flows_and_the_whole_but_not_in_the_body(
    rows, student, quantized, images
):
    damaged = copy.deepcopy(quantized)
    damaged.prior.get_submodule("image_encoder.layers.1").weight.neg_()
    found = {row.name: row for row in measure(student, damaged, images)}
    assert found["prior.image_flow step 1"].snr < rows["prior.image_flow step 1"].snr - 10
    assert found["prior.retinex_flow step 1"].snr == rows["prior.retinex_flow step 1"].snr
    assert found["body"].snr == rows["body"].snr
    assert found["student"].snr != rows["student"].snr


def test_each_step_of_a_flow_has_its_latent(images):
    from restorect_edge.quantization.qdq import clean
    from restorect_edge.quantization.quantize import QuantizedStudent, trace_body

    network = build("nano").deploy()
    network.set_steps(4)
    half = QuantizedStudent(network, clean(trace_body(network), network.body), {})
    found = {row.name: row for row in measure(network, half, images[:1])}
    steps = [name for name in found if " step " in name]
    assert steps == [f"prior.{f}_flow step {k}" for f in ("image", "retinex") for k in (1, 2, 3, 4)]
    assert len({found[name].snr for name in steps}) == 8
    assert found["body"].snr > 60.0


def test_networks_are_left_without_hooks(rows, student, quantized):
    for network in (student, quantized):
        assert not any(module._forward_hooks for module in network.modules())


def test_photographs_are_read_one_at_a_time_and_not_kept(student, quantized, images):
    kept = []

    def photographs():
        for _ in range(3):
            image = images[0].copy()
            kept.append(weakref.ref(image))
            yield image
            del image
            gc.collect()
            assert sum(ref() is not None for ref in kept) <= 1

    measure(student, quantized, photographs())
    assert len(kept) == 3


def test_values_are_dropped_once_nothing_reads_them(student, quantized, images):
    held = []

    class Watched(PairedBody):
        def run_node(self, n):
            held.append(len([v for k, v in self.env.items() if k.op == "call_function"]))
            return super().run_node(n)

    image = planes(images[0])
    with torch.no_grad():
        Watched(quantized.body, student.body, _Meters()).run(image, student.prior(student.thumbnail(image)))
    assert len(held) > 100
    assert max(held) < 12


def test_a_photograph_that_is_too_small(student, quantized):
    with pytest.raises(UsageError, match=r"has 4x64 pixels .* at least 8"):
        measure(student, quantized, [np.zeros((4, 64, 3), np.uint8)])
