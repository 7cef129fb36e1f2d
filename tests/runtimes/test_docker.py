"""The Dockerfiles, which cannot be built here: linted, and what they copy, set and install is there."""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from restorect_edge.utils.configuration import read_toml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "runtimes" / "docker"
FILES = sorted(FOLDER.glob("*.Dockerfile"))
CMAKE = (ROOT / "runtimes" / "cpp" / "CMakeLists.txt").read_text(encoding="utf-8")


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request) -> Path:
    return request.param


def lint(path: Path) -> subprocess.CompletedProcess:
    program = Path(sys.executable).with_name("hadolint")
    command = [program, "--config", FOLDER / ".hadolint.yaml", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_there_is_one_for_each_board():
    assert [path.stem for path in FILES] == ["jetson", "openvino"]


def test_the_linter_finds_nothing(file):
    linted = lint(file)
    assert linted.returncode == 0, linted.stdout


def test_the_linter_finds_faults(tmp_path):
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian\nRUN cd /src && pip install numpy\nADD x /y\n")
    linted = lint(wrong)
    assert linted.returncode == 1
    assert {"DL3006", "DL3013", "DL3020"} <= set(re.findall(r"DL\d+", linted.stdout))


def test_what_is_copied_is_there_and_not_ignored(file):
    ignored = file.with_name(f"{file.name}.dockerignore").read_text(encoding="utf-8").split()
    copied = re.findall(r"^COPY (?!--from)(\S+)", file.read_text(encoding="utf-8"), re.M)
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        parts = Path(source).parts
        assert not any(fnmatch.fnmatch(part, rule.removeprefix("**/")) for part in parts for rule in ignored)


def test_options_of_cmake_are_options_here(file):
    set_here = set(re.findall(r"-D(RESTORECT_\w+)=(\w+)", file.read_text(encoding="utf-8")))
    assert {name for name, _ in set_here} <= {*re.findall(r"(?:set|option)\((RESTORECT_\w+)", CMAKE)}
    backend = dict(set_here).get("RESTORECT_BACKEND", "openvino")
    assert backend == {"jetson": "tensorrt", "openvino": "openvino"}[file.stem]


def test_programs_that_are_started_are_installed(file):
    (program,) = re.findall(r'ENTRYPOINT \["([\w-]+)"\]', file.read_text(encoding="utf-8"))
    project = read_toml(ROOT / "pyproject.toml", "project")["project"]
    assert program in project["scripts"] or f"add_executable({program} " in CMAKE


def test_what_pip_installs_is_what_the_package_takes():
    text = (FOLDER / "openvino.Dockerfile").read_text(encoding="utf-8")
    extras = read_toml(ROOT / "pyproject.toml", "project")["project"]["optional-dependencies"]
    (named,) = re.findall(r'"/src\[(.*?)\]"', text)
    assert set(named.split(",")) <= extras.keys()
    (version,) = re.findall(r"openvino==([\d.]+)", text)
    (needed,) = (Requirement(row) for row in extras["openvino"] if Requirement(row).name == "openvino")
    assert needed.specifier.contains(version)


def test_they_say_that_they_were_not_built(file):
    assert "Not built here." in file.read_text(encoding="utf-8").splitlines()[0]
    assert "**not built here**" in (FOLDER / "README.md").read_text(encoding="utf-8")
