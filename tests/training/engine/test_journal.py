"""The log of a run on disks that fail."""

import errno
import importlib.util
import threading
import time

import pytest

from restorect_edge.errors import BackendError
from restorect_edge.training.engine.journal import Journal


def test_a_disk_that_is_full_for_tensorboard_is_said_in_a_sentence_alone(tmp_path, monkeypatch, capfd):
    writing = pytest.importorskip("tensorboard.summary.writer.record_writer")

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(tmp_path)
    monkeypatch.setattr(writing.RecordWriter, "write", full)
    with pytest.raises(BackendError, match=r"cannot write the log in .*No space left on device"):
        for step in range(1000):
            journal.scalars(step, {"loss": 1.0}, "loss")
            time.sleep(0.01)
    assert journal.close() == "the last curves could not be written to TensorBoard: No space left on device"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("there", [True, False])
def test_what_catches_errors_of_threads_is_replaced_for_tensorboard_alone(there, tmp_path, monkeypatch):
    if there:
        pytest.importorskip("tensorboard")
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    usual, other = threading.excepthook, threading.__excepthook__
    journal = Journal(tmp_path)
    assert (threading.excepthook is usual) is not there
    if not there:
        monkeypatch.setattr(threading, "excepthook", other)  # somebody else's stays, also when the log ends
    journal.close()
    assert threading.excepthook is (usual if there else other)
