"""What cannot be written is said before any work, by every verb that writes."""

import time
from pathlib import Path

import pytest

from restorect_edge.cli import bench, calibrate, drift, evaluate, export, train
from restorect_edge.errors import UsageError
from restorect_edge.utils.destination import require_writable


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("path", ["new", "new/er/file.json", "there/new", "a name with spaces é"])
def test_what_can_be_made_is_taken_and_nothing_is_left(tmp_path, path, folder):
    (tmp_path / "there").mkdir()
    require_writable(tmp_path / path, folder=folder)
    assert [found.name for found in tmp_path.rglob("*")] == ["there"]


def test_files_and_folders_that_exist_are_taken_as_what_they_are(tmp_path):
    (tmp_path / "file").write_text("kept")
    require_writable(tmp_path, folder=True)
    require_writable(tmp_path / "file")
    with pytest.raises(UsageError, match="it is a folder; choose another place with --csv"):
        require_writable(tmp_path, option="--csv")
    with pytest.raises(UsageError, match="is no folder"):
        require_writable(tmp_path / "file", folder=True)
    assert (tmp_path / "file").read_text() == "kept"


BAD = (
    "/proc/nope",
    "/proc/nope/deeper",
    "/dev/null/x",
    "/sys/x",
    "FILE/x",
    "n" * 300,
    "a\0b",
    "LINK/x",
    "CIRCLE/x",
)


@pytest.fixture(params=BAD, ids=lambda path: repr(path[:12]))
def bad(request, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("/proc/nope")
    (tmp_path / "circle").symlink_to("circle")
    name = request.param
    return name if name.startswith("/") else str(tmp_path / name.replace("FILE", "file").lower())


def test_what_cannot_be_made_is_one_line(bad):
    for folder in (True, False):
        with pytest.raises(UsageError, match=r"cannot write .*; choose another place with -o$") as caught:
            require_writable(Path(bad), folder=folder)
        assert len(str(caught.value).splitlines()) == 1


VERBS = {
    "export": (export.main, ["--target", "onnx", "-o", "OUT"]),
    "export --dry-run": (export.main, ["--target", "all", "--dry-run", "-o", "OUT"]),
    "calibrate": (calibrate.main, ["-w", "lowlight-nano", "-o", "OUT"]),
    "calibrate --recipe": (calibrate.main, ["-w", "lowlight-nano", "--recipe", "OUT"]),
    "train": (train.main, ["student", "--preset", "nano", "--data", "nowhere", "-o", "OUT"]),
    "bench": (bench.main, ["lowlight-nano", "-o", "OUT"]),
    "evaluate --csv": (evaluate.main, ["lowlight-nano", "--data", "nowhere", "--csv", "OUT"]),
    "evaluate --markdown": (evaluate.main, ["lowlight-nano", "--data", "nowhere", "--markdown", "OUT"]),
    "drift": (drift.main, ["lowlight-nano", "-o", "OUT"]),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_so_before_any_work(verb, capsys):
    main, words = VERBS[verb]
    started = time.monotonic()
    assert main([word.replace("OUT", "/proc/nope/out") for word in words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: cannot write '/proc/nope/out': " in err
    assert len(err.splitlines()) == 1
    assert time.monotonic() - started < 60
