"""Every command and every Python example in README and docs runs, in order, in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restorect_edge.media.photos import photo_paths

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"bash", "python", "text"}
NOT_RUN = ("make ", "pip install", "git clone")
"""Installation, which every run of this suite has behind it."""


def blocks(page: Path):
    return FENCE.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_only_known_languages_are_fenced(page):
    assert {language for language, _ in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_examples_run(page, tmp_path):
    shutil.copytree(ROOT / "export", tmp_path / "export")
    from PIL import Image

    with Image.open(photo_paths()[0]) as photo:
        for name in ("photo.png", "dark.jpg"):
            photo.convert("RGB").resize((96, 64)).save(tmp_path / name)
    film(tmp_path / "dark.mp4")
    ran = 0
    for language, content in blocks(page):
        for command in commands(language, content):
            done = subprocess.run(
                command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran or page.stem not in {"README", "add-a-target", "camera", "run-on-your-device", "train"}


def film(path: Path):
    """Write a short dark video."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for level in range(3):
            frame = av.VideoFrame(96, 64, "yuv420p")
            for plane, value in zip(frame.planes, (30 + level, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def commands(language: str, content: str):
    if language == "python":
        yield [sys.executable, "-c", content]
    elif language == "bash":
        for line in content.splitlines():
            line = line.split("  #")[0].strip()
            if line and not line.startswith(NOT_RUN):
                yield ["bash", "-euc", line]


def environment():
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
