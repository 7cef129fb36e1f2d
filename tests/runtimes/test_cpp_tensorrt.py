"""The TensorRT backend in C++, which cannot be compiled here: it parses, and what it shares with Python is
equal. What needs no TensorRT, the record of an engine, is tested in runtimes/cpp/tests."""

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest
import tree_sitter_cpp

from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.targets.tensorrt.build_engine import LABELS, MODULES

SOURCE = Path(__file__).parents[2] / "runtimes" / "cpp"
FILE = SOURCE / "src" / "backend_tensorrt.cpp"
INTERFACE = ("open_backend", "backend_name", "backend_targets", "backend_fuses", "backend_takes_levels")


@pytest.fixture
def faults(syntax_faults):
    return partial(syntax_faults, tree_sitter_cpp)


def functions(path: Path) -> set[str]:
    """Declarations of the interface that a backend has, without its own namespace."""
    text = path.read_text(encoding="utf-8").rpartition("}  // namespace\n\n")[2]
    return set(re.findall(r"^\w[\w:<>& *]+?[ &*](\w+)\(", text, re.MULTILINE))


def test_it_parses(faults):
    assert faults(FILE.read_bytes()) == []


def test_the_grammar_finds_faults(faults):
    assert faults(FILE.read_bytes().replace(b"override try {", b"override try", 1))
    assert faults(b"int main( { return 0; }")


def test_it_has_the_functions_of_every_back_end():
    assert functions(FILE) == functions(FILE.with_name("backend_openvino.cpp")) == set(INTERFACE)


def test_it_runs_the_targets_of_pythons():
    text = FILE.read_text(encoding="utf-8")
    (listed,) = re.findall(r"targets = \{(.*?)\}", text)
    assert tuple(re.findall(r'"(\w+)"', listed)) == RUNTIMES["tensorrt"].targets


def test_a_record_has_the_entries_that_it_reads():
    text = (SOURCE / "src" / "engine_record.cpp").read_text(encoding="utf-8")
    entries = set(re.findall(r'built\.at\("(\w+)"\)', text))
    assert entries == {"gpu", "compute_capability", "tensorrt", "onnx_sha256"} <= LABELS.keys()
    assert "tensorrt" in MODULES


@pytest.mark.parametrize("page", ["README.md"])
def test_it_is_not_said_to_be_compiled(page):
    assert "not compiled here" in (SOURCE / page).read_text(encoding="utf-8")


def test_without_tensorrt_cmake_says_what_is_missing(program, tmp_path):
    command = [program("cmake"), "-S", SOURCE, "-B", tmp_path, "-DRESTORECT_TESTS=OFF"]
    done = subprocess.run([*command, "-DRESTORECT_BACKEND=tensorrt"], capture_output=True, text=True)
    if done.returncode == 0:
        pytest.skip("TensorRT is installed here")
    assert re.search("CUDAToolkit|CUDA Toolkit|NvInferRuntime.h", done.stderr)
    other = subprocess.run([*command, "-DRESTORECT_BACKEND=ncnn"], capture_output=True, text=True)
    assert "is openvino or tensorrt, got 'ncnn'" in " ".join(other.stderr.split())
