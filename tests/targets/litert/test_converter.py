"""LiteRT conversion: what the file says of itself, and what it computes."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from restorect_edge.cli.export import main
from restorect_edge.errors import BackendError, UsageError
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.export.options import ExportOptions
from restorect_edge.models.tracing.graph import Graph, trace_split, trace_whole
from restorect_edge.quantization.qdq import Q
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.litert.converter import convert, finish
from restorect_edge.targets.registry import TARGETS

SHAPE = (48, 64)
SPEC = ImageSpec(size=SizeRequirements(minimum=8, multiple_of=8))
FULL = ExportOptions(precision="fp32", metadata={"restorect_edge.name": "tiny", "restorect_edge.steps": "1"})
INT8 = ExportOptions(precision="int8")
HALF = ExportOptions(precision="fp16")


@pytest.fixture(scope="module")
def student(tiny):
    return tiny(1)


@pytest.fixture(scope="module")
def graphs(student):
    """Whole, prior and body."""
    found = [*trace_whole(student, SPEC, [SHAPE], False), *trace_split(student, SPEC, [SHAPE], False)]
    return {graph.role: graph for graph in found}


@pytest.fixture(scope="module")
def files(graphs, tmp_path_factory):
    directory = tmp_path_factory.mktemp("full")
    return {role: convert(graph, directory, FULL) for role, graph in graphs.items()}


@pytest.fixture(scope="module")
def half(graphs, tmp_path_factory):
    return convert(graphs["body"], tmp_path_factory.mktemp("half"), HALF)


def feeds(graph, seed=0):
    """Random inputs of a graph by name; images dark, as they come."""
    numbers = np.random.default_rng(seed)
    values = [n.meta["val"] for n in graph.program.graph.nodes if n.op == "placeholder"]
    shapes = [tuple(v.shape) for v in values[-len(graph.inputs) :]]
    return {
        name: numbers.random(shape, np.float32) * np.float32(1 if name == "z" else 0.2)
        for name, shape in zip(graph.inputs, shapes, strict=True)
    }


def run(file, inputs):
    return Interpreter(model_path=str(file)).get_signature_runner()(**inputs)


def expected(graph, inputs):
    with torch.no_grad():
        return graph.program.module()(*(torch.from_numpy(inputs[name]) for name in graph.inputs)).numpy()


@pytest.mark.parametrize("role", ["whole", "prior", "body"])
def test_it_computes_what_torch_does(graphs, files, role):
    graph = graphs[role]
    for seed in range(3):
        inputs = feeds(graph, seed)
        (output,) = run(files[role], inputs).values()
        assert np.abs(output - expected(graph, inputs)).max() <= 1e-5


@pytest.mark.parametrize(
    ("role", "inputs", "output"),
    [
        ("whole", {"image": (1, 3, *SHAPE)}, "restored"),
        ("prior", {"thumbnail": (1, 6, 32, 32)}, "z"),
        ("body", {"image": (1, 3, *SHAPE), "z": (1, 16, 1, 1)}, "restored"),
    ],
)
def test_inputs_and_outputs_are_float32_by_name(files, role, inputs, output):
    runner = Interpreter(model_path=str(files[role])).get_signature_runner()
    found = runner.get_input_details()
    assert {name: tuple(d["shape"]) for name, d in found.items()} == inputs
    assert list(runner.get_output_details()) == [output]
    details = [*found.values(), *runner.get_output_details().values()]
    assert {d["dtype"] for d in details} == {np.float32}


def stepped(value, scale=2 / 255):
    """Of 8 bits and back, in steps of two levels of 255."""
    arguments = (scale, 0, -128, 127, torch.int8)
    return Q.dequantize_per_tensor(Q.quantize_per_tensor(value, *arguments), *arguments)


class Shortcut(torch.nn.Module):
    """Computes a value, and adds to it what a convolution in 8 bits makes of it."""

    def __init__(self, leave, back):
        super().__init__()
        self.leave, self.back = leave, back
        self.enter = torch.nn.Conv2d(3, 3, 1)
        count = leave(torch.zeros(1, 3, 16, 16)).shape[1]
        self.register_buffer("levels", torch.ones(count, count, 1, 1, dtype=torch.int8))
        self.register_buffer("scales", torch.full((count,), 1e-3))
        self.register_buffer("zeros", torch.zeros(count, dtype=torch.int64))

    def forward(self, image):
        value = self.enter(image)
        weight = Q.dequantize_per_channel(self.levels, self.scales, self.zeros, 0, -127, 127, torch.int8)
        made = torch.nn.functional.conv2d(stepped(self.leave(value)), weight)
        return value + self.back(made)


MOVED = {
    "unshuffled": (lambda v: F.pixel_unshuffle(v, 2), lambda v: F.pixel_shuffle(v, 2)),
    "turned": (lambda v: v.transpose(2, 3), lambda v: v.transpose(2, 3)),
    "reshaped": (lambda v: v.reshape(1, 12, 8, 8), lambda v: v.reshape(1, 3, 16, 16)),
}


@pytest.mark.parametrize("how", MOVED)
def test_what_is_read_in_float_beside_a_quantizer_stays_float(tmp_path, how):
    module = Shortcut(*MOVED[how]).eval()
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    graph = Graph(
        role="body",
        stem="body",
        program=torch.export.export(module, (image,)),
        inputs=("image",),
        output="restored",
        shape=(16, 16),
    )
    (output,) = run(convert(graph, tmp_path, INT8), {"image": image.numpy()}).values()
    with torch.no_grad():
        off = (module(image) - torch.from_numpy(output)).abs().max()
    assert off < 2e-3  # a level of the result of the convolution; the shortcut in 8 bits is off by 4e-3


def test_the_metadata_is_in_the_file(files):
    model = schema.Model.GetRootAs(files["body"].read_bytes())
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    found = {e.Name().decode(): model.Buffers(e.Buffer()).DataAsNumpy().tobytes().decode() for e in entries}
    assert found.items() >= FULL.metadata.items()


def test_half_weights_take_half_and_cost_little(graphs, files, half):
    assert half.stat().st_size < 0.8 * files["body"].stat().st_size
    inputs = feeds(graphs["body"])
    (output,) = run(half, inputs).values()
    error = np.mean((output - expected(graphs["body"], inputs)) ** 2)
    assert 0 < error < 1e-5


def test_the_report_lists_operators(files):
    directory = files["body"].parent
    notes = finish(directory, list(files.values()), FULL)
    assert "CONV_2D" in notes["operators"]["body.tflite"]
    assert notes["weights"] == "fp32"
    json.dumps(notes)


def test_nothing_is_said_and_progress_stays_as_it_was(graphs, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LITERT_TORCH_SHOW_PROGRESS", "yes")
    with pytest.raises(BackendError, match="litert-torch cannot convert the body graph"):
        convert(_broken(graphs["body"]), tmp_path, FULL)
    import os

    assert os.environ["LITERT_TORCH_SHOW_PROGRESS"] == "yes"
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def _broken(graph):
    """The graph with an operation that LiteRT has not."""
    from dataclasses import replace

    class Unknown(torch.nn.Module):
        def forward(self, image, z):
            return torch.linalg.eigvals(image).real

    program = torch.export.export(Unknown(), (torch.zeros(1, 3, 8, 8), torch.zeros(1, 16, 1, 1)))
    return replace(graph, program=program)


def test_weights_alone_are_not_offered():
    with pytest.raises(UsageError, match=r"w8 is for --target coreml; litert has fp32, fp16, int8 and auto"):
        prepare("lowlight-small", ["litert"], ExportRequest(precision="w8"))


def test_free_sides_are_refused_at_once():
    with pytest.raises(UsageError, match=r"fixed sides: give --shapes instead of --dynamic.*--form split"):
        prepare("lowlight-small", ["litert"], ExportRequest(dynamic=True))


def test_all_leaves_it_out_where_sides_are_free(tmp_path, capsys):
    assert main(["--target", "all", "--dynamic", "--dry-run", "--json", "-o", str(tmp_path)]) == 0
    rows = json.loads(capsys.readouterr().out)["artifacts"]
    assert [row["target"] for row in rows] == [name for name, row in TARGETS.items() if row.free_sides]
