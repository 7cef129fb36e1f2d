"""Directories appear whole or not at all."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restorect_edge.errors import UsageError
from restorect_edge.export.staging import OLD, PREFIX, staged

DEAD = 2**22 + 1
"""A process number that Linux never gives."""


def fill(folder, *, overwrite=False, text="{}"):
    with staged(folder, overwrite=overwrite) as partial:
        (partial / "manifest.json").write_text(text)


def test_it_appears_at_the_end_only(tmp_path):
    target = tmp_path / "deep" / "artifact"
    with staged(target, overwrite=False) as partial:
        (partial / "manifest.json").write_text("{}")
        assert not target.exists()
    assert [p.name for p in target.iterdir()] == ["manifest.json"]
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="converter"), staged(tmp_path / "a", overwrite=False) as partial:
        (partial / "model").write_text("half")
        raise RuntimeError("converter")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "a", overwrite=False) as partial:
        (partial / "model").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_what_was_there(tmp_path):
    fill(tmp_path / "a", text="first")
    with pytest.raises(RuntimeError), staged(tmp_path / "a", overwrite=True):
        raise RuntimeError
    assert (tmp_path / "a" / "manifest.json").read_text() == "first"


def test_existing_output_needs_overwrite(tmp_path):
    fill(tmp_path / "a", text="first")
    with pytest.raises(UsageError, match="exists; use --overwrite"):
        fill(tmp_path / "a")
    fill(tmp_path / "a", overwrite=True, text="second")
    assert (tmp_path / "a" / "manifest.json").read_text() == "second"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_overwrite_spares_what_is_not_an_artifact(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "holiday.jpg").write_text("precious")
    with pytest.raises(UsageError, match="not an artifact, so --overwrite will not replace it"):
        fill(tmp_path / "a", overwrite=True)
    assert (tmp_path / "a" / "holiday.jpg").exists()


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .* choose another place with -o"):
        fill(tmp_path / "out" / "a")


def test_what_dead_processes_left_is_cleared(tmp_path):
    (tmp_path / f"{PREFIX}a-{DEAD}").mkdir()
    (tmp_path / f"{PREFIX}b-{os.getpid()}").mkdir()
    fill(tmp_path / "c")
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{PREFIX}b-{os.getpid()}", "c"]


def test_an_artifact_moved_aside_by_a_killed_overwrite_is_put_back(tmp_path):
    aside = tmp_path / f"{PREFIX}a-{DEAD}{OLD}"
    aside.mkdir()
    (aside / "manifest.json").write_text("first")
    fill(tmp_path / "c")
    assert (tmp_path / "a" / "manifest.json").read_text() == "first"


def test_what_an_earlier_process_of_the_same_number_left_is_cleared(tmp_path):
    """Containers number their processes alike, so a restarted one finds its own number."""
    ours = tmp_path / f"{PREFIX}a-{os.getpid()}"
    ours.mkdir()
    (ours / "model").write_text("half")
    fill(tmp_path / "a")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["manifest.json"]


def test_a_full_disk_behind_a_converters_own_error_is_found(tmp_path):
    with (
        pytest.raises(UsageError, match="No space left on device; choose another folder"),
        staged(tmp_path / "a", overwrite=False),
    ):
        try:
            Path("/dev/full").write_text("weights")
        except OSError as error:
            raise RuntimeError("the converter failed") from error
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own that holds 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a file system here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_that_a_converter_does_not_notice_is_found(small_disk):
    with (
        pytest.raises(UsageError, match="No space left on device; choose another folder"),
        staged(small_disk / "a", overwrite=False) as partial,
    ):
        descriptor = os.open(partial / "model", os.O_CREAT | os.O_WRONLY)
        assert os.write(descriptor, bytes(1 << 20)) < 1 << 20
        os.close(descriptor)
        raise RuntimeError("the file is truncated")
    assert list(small_disk.iterdir()) == []


EXPORT = [sys.executable, "-m", "restorect_edge.export", "--target", "onnx", "--shapes", "64x96", "-o"]


def test_kill_9_in_the_middle_of_an_export_leaves_no_artifact(tmp_path):
    process = subprocess.Popen([*EXPORT, str(tmp_path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f"{PREFIX}lowlight*")):
        assert process.poll() is None, "the export ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [p for p in tmp_path.iterdir() if not p.name.startswith(PREFIX)] == []
    done = subprocess.run([*EXPORT, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["lowlight-small-onnx-fp32-64x96"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path):
    """A limit on file size stands in for the disk: writes fail in the same way, with EFBIG."""

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        [*EXPORT, str(tmp_path / "out")], capture_output=True, text=True, preexec_fn=small_files
    )
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "free space" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
