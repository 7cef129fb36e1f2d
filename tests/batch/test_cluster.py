"""A folder restored by a local Ray with two processes, one of which is killed on the way."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge.batch.cluster import Worker, restore_on_cluster
from restorect_edge.batch.jobs import Job
from restorect_edge.batch.journal import FAILED, RESTORED, Row
from restorect_edge.batch.pipeline import Settings
from restorect_edge.cli.run import main
from restorect_edge.errors import MissingDependencyError

COUNT = 24


def album(folder: Path, count: int) -> Path:
    """Write pictures that differ."""
    folder.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 60, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def worker(artifact_onnx, tmp_path):
    """A worker in this process: what Ray starts in its own."""
    before = Path.cwd()
    yield lambda journal: Worker({"source": artifact_onnx.path}, Settings(), journal, str(tmp_path))
    os.chdir(before)


def told(source, destination):
    return {"job": json.dumps([str(source), str(destination)])}


def test_a_worker_restores_a_file_that_it_is_told(worker, tmp_path):
    album(tmp_path / "in", 1)
    answer = worker(tmp_path / "rows.jsonl")(told("in/00.png", "out/00.png"))
    row = Row(**json.loads(answer["row"]))
    assert (row.status, answer["error"]) == (RESTORED, "")
    assert (tmp_path / "out/00.png").stat().st_size == row.bytes


def test_what_a_dead_worker_had_restored_is_not_restored_again(worker, tmp_path):
    album(tmp_path / "in", 1)
    first = worker(tmp_path / "rows.jsonl")
    first(told("in/00.png", "out/00.png"))
    before = (tmp_path / "out/00.png").stat().st_mtime_ns
    again = worker(tmp_path / "rows.jsonl")(told("in/00.png", "out/00.png"))
    assert (tmp_path / "out/00.png").stat().st_mtime_ns == before
    assert json.loads(again["row"])["bytes"] == (tmp_path / "out/00.png").stat().st_size


def test_a_file_that_cannot_be_read_is_a_row_and_an_error(worker, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    answer = worker(tmp_path / "rows.jsonl")(told("bad.png", "out.png"))
    assert json.loads(answer["row"])["status"] == FAILED
    assert json.loads(answer["error"])[0] in ("UsageError", "IncompatibleError")


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    job = Job(tmp_path / "a.png", tmp_path / "b.png")
    with pytest.raises(
        MissingDependencyError, match=r"--cluster needs the extra 'ray'.*restorect-edge\[ray\]"
    ):
        list(restore_on_cluster({}, [job], Settings(), tmp_path / "rows.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.mp4"], "a video is restored by one process"),
        (["a.png", "--workers", "0"], "at least one process"),
    ],
)
def test_what_a_cluster_is_not_for(capsys, arguments, message):
    assert main([*arguments, "--cluster"]) == 1
    assert message in capsys.readouterr().err


def status(pid: int) -> tuple[int, bool]:
    """Return the parent of a process and whether it still does something; (0, False) once it has gone."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return 0, False
    return int(parent), state != "Z"


def descendants(pid: int) -> set[int]:
    """Return the processes that a process began, and those that they began."""
    parents = {int(path.name): status(int(path.name))[0] for path in Path("/proc").glob("[0-9]*")}
    found, level = set(), {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= level
    return found


def workers(pids: set[int]) -> list[int]:
    """Return the processes that hold a `Worker` of Ray's."""
    found = []
    for pid in sorted(pids):
        try:
            name = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if name.startswith(b"ray::") and b"Worker" in name:
            found.append(pid)
    return found


@pytest.fixture
def short_folder():
    """A folder for Ray's sockets, whose paths have at most 107 characters; pytest's own are longer."""
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_killed_worker_loses_nothing(artifact_onnx, tmp_path, short_folder):
    pytest.importorskip("ray", reason="needs the extra 'ray': pip install 'restorect-edge[ray]'")
    photographs = album(tmp_path / "in", COUNT)
    assert main([str(artifact_onnx.path), str(photographs), "-o", str(tmp_path / "alone")]) == 0
    command = [sys.executable, "-m", "restorect_edge", "run", str(artifact_onnx.path), "in", "-o", "out"]
    options = ["--cluster", "--workers", "2", "--report", "rows.json"]
    small = {"RAY_TMPDIR": short_folder, "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(100 << 20)}
    env = {**os.environ, **small}
    began: set[int] = set()
    try:
        with subprocess.Popen(
            [*command, *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=env
        ) as running:
            out, until = tmp_path / "out", time.monotonic() + 240
            while time.monotonic() < until and not list(out.glob("*.png")) and running.poll() is None:
                time.sleep(0.02)
            began = descendants(running.pid)
            killed = workers(began)[:1]
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            _, messages = running.communicate(timeout=300)
        assert running.returncode == 0, messages
        assert killed, "no worker was there to be killed"
        assert contents(out) == contents(tmp_path / "alone")
        rows = json.loads((tmp_path / "rows.json").read_text())
        assert sorted(row["source"] for row in rows) == [f"in/{number:02}.png" for number in range(COUNT)]
        assert {row["status"] for row in rows} == {RESTORED}
        until = time.monotonic() + 60
        while any(status(pid)[1] for pid in began) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [pid for pid in began if status(pid)[1]], "processes of Ray outlive the command"
    finally:
        for pid in began:
            if status(pid)[1]:
                os.kill(pid, signal.SIGKILL)
