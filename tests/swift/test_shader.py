"""The conversion's Metal, compiled as C++ against stand-ins and run: the same bytes as everywhere."""

import ctypes
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from restorect_edge.media.frames import FrameFormat
from restorect_edge.media.ycbcr import _forward, coefficients

ROOT = Path(__file__).parents[2]
STAND_INS = ROOT / "tests" / "runtimes" / "stand_ins" / "metal"
SHADER = ROOT / "runtimes" / "swift" / "Sources" / "RestorectKit" / "ConvertShader.swift"
ROWS = [
    row
    for row in json.loads((ROOT / "spec" / "frames" / "vectors.json").read_text(encoding="utf-8"))[
        "converted"
    ]
    if row["frame"]["layout"] == "nv12"
    and len({place.stride for place in FrameFormat(**row["frame"]).places}) == 1
]


@pytest.fixture(scope="module")
def library(program, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shader")
    text = re.search(r'"""\n(.*?)\n    """', SHADER.read_text(encoding="utf-8"), re.S)
    assert text is not None
    (folder / "shader.inc").write_text(text[1], encoding="utf-8")
    made = folder / "shader.so"
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-attributes"]
    command = [program("g++"), "-std=c++17", "-O1", "-fPIC", "-shared", *warnings]
    command += ["-fsanitize=undefined", "-fno-sanitize-recover=all", f"-I{STAND_INS}", f"-I{folder}"]
    subprocess.run([*command, STAND_INS / "run.cpp", "-o", made], check=True)
    return ctypes.CDLL(str(made))


def called(function, frame: FrameFormat, data: np.ndarray, bgra: np.ndarray) -> None:
    """Run a kernel on a frame's planes and BGRA pixels, one of which it writes."""
    numbers = [16 if frame.range == "limited" else 0, *coefficients(frame.matrix, frame.range)]
    numbers += [value for row in _forward(frame.matrix, frame.range) for value in row]
    luma, chroma = frame.places
    start = data.ctypes.data
    function(
        ctypes.c_void_p(start + luma.offset),
        ctypes.c_void_p(start + chroma.offset),
        ctypes.c_uint(luma.stride),
        ctypes.c_void_p(bgra.ctypes.data),
        ctypes.c_uint(frame.width),
        ctypes.c_uint(frame.height),
        (ctypes.c_int * len(numbers))(*numbers),
    )


def pixels(text: str, frame: FrameFormat) -> np.ndarray:
    """Return RGB of the vectors as BGRA."""
    rgb = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(frame.height, frame.width, 3)
    return np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 255, np.uint8)]).copy()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_frames_become_bgra_and_back_to_the_byte(library, row):
    frame = FrameFormat(**row["frame"])
    data = np.frombuffer(bytes.fromhex(row["data"]), np.uint8).copy()
    bgra = np.zeros((frame.height, frame.width, 4), np.uint8)
    called(library.to_bgra, frame, data, bgra)
    assert np.array_equal(bgra, pixels(row["rgb"], frame))
    made = np.zeros(frame.full_size, np.uint8)
    called(library.from_bgra, frame, made, pixels(row["from_rgb"], frame))
    assert made.tobytes().hex() == row["made"]


def test_there_are_vectors_of_every_matrix_and_range():
    frames = [FrameFormat(**row["frame"]) for row in ROWS]
    assert len({(frame.matrix, frame.range) for frame in frames}) >= 4
