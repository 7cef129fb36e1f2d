"""The Neural Engine lint on programs with a planted fault each."""

import tempfile
from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it
from coremltools.converters.mil.mil import get_new_symbol, types

from restorect_edge.mil.library import quiet
from restorect_edge.targets.coreml.ane import NATIVE, eligibility


@pytest.fixture
def save(tmp_path):
    """`save(build, shape)` writes a program of one input and returns its package."""

    def run(build, shape=(1, 2, 3, 4), dtype=types.fp16, inputs=None):
        path = tmp_path / "program.mlpackage"
        with quiet(), tempfile.TemporaryDirectory() as scratch:
            program = mb.program(
                input_specs=[mb.TensorSpec(shape=shape, dtype=dtype)], opset_version=ct.target.iOS17
            )(build)
            ct.convert(
                program,
                convert_to="mlprogram",
                inputs=inputs,
                minimum_deployment_target=ct.target.iOS17,
                compute_precision=ct.precision.FLOAT32,
                pass_pipeline=ct.PassPipeline.EMPTY,
                package_dir=str(Path(scratch, "scratch.mlpackage")),
                skip_model_load=True,
            ).save(str(path))
        return path

    return run


@pytest.fixture
def lint(save):
    return lambda *args, **kwargs: eligibility(save(*args, **kwargs))


def test_nothing_to_say(lint):
    assert lint(lambda x: mb.relu(x=x)) == {"eligible": True, "operations": 1, "findings": []}


def test_rank_six(save):
    """coremltools refuses to write one, so it is written into the saved program."""
    path = save(lambda x: mb.relu(x=mb.reshape(x=x, shape=[1, 2, 3, 2, 2])))
    file = path / "Data/com.apple.CoreML/model.mlmodel"
    spec = ct.utils.load_spec(str(path))
    function = spec.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    tensor = next(o for o in operations if o.type == "reshape").outputs[0].type.tensorType
    tensor.dimensions.add().constant.size = 1
    file.write_bytes(spec.SerializeToString())
    found = eligibility(path)
    assert found["eligible"] is False
    assert found["findings"] == [
        "reshape of rank 6 (at most 5): would keep 1 operation off the Neural Engine"
    ]


def test_an_operation_outside_the_list(lint):
    def build(x):
        return mb.cumsum(x=mb.cumsum(x=x, axis=0), axis=1)

    found = lint(build)
    assert found["operations"] == 2
    assert found["findings"] == [
        "cumsum is not on the list of native operations: would keep 2 operations off the Neural Engine"
    ]


def test_a_flexible_shape(lint):
    side = get_new_symbol()
    inputs = [ct.TensorType(name="x", shape=(1, 2, ct.RangeDim(2, 64, 4), 3), dtype=np.float16)]
    found = lint(lambda x: mb.relu(x=x), shape=(1, 2, side, 3), inputs=inputs)
    assert found["findings"] == ["flexible shape: would keep 1 operation off the Neural Engine"]


def test_float32_arithmetic(lint):
    """Scaling an input and casting are how values enter and leave; the rest counts."""

    def build(x):
        return mb.cast(x=mb.sqrt(x=mb.relu(x=mb.mul(x=x, y=0.5))), dtype="fp16")

    found = lint(build, dtype=types.fp32)
    assert found["findings"] == ["float32 arithmetic: would keep 2 operations off the Neural Engine"]


def test_what_has_no_path_is_not_listed():
    assert not NATIVE & {"reduce_prod", "scatter", "lstm", "gru", "rnn", "topk", "non_zero", "gather"}
