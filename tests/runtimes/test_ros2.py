"""The ROS 2 node: compiled against stand-ins for ROS's headers, run with the real library."""

import ast
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from restorect_edge import load
from restorect_edge.media.frames import FrameFormat, from_rgb, to_rgb

FOLDER = Path(__file__).parents[2] / "runtimes" / "ros2"
STAND_INS = Path(__file__).parent / "stand_ins" / "ros2"
NODE = (FOLDER / "src" / "restore_node.cpp").read_text(encoding="utf-8")
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def drive(run, program, built, tmp_path_factory):
    """The node, driven from `configure` to `shutdown` by a program."""
    library, made = built("fast", "restorect"), tmp_path_factory.mktemp("ros2") / "drive"
    sources = [FOLDER / "src" / "encodings.cpp", FOLDER / "src" / "restore_node.cpp", STAND_INS / "drive.cpp"]
    folders = FOLDER / "include", STAND_INS, FOLDER.parent / "cpp" / "include"
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", *(f"-I{folder}" for folder in folders)]
    run(program("g++"), *flags, *sources, "-o", made, f"-L{library}", "-lrestorect", f"-Wl,-rpath,{library}")
    return made


def test_the_program_is_compiled(run, program, tmp_path):
    folders = FOLDER / "include", STAND_INS, FOLDER.parent / "cpp" / "include"
    command = [program("g++"), "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    run(*command, *(f"-I{folder}" for folder in folders), FOLDER / "src" / "main.cpp")


@pytest.mark.parametrize("encoding", ["rgb8", "bgra8", "yuv422_yuy2", "nv21"])
def test_images_are_restored(run, drive, artifact_openvino_split, tmp_path, photo, encoding):
    """Padded rows, the matrix of the parameters; nothing of a node that is not active."""
    layout = {"rgb8": "rgb", "bgra8": "bgra", "yuv422_yuy2": "yuyv", "nv21": "nv21"}[encoding]
    height, width = photo.shape[:2]
    frame = FrameFormat(layout=layout, width=width, height=height, stride=256, matrix="bt709")
    (tmp_path / "frame").write_bytes(from_rgb(photo, frame))
    numbers = width, height, frame.stride
    said = run(drive, artifact_openvino_split.path, tmp_path / "frame", tmp_path / "made", encoding, *numbers)
    tight = FrameFormat(layout=layout, width=width, height=height, matrix="bt709")
    assert said.stdout.split() == [encoding, str(width), str(height), str(tight.row_bytes)]
    with load(artifact_openvino_split.path, device="cpu", threads=1) as restore:
        expected = from_rgb(restore(to_rgb((tmp_path / "frame").read_bytes(), frame)), tight)
    made = np.frombuffer((tmp_path / "made").read_bytes(), np.uint8).astype(int)
    assert np.abs(made - np.frombuffer(expected, np.uint8)).max() <= 1


def test_the_readme_has_every_parameter_with_its_default():
    declared = dict(re.findall(r'declare_parameter\("(\w+)", (?:std::string\()?"?(.*?)"?\)?\);', NODE))
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+?)`? \|", README, re.M))
    assert rows == {name: {"": "none"}.get(value.strip("("), value) for name, value in declared.items()}


def test_the_package_depends_on_what_it_includes_and_builds():
    depends = {row.text for row in ET.parse(FOLDER / "package.xml").getroot().iter("depend")}
    cmake = (FOLDER / "CMakeLists.txt").read_text(encoding="utf-8")
    headers = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "include").rglob("*.hpp"))
    included = set(re.findall(r"#include <(\w+)/", headers)) - {"restorect"}
    assert included == depends
    assert depends | {"ament_cmake", "restorect"} == set(re.findall(r"find_package\((\w+)", cmake))
    for source in re.findall(r"src/\w+\.cpp", cmake):
        assert (FOLDER / source).is_file()


def test_the_launch_file_sets_parameters_of_the_node():
    tree = ast.parse((FOLDER / "launch" / "restore.launch.py").read_text(encoding="utf-8"))
    (table,) = (node for node in tree.body if isinstance(node, ast.Assign))
    assert set(ast.literal_eval(table.value)) - {"image"} <= set(
        re.findall(r'declare_parameter\("(\w+)"', NODE)
    )


def test_the_code_is_formatted(run):
    style = f"--style=file:{FOLDER.parent / 'cpp' / '.clang-format'}"
    code = [path for path in FOLDER.rglob("*") if path.suffix in (".cpp", ".hpp")]
    run(Path(sys.executable).with_name("clang-format"), "--dry-run", "--Werror", style, *code)


def test_it_says_that_it_was_not_compiled_with_ros():
    assert "**Not compiled here** with ROS 2" in README
