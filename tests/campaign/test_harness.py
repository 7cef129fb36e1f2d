"""The campaign notices what it is there to notice, goes on where it was, and its cases can be repeated."""

import importlib
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from restorect_edge.artifact import Artifact
from restorect_edge.errors import IncompatibleError, UsageError

TRACEBACK = """Traceback (most recent call last):
  File "/x/restorect_edge/media/photo.py", line 7, in read
    raise TypeError("no")
  File "/y/PIL/Image.py", line 9, in open
    raise TypeError("no")
TypeError: no
"""


@pytest.fixture
def part():
    """`part(name)` imports a module of the campaign."""
    return lambda name: importlib.import_module(f"robustness.{name}")


@pytest.mark.parametrize(
    ("code", "err", "kind"),
    [
        (0, "", None),
        (4, "error: it is damaged\n", None),
        (1, TRACEBACK, "run: traceback, TypeError from photo.py:read"),
        (0, TRACEBACK, "run: traceback, TypeError from photo.py:read"),
        (-11, "", "run: killed by signal 11"),
        (6, "error: six\n", "run: exit code 6"),
        (130, "interrupted\n", "run: exit code 130"),
        (5, "", "run: exit code 5 without a line that says why"),
    ],
)
def test_the_end_of_a_command_is_judged(part, code, err, kind):
    judging = part("judging")
    found = judging.of_command(judging.Done(code, "", err), "run")
    assert [failure.kind for failure in found] == [kind] * (kind is not None)


def test_a_command_that_was_asked_to_stop_may_say_so_or_die(part):
    judging = part("judging")
    for code in (130, -15, -9):
        assert not [*judging.of_command(judging.Done(code, "", ""), "run", interrupted=True)]
    assert [*judging.of_command(judging.Done(130, "", TRACEBACK), "run", interrupted=True)]


def test_only_foreign_exceptions_are_failures(part):
    of_exception = part("judging").of_exception
    assert not [*of_exception(UsageError("no"), "call")]
    assert [f.kind.split(",")[0] for f in of_exception(KeyError("x"), "call")] == ["call: KeyError"]


def test_half_written_files_are_found_by_name(part, tmp_path):
    for name in (".a.png-12.partial", ".partial-x-9", "a.png", ".restorect-1.jsonl"):
        (tmp_path / name).touch()
    assert sorted(part("judging").leftovers(tmp_path)) == [".a.png-12.partial", ".partial-x-9"]


def test_progress_survives_a_cut_line(part, tmp_path):
    progress = part("progress")
    path = tmp_path / "images.jsonl"
    progress.Progress(path).add(progress.Row(case=0, units=10, failures=[progress.Failure("x", "\udcff")]))
    with path.open("ab") as stream:
        stream.write(b'{"case": 1, "units"')
    again = progress.Progress(path)
    assert again.pending(3) == [1, 2]
    again.add(progress.Row(case=1))
    assert progress.Progress(path).pending(3) == [2]
    assert progress.Progress(path).rows[0].failures[0].kind == "x"


def test_a_case_draws_the_same_whatever_ran_before(part):
    draw, picture = part("progress").draw, part("pictures").draw_picture
    assert picture(draw(7, "images", 5), 3) == picture(draw(7, "images", 5), 3)
    assert picture(draw(7, "images", 5), 3) != picture(draw(7, "images", 6), 3)


def test_all_kinds_of_pictures_and_damages_are_drawn(part):
    pictures, rng = part("pictures"), random.Random(1)
    drawn = [pictures.draw_picture(rng, 0) for _ in range(400)]
    assert {one.mutation.split()[0] for one in drawn} == {*pictures.MUTATIONS, "none", "metadata", "format"}
    assert 0.2 < np.mean([one.whole for one in drawn]) < 0.6


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize(
    ("call", "kind"),
    [("crash", "crash: SIGABRT"), ("hang", "hang"), ("fail", "harness: KeyError"), ("right", None)],
)
def test_a_worker_outlives_its_cases(part, tmp_path, monkeypatch, call, kind, fork):
    (tmp_path / "cases.py").write_text(
        "import os, time\n"
        "from robustness.progress import Row\n"
        "def crash(number): os.abort()\n"
        "def hang(number): time.sleep(60)\n"
        "def fail(number): raise KeyError('x')\n"
        "def right(number): return Row(case=number, units=3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    limit = 1 if call == "hang" else 30
    with part("client").Worker(tmp_path / "log") as worker:
        row = worker.ask(f"cases:{call}", {"number": 4}, fork=fork, timeout=limit)
        assert (row.case, [f.kind.split(",")[0] for f in row.failures]) == (4, [kind] * (kind is not None))
        assert worker.ask("cases:right", {"number": 5}, fork=fork, timeout=30).units == 3


def test_every_damage_can_be_done_and_changed_files_are_noticed(part, artifact_onnx, tmp_path):
    spoil, noticed = part("spoil"), 0
    before = spoil.hashes(artifact_onnx.path)
    for number, name in enumerate(sorted(spoil.DAMAGES)):
        copy = tmp_path / str(number)
        shutil.copytree(artifact_onnx.path, copy)
        spoil.DAMAGES[name](random.Random(number), copy)
        if name not in spoil.MANIFEST:
            noticed += _is_noticed(copy)
            assert _is_noticed(copy) or spoil.hashes(copy) == before, name
    assert noticed > 8


def _is_noticed(folder) -> bool:
    try:
        Artifact.open(folder)
    except IncompatibleError:
        return True
    return False


def test_wrong_pictures_are_told_from_right_ones(part, photo):
    same = part("images")._same
    png, jpg = Path("a.png"), Path("a.jpg")
    assert same(photo, photo, png)
    assert not same(photo, np.roll(photo, 1, axis=1), png)
    noise = np.random.default_rng(0).integers(-9, 10, photo.shape)
    assert same(np.clip(photo + noise, 0, 255).astype(np.uint8), photo, jpg)
    assert not same(photo[::-1], photo, jpg)
    assert not same(photo[:-1], photo, jpg)


class Mixed:
    """A runtime that gives one caller's picture to another now and then."""

    def __init__(self) -> None:
        self.last = None

    def __call__(self, image):
        given, self.last = self.last, image
        return image if given is None or image.shape[0] % 2 else given


def test_mixed_up_pictures_are_counted(part, tmp_path):
    threads = part("threads")
    watched = threads.Watched()
    given = [np.full((4 + n % 2, 5, 3), n, np.uint8) for n in range(6)]
    lines = [*threads._watch(Mixed(), given, given, 0.3, watched, tmp_path / "log")]
    assert sum(line["wrong"] for line in lines) == watched.wrong > 0
    assert [f.kind for f in threads._judged(lines, watched.wrong)] == ["threads: wrong pictures"]


def test_growing_memory_is_a_failure(part):
    threads = part("threads")
    lines = [{"start": not n, "seconds": 10, "calls": 9, "mb": 100 + 30 * n} for n in range(20)]
    assert [f.kind for f in threads._judged(lines, 0)] == ["threads: memory grows"]
    assert not [*threads._judged([{**line, "mb": 300} for line in lines], 0)]


def test_half_an_output_is_not_taken_for_a_finished_one(part, tmp_path):
    finished = part("verbs").finished
    (tmp_path / "plan.json").write_text('{"a": 1, "minutes": 3}')
    (tmp_path / ".hidden.json").write_text("{")
    assert finished(tmp_path) == {"plan.json": {"a": 1}}
    (tmp_path / "plan.json").write_text('{"a": 1')
    with pytest.raises(json.JSONDecodeError):
        finished(tmp_path)


def test_the_report_groups_failures_and_says_how_to_repeat_them(part, tmp_path):
    progress, report = part("progress"), part("report")
    rows = progress.Progress(tmp_path / "images.jsonl")
    for number in range(4):
        failures = [progress.Failure("run: hang", str(number))] * (number % 2)
        rows.add(progress.Row(case=number, units=10, failures=failures, facts={"how": "each", "restored": 2}))
    units = dict.fromkeys(part("parts").PARTS, 0) | {"images": 50}
    made = report.write_report(tmp_path, {"seed": 3, "units": units})
    assert report.failed(made)
    assert not report.complete(made, ["images"])
    assert report.complete(made, ["threads"])
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "# Robustness campaign (partial)" in page
    assert "- run: hang: 2 cases; `--case images:1`" in page
    assert '"restored": 8' in page
