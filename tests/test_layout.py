"""The layout that a newcomer is promised."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import restorect_edge
from restorect_edge.cli.verbs import VERBS
from restorect_edge.targets.registry import RUNTIMES, TARGETS

PACKAGE = Path(__file__).parents[1] / "restorect_edge"
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_module_says_what_it_is(path):
    assert (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_folder_with_code_is_a_package(path):
    assert (path.parent / "__init__.py").is_file()


@pytest.mark.parametrize("name", ["export", "runtimes", "calibration", "training", "benchmarks"])
def test_root_folders_hold_no_package(repository, name):
    assert not list((repository / name).rglob("__init__.py"))


def test_the_tests_are_no_package(repository):
    assert not list((repository / "tests").rglob("__init__.py"))


def test_type_checkers_may_read_the_annotations():
    assert (PACKAGE / "py.typed").is_file()


def test_the_readme_is_short(repository):
    assert len((repository / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_asserts_only_tell_the_type_checker(path):
    """`assert` vanishes under ``python -O``: what a user can cause is an exception of errors.py."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            assert ast.unparse(node.test).startswith("isinstance(") or ast.unparse(node.test).endswith(
                " is not None"
            ), f"line {node.lineno}: {ast.unparse(node)}"


def test_the_map_for_contributors_leads_to_files(repository):
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = text.split("## Where is it?")[1].split("## Principles")[0]
    paths = re.findall(r"`((?:restorect_edge|runtimes|spec|docs)/[^`]*)`", rows)
    assert len(paths) >= 15
    missing = [path for path in paths if not (repository / path).exists()]
    assert not missing


def test_there_is_one_version(repository):
    project = (repository / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    cited = re.search(r"^version: (.+)$", (repository / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited is not None and cited[1] == restorect_edge.__version__
    assert f"## {restorect_edge.__version__}" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")


def test_rooms_import_only_what_lies_below_them(repository):
    """The contracts are in pyproject.toml: layers that point down, and no circles."""
    # a process of its own: the linter's console would keep, and close, what pytest captures with
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--no-cache",
    ]
    checked = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)
    assert checked.returncode == 0, checked.stdout + checked.stderr


ENTRY_POINTS = {"__init__", "__main__", *VERBS}
"""What ``python -m`` needs at the top, and the command line a module each for."""


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=lambda f: f.name)
def test_a_room_has_a_dozen_files_at_most(folder):
    entries = ENTRY_POINTS if folder in (PACKAGE, PACKAGE / "cli") else {"__init__", "__main__"}
    files = [path for path in folder.glob("*.py") if path.stem not in entries]
    assert len(files) <= 12, "give it rooms of its own"


def test_files_are_short():
    """Half of them have 150 lines at most; none has more than 400 but the script that runs alone."""
    alone = PACKAGE / "targets/tensorrt/build_engine.py"
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert sorted(lines.values())[len(lines) // 2] <= 150
    assert not [path for path, count in lines.items() if count > 400 and path != alone]


def test_nothing_outside_the_targets_branches_on_their_names():
    """What is particular to a target or backend is asked of its class, so that a new one is a new room."""
    names = {*TARGETS, *RUNTIMES} - {"torch"}
    for path in MODULES:
        if PACKAGE / "targets" not in path.parents:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            branches = [node for node in ast.walk(tree) if isinstance(node, (ast.Compare, ast.Match))]
            told = {c.value for b in branches for c in ast.walk(b) if isinstance(c, ast.Constant)}
            assert not names & told, path
