"""The ONNX files themselves: opset, names, metadata, free sides and half precision."""

import functools
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from restorect_edge.errors import BackendError
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.export.options import ExportOptions
from restorect_edge.models.tracing.graph import Graph, trace_split, trace_whole
from restorect_edge.models.weights import load_weights
from restorect_edge.spec import ImageSpec
from restorect_edge.targets.onnx import converter as target
from restorect_edge.targets.onnx.foreign import run_literally

SHAPE = (64, 96)
METADATA = {"restorect_edge.name": "lowlight-small", "restorect_edge.color": "RGB"}


@pytest.fixture(scope="module")
def weights():
    return load_weights("lowlight-small")


@pytest.fixture(scope="module")
def graph(weights):
    """`graph(role, dynamic)` traces a graph of the network, once."""

    @functools.cache
    def traced(role: str, dynamic: bool) -> Graph:
        split = role != "whole"
        trace = trace_split if split else trace_whole
        graphs = trace(weights.network, weights.spec(split=split), [SHAPE], dynamic)
        return next(graph for graph in graphs if graph.role == role)

    return traced


@pytest.fixture(scope="module")
def file(graph, tmp_path_factory):
    """`file(role, dynamic, precision)` converts a graph, once."""

    @functools.cache
    def converted(role: str, dynamic: bool, precision: str) -> Path:
        options = ExportOptions(precision=precision, dynamic=dynamic, metadata=METADATA)
        return target.convert(graph(role, dynamic), tmp_path_factory.mktemp("onnx"), options)

    return converted


def run(path, **feeds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


def picture(height, width):
    image = 0.2 * np.random.default_rng(height).random((1, 3, height, width), dtype=np.float32)
    image[..., width // 2 :] *= 4
    return image


def reference(network, image):
    with torch.inference_mode():
        return network(torch.from_numpy(image)).numpy()


def test_the_file_says_what_it_is(file):
    path = file("whole", False, "fp32")
    model = onnx.load(path)
    assert path.name == "model.onnx"
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
    assert {entry.key: entry.value for entry in model.metadata_props}.items() >= METADATA.items()
    assert [sides(value) for value in (*model.graph.input, *model.graph.output)] == [
        ("image", [1, 3, *SHAPE]), ("restored", [1, 3, *SHAPE])
    ]  # fmt: skip
    kinds = {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)}
    assert kinds == {onnx.TensorProto.FLOAT}
    assert list(path.parent.iterdir()) == [path], "weights are inside"


def sides(value):
    dims = value.type.tensor_type.shape.dim
    return value.name, [d.dim_value if d.HasField("dim_value") else d.dim_param for d in dims]


def test_the_notes_list_the_operators(file):
    path = file("whole", False, "fp32")
    notes = target.finish(path.parent, [path], ExportOptions())
    assert notes["opset"] == 18
    assert "Conv" in notes["operators"]["model.onnx"]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("precision", "gate"), [("fp32", 80), ("fp16", 50)])
def test_the_whole_network_agrees_with_torch(weights, file, precision, gate, dynamic):
    path = file("whole", dynamic, precision)
    for size in (SHAPE, (40, 136)) if dynamic else (SHAPE,):
        image = picture(*size)
        restored = run(path, image=image)
        assert restored.shape == image.shape
        assert restored.dtype == np.float32
        assert psnr(restored, reference(weights.network, image), peak=1.0) >= gate


@pytest.mark.parametrize(("precision", "gate"), [("fp32", 80), ("fp16", 50)])
def test_prior_and_body_agree_with_torch(weights, file, precision, gate):
    prior, body = (file(role, True, precision) for role in ("prior", "body"))
    assert (prior.name, body.name) == ("prior.onnx", "body.onnx")
    for size in (SHAPE, (40, 136)):
        image = picture(*size)
        with torch.inference_mode():
            seen = weights.student.thumbnail(torch.from_numpy(image)).numpy()
        z = run(prior, thumbnail=seen)
        restored = run(body, image=image, z=z)
        assert psnr(restored, reference(weights.network, image), peak=1.0) >= gate


def test_free_sides_have_names(file):
    model = onnx.load(file("body", True, "fp32"))
    assert sides(model.graph.input[0]) == ("image", [1, 3, "height", "width"])


def test_half_precision_halves_the_weights(file):
    model = onnx.load(file("whole", False, "fp16"))
    assert model.ByteSize() < 0.6 * file("whole", False, "fp32").stat().st_size
    kernels = {t.data_type for t in model.graph.initializer if len(t.dims) == 4}
    assert kernels == {onnx.TensorProto.FLOAT16}


def test_nothing_is_printed(graph, tmp_path, capfd):
    target.convert(graph("prior", True), tmp_path, ExportOptions())
    assert capfd.readouterr() == ("", "")


def test_what_onnx_cannot_say_is_a_back_end_failure(tmp_path):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x).real

    program = torch.export.export(Odd(), (torch.rand(1, 3, 8, 8),))
    graph = Graph(
        role="whole", stem="model", program=program, inputs=("image",), output="restored", shape=(8, 8)
    )
    with pytest.raises(BackendError, match="torch cannot write graph 'model' as ONNX"):
        target.convert(graph, tmp_path, ExportOptions())
    assert list(tmp_path.iterdir()) == []


class Guarded(torch.nn.Module):
    """Divides by what may be zero, but for an epsilon; and multiplies by nearly one."""

    def forward(self, x):
        return (x / (x + 1e-8)) * 1.000005


def test_a_small_epsilon_stays():
    (graph,) = trace_whole(Guarded(), ImageSpec(), [(8, 8)], False)
    model = target.written(graph)
    assert sorted(node.op_type for node in model.graph.node) == ["Add", "Div", "Mul"]
    black = np.zeros((1, 3, 8, 8), np.float32)
    assert not run_literally(model, black, ["restored"])["restored"].any()
