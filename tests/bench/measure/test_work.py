"""Multiply-adds and bytes: of layers worked out by hand, and of the student as PyTorch counts it."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from restorect_edge.bench.measure.record import Work
from restorect_edge.bench.measure.work import count_graph, total
from restorect_edge.models.weights import load_weights

openvino = pytest.importorskip("openvino")
ops = openvino.opset13


def counted(folder, given, inputs):
    """Save a graph and count it."""
    path = folder / "model.xml"
    openvino.save_model(openvino.Model([given], inputs), path, compress_to_fp16=False)
    return count_graph(path, (10, 12))


def image(*shape):
    return ops.parameter(openvino.PartialShape(shape), np.float32, name="image")


def zeros(*shape):
    return ops.constant(np.zeros(shape, np.float32))


HALVES = ([2, 2], [0, 0], [0, 0], [1, 1])
SAME = ([1, 1], [1, 1], [1, 1], [1, 1])


@pytest.mark.parametrize("side", [10, -1], ids=["fixed", "open"])
def test_a_convolution(tmp_path, side):
    taken = image(1, 3, side, 12 if side > 0 else -1)
    found = counted(tmp_path, ops.convolution(taken, zeros(16, 3, 3, 3), *SAME), [taken])
    assert found.macs == 16 * 3 * 3 * 3 * 10 * 12
    assert found.weight_bytes == 4 * 16 * 3 * 3 * 3
    assert found.bytes_moved == 4 * (3 * 10 * 12 + 16 * 3 * 3 * 3 + 16 * 10 * 12)
    assert found.int8_macs == 0


def test_a_convolution_with_strides_gives_fewer_values(tmp_path):
    taken = image(1, 8, 10, 12)
    found = counted(tmp_path, ops.convolution(taken, zeros(16, 8, 2, 2), *HALVES), [taken])
    assert found.macs == 16 * 8 * 2 * 2 * 5 * 6


def test_a_grouped_convolution_reads_its_group_alone(tmp_path):
    taken = image(1, 8, 10, 12)
    found = counted(tmp_path, ops.group_convolution(taken, zeros(8, 1, 1, 3, 3), *SAME), [taken])
    assert found.macs == 8 * 3 * 3 * 10 * 12


def test_a_transposed_convolution_spreads_what_it_takes(tmp_path):
    taken = image(1, 8, 5, 6)
    layer = ops.convolution_backprop_data(taken, zeros(8, 4, 2, 2), [2, 2])
    assert counted(tmp_path, layer, [taken]).macs == 8 * 5 * 6 * 4 * 2 * 2


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_product(tmp_path, transposed):
    taken = image(*((32, 7) if transposed else (7, 32)))
    found = counted(tmp_path, ops.matmul(taken, zeros(32, 5), transposed, False), [taken])
    assert (found.macs, found.bytes_moved) == (7 * 32 * 5, 4 * (7 * 32 + 32 * 5 + 7 * 5))


def test_two_activations_have_no_weights(tmp_path):
    left, right = image(7, 32), image(32, 5)
    found = counted(tmp_path, ops.matmul(left, right, False, False), [left, right])
    assert (found.macs, found.weight_bytes) == (7 * 32 * 5, 0)


def test_layers_that_do_not_multiply_and_add_are_free(tmp_path):
    taken = image(1, 3, 10, 12)
    assert counted(tmp_path, ops.relu(taken), [taken]) == Work(macs=0, bytes_moved=0, weight_bytes=0)


@pytest.mark.parametrize("artifact", ["artifact_onnx", "artifact_openvino"])
def test_the_student_as_pytorch_counts_it(request, artifact):
    opened = request.getfixturevalue(artifact)
    found = count_graph(opened.path / opened.manifest.graphs[0].file, None)
    network = load_weights("lowlight-small").network
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 64, 96))
    assert found.macs == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)
    parameters = sum(p.numel() for p in network.parameters())
    assert found.weight_bytes == pytest.approx(4 * parameters, rel=0.15), "some products are of constants"


def test_int8_is_what_has_two_factors_of_8_bits(artifact_int8, artifact_onnx, artifact_split):
    found, float32 = (
        count_graph(a.path / a.manifest.graphs[0].file, None) for a in (artifact_int8, artifact_onnx)
    )
    (body,) = artifact_split.files("body")
    of_body = count_graph(artifact_split.path / body.file, (64, 96))
    assert found.macs == float32.macs
    assert 0.5 * of_body.macs < found.int8_macs <= 1.001 * of_body.macs, "the body's; the prior stays float32"
    assert float32.int8_macs == of_body.int8_macs == 0
    assert found.bytes_moved < 0.7 * float32.bytes_moved


def test_parts_add_up():
    one = Work(macs=5, bytes_moved=6, weight_bytes=7, int8_macs=2)
    assert total([one, one]) == Work(macs=10, bytes_moved=12, weight_bytes=14, int8_macs=4)


def test_what_cannot_be_counted(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    assert count_graph(tmp_path / "model.onnx", None) is None
    assert count_graph(tmp_path / "model.tflite", None) is None
