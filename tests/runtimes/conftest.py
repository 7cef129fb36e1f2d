"""Tiny Core ML programs, saved as packages and evaluated; builds of the C++ runtime."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.runtimes._coremltools import library, quiet
from restorect_edge.runtimes.mil import MilProgram

CPP = Path(__file__).parents[2] / "runtimes" / "cpp"


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


@pytest.fixture(scope="session")
def built(run, program, tmp_path_factory):
    """`built(kind, *targets)` returns the folder of a build, ``sanitized`` or ``fast``."""
    cmake, ninja = program("cmake"), program("ninja")
    openvino = pytest.importorskip("openvino")
    wheel = Path(openvino.__file__).parent / "cmake"
    root = tmp_path_factory.mktemp("cpp")

    def build(kind: str, *targets: str) -> Path:
        folder = root / kind
        if not folder.is_dir():
            sanitize = "ON" if kind == "sanitized" else "OFF"
            options = f"-DOpenVINO_DIR={wheel}", f"-DRESTORECT_SANITIZE={sanitize}"
            run(cmake, "-G", "Ninja", "-S", CPP, "-B", folder, *options)
        run(ninja, "-C", folder, *targets)
        return folder

    return build


@pytest.fixture(scope="session")
def run():
    """`run(*command, code=0, **environment)` runs a program that must exit with `code`."""

    def done(*command, code: int = 0, **environment: str) -> subprocess.CompletedProcess:
        result = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert result.returncode == code, f"{command}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        return result

    return done


@pytest.fixture(scope="session")
def sanitizers(tmp_path_factory) -> dict[str, str]:
    """Environment of a sanitized build."""
    known = tmp_path_factory.mktemp("sanitizers") / "leaks.txt"
    known.write_text("leak:libtbb\n")  # now and then TBB leaves an observer behind at the process's end
    return {
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
        "LSAN_OPTIONS": f"suppressions={known}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        # TBB loads libtbbbind with RTLD_DEEPBIND, which AddressSanitizer refuses
        "TBB_ENABLE_SANITIZERS": "1",
    }


@pytest.fixture(scope="session")
def artifact_openvino_split(tmp_path_factory):
    """OpenVINO, float32, prior and body with free sides."""
    return restorect_edge.export(
        "lowlight-small",
        target="openvino",
        form="split",
        dynamic=True,
        output_dir=tmp_path_factory.mktemp("artifacts"),
    )
