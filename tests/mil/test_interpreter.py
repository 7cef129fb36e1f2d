"""The MIL interpreter itself: declared types, memory, refusals, and the runtime around it."""

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it

from restorect_edge.artifact import GraphFile, Manifest
from restorect_edge.errors import BackendError, IncompatibleError, MissingDependencyError
from restorect_edge.export.options import ExportOptions
from restorect_edge.mil import table
from restorect_edge.mil.interpreter import MilProgram
from restorect_edge.models.tracing.graph import trace_whole
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.coreml.converter import convert
from restorect_edge.targets.coreml.interpreted import MilRuntime
from restorect_edge.targets.coreml.runtime import CoreMLRuntime, _from_image, _to_image

ONE = np.float16(1)


def swallow(x):
    """(x + 1) − 1, of which float16 keeps only multiples of 2⁻¹⁰."""
    return mb.sub(x=mb.add(x=x, y=ONE), y=ONE)


def test_float16_results_are_rounded_as_declared(evaluate):
    x = np.array([0.25, 2**-10, 2**-11, 3 * 2**-11, 1e-4], np.float16)
    rounded = evaluate(swallow, x)
    np.testing.assert_array_equal(rounded, [0.25, 2**-10, 0, 2**-9, 0])  # ties go to even
    assert rounded.dtype == np.float32


def test_float32_throughout_on_request(evaluate):
    x = np.array([2**-11, 3 * 2**-11], np.float16)
    np.testing.assert_array_equal(evaluate(swallow, x, round_float16=False), x)


def test_float16_sums_are_accumulated_in_float32(evaluate):
    """Added one by one in float16, 3000 ones stop at 2048."""
    x = np.ones((1, 3000), np.float16)
    total, product = evaluate(
        lambda x: (
            mb.reduce_sum(x=x, axes=[1]),
            mb.linear(x=x, weight=np.ones((1, 3000), np.float16), bias=np.zeros(1, np.float16)),
        ),
        x,
    )
    assert total == 3000
    assert product == 3000


def test_float16_overflows_to_infinity(evaluate):
    x = np.array([300.0, -300.0], np.float16)
    np.testing.assert_array_equal(evaluate(lambda x: mb.mul(x=x, y=x), x), [np.inf, np.inf])


def test_values_are_dropped_after_their_last_use(save_program, monkeypatch):
    def chain(x):
        for _ in range(20):
            x = mb.add(x=x, y=mb.relu(x=x))
        return x

    program = MilProgram(save_program(chain, np.zeros((1, 4), np.float32)))
    held = []
    evaluate_step = MilProgram._evaluate

    def spy(self, step, values):
        evaluate_step(self, step, values)
        held.append(len(values))

    monkeypatch.setattr(MilProgram, "_evaluate", spy)
    program({program.inputs[0].name: np.zeros((1, 4), np.float32)})
    assert len(held) == 40
    assert max(held) <= 2


def test_an_unused_input_and_an_unused_result(evaluate):
    def build(x, y):
        mb.relu(x=y)
        return mb.square(x=x)

    np.testing.assert_array_equal(evaluate(build, np.float32([3]), np.float32([4])), [9])


def test_one_program_runs_many_times(save_program):
    program = MilProgram(save_program(lambda x: mb.square(x=x), np.zeros(3, np.float32)))
    name, out = program.inputs[0].name, program.outputs[0].name
    for x in (np.float32([1, 2, 3]), np.float32([4, 5, 6])):
        np.testing.assert_array_equal(program({name: x})[out], x**2)


def test_an_unknown_operation_is_refused(save_program):
    path = save_program(lambda x: mb.non_zero(x=x), np.zeros(3, np.float32))
    with pytest.raises(
        IncompatibleError, match=r"operation non_zero \(making 'non_zero_.*'\) is not one of the \d+"
    ):
        MilProgram(path)


def unknown(x: torch.Tensor, alpha: float) -> torch.Tensor:
    raise AssertionError("must not be called")


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("clip", {"alpha": 0.0, "beta": 1.0}, r"clip 'clip_0': input 'beta' is not handled; the MIL"),
        ("relu", {}, r"relu 'relu_0': input 'alpha' is missing"),
    ],
)
def test_other_arguments_than_the_handlers_are_refused(save_program, monkeypatch, name, given, message):
    """As if a later operation set gave an operation other inputs than its handler knows."""
    path = save_program(lambda x: getattr(mb, name)(x=x, **given), np.zeros(3, np.float32))
    monkeypatch.setattr(table, "TABLE", dict(table.TABLE))
    table.op(name)(unknown)
    with pytest.raises(IncompatibleError, match=message):
        MilProgram(path)


def test_a_result_of_another_shape_than_declared_is_an_error(save_program, monkeypatch):
    path = save_program(lambda x: mb.relu(x=x), np.zeros((2, 3), np.float32))
    monkeypatch.setattr(table, "TABLE", dict(table.TABLE))

    @table.op("relu")
    def flat(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1)

    program = MilProgram(path)
    with pytest.raises(BackendError, match=r"relu 'relu_0': result \(6,\) where \(2, 3\) is declared"):
        program({program.inputs[0].name: np.zeros((2, 3), np.float32)})


def test_wrong_feeds_are_refused(save_program):
    program = MilProgram(save_program(lambda x: mb.relu(x=x), np.zeros((2, 3), np.float32)))
    with pytest.raises(IncompatibleError, match=r"the package takes \['x'\], got \['y'\]"):
        program({"y": np.zeros((2, 3), np.float32)})
    with pytest.raises(IncompatibleError, match=r"input 'x' is \(2, 3\), got an array \(3, 2\)"):
        program({"x": np.zeros((3, 2), np.float32)})


def test_what_is_not_a_package_is_refused(tmp_path):
    with pytest.raises(IncompatibleError, match=r"is not a Core ML package: expected a \.mlpackage folder"):
        MilProgram(tmp_path / "absent.mlpackage")
    empty = tmp_path / "empty.mlpackage"
    empty.mkdir()
    with pytest.raises(IncompatibleError, match="cannot be read as a Core ML package"):
        MilProgram(empty)


def test_a_truncated_weight_blob_is_refused(save_program):
    weight = np.random.default_rng(0).random((64, 64), np.float32)
    path = save_program(
        lambda x: mb.linear(x=x, weight=weight, bias=np.zeros(64, np.float32)), np.zeros((1, 64), np.float32)
    )
    blob = path / "Data/com.apple.CoreML/weights/weight.bin"
    blob.write_bytes(blob.read_bytes()[:1000])
    with pytest.raises(IncompatibleError, match="cannot be read as a Core ML package"):
        MilProgram(path)


def edited(path, change):
    """Apply `change` to the protobuf of a saved package."""
    file = path / "Data/com.apple.CoreML/model.mlmodel"
    spec = ct.utils.load_spec(str(path))
    change(spec)
    file.write_bytes(spec.SerializeToString())
    return path


def to_neural_network(spec):
    spec.neuralNetwork.CopyFrom(ct.proto.NeuralNetwork_pb2.NeuralNetwork())


def to_two_functions(spec):
    spec.mlProgram.functions["second"].CopyFrom(spec.mlProgram.functions["main"])


def to_blue_first(spec):
    image = spec.description.input[0].type.imageType
    image.width, image.height = 3, 2
    image.colorSpace = image.ColorSpace.Value("BGR")


def to_dictionary(spec):
    spec.description.output[0].type.dictionaryType.stringKeyType.SetInParent()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (to_neural_network, r"is a neuralNetwork, only ML Programs can be evaluated"),
        (to_two_functions, r"must have the one function 'main', too many or missing: \['second'\]"),
        (to_blue_first, r"'x' is a BGR image, the MIL interpreter takes RGB"),
        (to_dictionary, r"'relu_0' is a dictionaryType, expected an image or a multi-array"),
    ],
)
def test_other_kinds_of_packages_are_refused(save_program, change, message):
    path = save_program(lambda x: mb.relu(x=x), np.zeros((1, 3, 2, 3), np.float32))
    with pytest.raises(IncompatibleError, match=message):
        MilProgram(edited(path, change))


def test_two_outputs_are_no_artifact(save_program, artifact):
    path = save_program(lambda x: (mb.relu(x=x), mb.exp(x=x)), np.zeros(3, np.float32))
    with pytest.raises(IncompatibleError, match=r"has 2 outputs, expected one"):
        MilRuntime(*artifact)._open(path)


def test_a_failing_operation_is_named(save_program, monkeypatch):
    path = save_program(lambda x: mb.relu(x=x), np.zeros(3, np.float32))
    monkeypatch.setattr(table, "TABLE", dict(table.TABLE))

    @table.op("relu")
    def failing(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("out of memory")

    program = MilProgram(path)
    with pytest.raises(BackendError, match=r"relu 'relu_0' failed: out of memory"):
        program({"x": np.zeros(3, np.float32)})


class Doubler(torch.nn.Module):
    """Twice as large and half as bright."""

    def forward(self, image):
        return 0.5 * image.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    root = tmp_path_factory.mktemp("artifact")
    spec = ImageSpec(scale=2, size=SizeRequirements(minimum=4))
    graph = next(trace_whole(Doubler(), spec, [(4, 6)], False))
    convert(graph, root, ExportOptions(precision="fp32"))
    manifest = Manifest(
        name="doubler",
        task="test",
        target="coreml",
        precision="fp32",
        form="whole",
        spec=spec,
        graphs=(GraphFile(role="whole", file="model.mlpackage", shape=(4, 6)),),
    )
    return manifest, root


def test_the_runtime_feeds_and_returns_levels(artifact):
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    with MilRuntime(*artifact) as runtime:
        result = runtime(image)
        # 8 bits in, 8 bits out: half a level is lost at most, and no more
        exact = 0.5 * image.repeat(2, 0).repeat(2, 1)
        assert np.abs(result - exact).max() <= 0.5
        floats = runtime((image + 0.2).astype(np.float32) / 255)
        np.testing.assert_array_equal(np.rint(floats * 255), result)


def test_the_runtime_says_what_it_is(artifact):
    runtime = MilRuntime(*artifact)
    assert runtime.device == "cpu"
    assert runtime.provider.startswith("MIL interpreter (coremltools ")
    assert runtime.provider.endswith(", float32 as declared)")


def test_threads_are_put_back(artifact, monkeypatch):
    before = torch.get_num_threads()
    seen = []
    call = MilProgram.__call__
    monkeypatch.setattr(
        MilProgram, "__call__", lambda *args: (seen.append(torch.get_num_threads()), call(*args))[1]
    )
    MilRuntime(*artifact, threads=before + 1)(np.zeros((4, 6, 3), np.uint8))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_without_coremltools_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "coremltools", None)
    with pytest.raises(MissingDependencyError, match=r"the MIL interpreter needs the extra 'coreml'"):
        MilRuntime.devices()


def test_core_ml_itself_is_refused_off_macos(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(BackendError, match=r"predicts on macOS only, this is linux; here the runtime 'mil'"):
        CoreMLRuntime.devices()


def test_core_ml_images_keep_their_levels():
    planes = np.random.default_rng(0).integers(0, 256, (1, 3, 5, 7)).astype(np.float32) / 255
    image = _to_image(planes)
    assert image.mode == "RGB"
    assert image.size == (7, 5)
    np.testing.assert_array_equal(_from_image(image), planes)
