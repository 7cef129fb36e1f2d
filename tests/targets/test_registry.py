"""The list of targets, which backend runs what, and who may name a target."""

import ast
import re
from pathlib import Path

import pytest

from restorect_edge.errors import UsageError
from restorect_edge.targets.registry import RUNTIMES, TARGETS, labels, runtime_for, table

PACKAGE = Path(__file__).parents[2] / "restorect_edge"
BY_NATURE = (
    "bench/platforms/",
    "bench/peer.py",
    "mil/",
    "weights/kinds.py",
    "weights/magic.py",
    "weights/ready.py",
)
"""Machines and a language of one vendor, and files of others and our own, whose formats have these names."""
OUTSIDE = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not path.relative_to(PACKAGE).as_posix().startswith(("targets/", *BY_NATURE))
]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_code_outside_of_its_room_names_a_target(path):
    """A comparison, key or import would have to be repeated for the next target: ask `Target` instead."""
    names = {*TARGETS, *RUNTIMES} - {"torch"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant):
            assert node.value not in names, f"line {node.lineno}: '{node.value}'"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("restorect_edge.targets."):
            assert node.module.split(".")[2] not in TARGETS, f"line {node.lineno}: {node.module}"


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_called_like_its_room(name):
    assert type(TARGETS[name]).__module__ == f"restorect_edge.targets.{name}"
    assert TARGETS[name].verified_by in RUNTIMES
    assert name in RUNTIMES[TARGETS[name].verified_by].targets


@pytest.mark.parametrize(
    ("runtime", "targets"),
    [
        ("onnxruntime", ("onnx", "tensorrt")),
        ("openvino", ("openvino", "onnx", "tensorrt")),
        ("tensorrt", ("tensorrt", "onnx")),
        ("mil", ("coreml",)),
        ("torch", ()),
    ],
)
def test_what_a_backend_runs_follows_from_the_formats_it_reads(runtime, targets):
    assert RUNTIMES[runtime].targets == targets


@pytest.mark.parametrize(("system", "usual"), [("darwin", "coreml"), ("linux", "mil"), ("win32", "mil")])
def test_core_ml_is_interpreted_off_macos_but_never_timed_so(monkeypatch, system, usual):
    monkeypatch.setattr("sys.platform", system)
    assert runtime_for("coreml") == usual
    assert runtime_for("coreml", timed=True) == "coreml"
    assert runtime_for("coreml", "mil", timed=True) == "mil"


@pytest.mark.parametrize(
    ("target", "asked", "message"),
    [
        ("onnx", "onnxruntme", "unknown runtime 'onnxruntme'.*did you mean 'onnxruntime'"),
        ("onxx", None, "unknown target 'onxx'.*did you mean 'onnx'"),
        ("onnx", "mil", "'mil' does not run onnx artifacts; these do: onnxruntime, openvino, tensorrt"),
    ],
)
def test_wrong_names_say_what_fits(target, asked, message):
    with pytest.raises(UsageError, match=message):
        runtime_for(target, asked)


def test_the_readme_has_the_table_of_targets(repository):
    assert table() in (repository / "README.md").read_text(encoding="utf-8")


def test_labels_are_joined_as_prose():
    assert labels("or").startswith("Core ML, ")
    assert labels("or").endswith(" or TensorRT")
    assert labels("and", among={"onnx": TARGETS["onnx"]}) == "ONNX"


def test_the_page_on_adding_a_target_shows_lines_of_a_class_that_is_here(repository):
    (shown,) = re.findall(
        r"```python\n(.*?)```",
        (repository / "docs" / "add-a-target.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    file = repository / "restorect_edge" / "targets" / "executorch" / "__init__.py"
    missing = set(shown.splitlines()) - set(file.read_text(encoding="utf-8").splitlines())
    assert missing == set()
