"""Files that appear whole or not at all, and what killed processes leave of them."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from restorect_edge.utils import files
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.files import replacing

KILLED = """
import os, signal, sys
from pathlib import Path
from restorect_edge.utils.destination import _probe
from restorect_edge.utils.files import replacing

with _probe(Path(sys.argv[1])), replacing(Path(sys.argv[1], "other.txt")) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left(tmp_path):
    """A folder that a process was killed in while it wrote."""
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert len(list(tmp_path.iterdir())) == 2
    return tmp_path


def test_the_next_file_clears_what_a_killed_process_left(left):
    require_writable(left / "new.txt")
    with replacing(left / "new.txt") as stream:
        stream.write(b"whole")
    assert [path.name for path in left.iterdir()] == ["new.txt"]


def test_what_another_process_writes_stays(tmp_path):
    writing = tmp_path / f".0123456789abcdef-{os.getppid()}.partial"
    writing.write_bytes(b"half")
    others = tmp_path / ".of-somebody-else.partial"
    others.write_bytes(b"")
    with replacing(tmp_path / "new.txt"):
        pass
    assert writing.exists()
    assert others.exists()


def test_the_number_of_this_process_may_have_been_another_ones(tmp_path):
    abandoned = tmp_path / f".0123456789abcdef-{os.getpid()}.partial"
    abandoned.write_bytes(b"half")
    with replacing(tmp_path / "new.txt"):
        pass
    assert not abandoned.exists()


def test_threads_that_begin_in_one_folder_leave_each_other_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_cleared", set())

    def write(number):
        with replacing(tmp_path / f"{number}.txt") as stream:
            stream.write(b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    assert sorted(int(path.stem) for path in tmp_path.iterdir()) == list(range(64))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_process_whose_end_nobody_asked_for_counts_as_gone():
    """As of a killed run in a container whose first process reaps nobody."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert files.is_alive(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is over, and still has its number
        assert not files.is_alive(process.pid)
    finally:
        process.kill()
        process.communicate()
