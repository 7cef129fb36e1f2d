"""Tiny Core ML programs, saved as packages and evaluated."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from restorect_edge.mil.interpreter import MilProgram
from restorect_edge.mil.library import library, quiet


@pytest.fixture(scope="session")
def save_program(tmp_path_factory):
    """`save_program(build, *arrays)` writes the program that `build` makes of inputs like `arrays`."""
    ct = library("tests")
    from coremltools.converters.mil import Builder as mb  # noqa: N813 - what MIL code calls it
    from coremltools.converters.mil.mil import types

    kinds = {np.float32: types.fp32, np.float16: types.fp16, np.int32: types.int32}

    def save(build, *arrays: np.ndarray, opset: str = "iOS17") -> Path:
        target = ct.target[opset]
        path = tmp_path_factory.mktemp("mil") / "program.mlpackage"
        specs = [mb.TensorSpec(shape=a.shape, dtype=kinds[a.dtype.type]) for a in arrays]
        with quiet(), tempfile.TemporaryDirectory() as scratch:
            program = mb.program(input_specs=specs, opset_version=target)(build)
            ct.convert(
                program,
                convert_to="mlprogram",
                minimum_deployment_target=target,
                compute_precision=ct.precision.FLOAT32,
                pass_pipeline=ct.PassPipeline.EMPTY,  # what is built is what is saved
                package_dir=str(Path(scratch, "scratch.mlpackage")),
                skip_model_load=True,
            ).save(str(path))
        return path

    return save


@pytest.fixture(scope="session")
def evaluate(save_program):
    """`evaluate(build, *arrays)` saves a program, reads it back and evaluates it: one array, or a list."""

    def run(build, *arrays: np.ndarray, opset: str = "iOS17", round_float16: bool = True):
        program = MilProgram(save_program(build, *arrays, opset=opset), round_float16=round_float16)
        feeds = {f.name: a for f, a in zip(program.inputs, arrays, strict=True)}
        results = program(feeds)
        found = [results[f.name] for f in program.outputs]
        return found[0] if len(found) == 1 else found

    return run


@pytest.fixture(scope="module")
def results(evaluate, request):
    """What one program makes of the module's X, for each builder of its CASES."""
    cases = request.module.CASES
    found = evaluate(lambda x: tuple(build(x) for build, _ in cases.values()), request.module.X)
    return dict(zip(cases, found, strict=True))
