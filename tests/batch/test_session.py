"""Folders that are interrupted and gone on with, and the reports of what became of each file."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restorect_edge import load
from restorect_edge.batch import lanes
from restorect_edge.batch.jobs import Job, Plan, plan
from restorect_edge.batch.lanes import Blended, SideBySide
from restorect_edge.batch.pipeline import Settings, blended, restore_all
from restorect_edge.batch.session import Session
from restorect_edge.errors import MissingDependencyError, UsageError
from restorect_edge.inference.video.stream import VideoRestorer
from restorect_edge.media.decoding import read

SAVED = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".bmp": "BMP"}


def brighter(image, tile=None):
    """A network that doubles every level."""
    return np.minimum(image.astype(np.float32) * 2, 255).astype(np.uint8)


def fill(folder, count):
    folder.mkdir()
    for index in range(count):
        suffix, kind = list(SAVED.items())[index % len(SAVED)]
        Image.new("RGB", (12, 8), (20 + index % 90, 30, 40)).save(folder / f"{index:03}{suffix}", kind)
    return folder


@pytest.fixture
def album(tmp_path):
    """20 pictures of five kinds, a file that is none and a picture that is broken."""
    folder = fill(tmp_path / "album", 20)
    (folder / "notes.txt").write_text("")
    (folder / "x-broken.jpg").write_text("")
    return folder


def session(album, **options):
    found = plan([album], str(album.with_name("out")))
    return Session(found, Settings(), command={"artifact": "a"}, **options)


@pytest.mark.parametrize(("workers", "at_once"), [(0, 1), (1, 1), (3, 1), (1, 3), (2, 2)])
def test_rows_come_in_order_whatever_the_workers(album, workers, at_once):
    run = session(album)
    rows = [row for row, _ in run.run(brighter, workers=workers, at_once=at_once)]
    assert [Path(row.source).name for row in rows] == [job.source.name for job in run.jobs]
    assert [row.status for row in rows] == ["restored"] * 20 + ["failed"]
    first = rows[0]
    assert first.brightness_after == pytest.approx(2 * first.brightness_before, abs=0.02)
    assert (first.width, first.height) == (12, 8)
    assert not [p for p in album.with_name("out").iterdir() if p.name.startswith(".")]


def test_a_network_that_breaks_off_in_another_thread_ends_the_run(album):
    def broken(image, tile=None):
        raise MemoryError("full")

    run = session(album)
    with pytest.raises(MemoryError, match="full"):
        list(run.run(broken, workers=2, at_once=2))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("restorect")]


def test_pictures_side_by_side_are_those_one_after_the_other(artifact_split, photo, monkeypatch):
    large = np.tile(photo, (2, 2, 1))
    monkeypatch.setattr(lanes, "LARGE", large.shape[0] * large.shape[1])
    with load(artifact_split.path, device="cpu", threads=2) as runtime, ThreadPoolExecutor(3) as pool:
        restore = SideBySide(runtime, 2)
        pictures = [photo, large, photo[::-1], large[::-1]] * 2
        found = list(pool.map(lambda picture: (restore(picture), restore.timings["total"]), pictures))
        assert all(np.array_equal(result, runtime(p)) for (result, _), p in zip(found, pictures, strict=True))
        assert all(took > 0 for _, took in found)


@pytest.mark.parametrize("at_once", [1, 2])
def test_the_frames_of_a_video_are_blended_with_what_they_were(artifact_split, photo, at_once):
    frames = [photo, photo[::-1], photo]
    with load(artifact_split.path, device="cpu", threads=2) as runtime:
        blend = Blended(VideoRestorer(runtime, at_once=at_once), 0.5)
        with blend.stream(frames) as stream:
            found = list(stream)
        expected = [blended(frame, runtime(frame), 0.5) for frame in frames]
        assert all(map(np.array_equal, [*found, blend(photo)], [*expected, expected[0]]))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_run_goes_on_where_it_stopped(album, workers):
    calls = []

    def stopped(image, tile=None):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return brighter(image)

    first = session(album)
    with pytest.raises(KeyboardInterrupt):
        list(first.run(stopped, workers=workers))
    assert first.interrupted_words().startswith("7 of 21 images are restored; the same command goes on")
    dates = {path: path.stat().st_mtime_ns for path in album.with_name("out").glob("[0-9]*")}
    assert len(dates) == 7
    again = session(album, report=album.with_name("report.json"))
    assert len(again.done) == 7
    assert again.opening_words("X") == "14 images, X; 7 were restored before the interruption"
    list(again.run(brighter, workers=workers))
    assert all(path.stat().st_mtime_ns == date for path, date in dates.items())
    rows = json.loads(album.with_name("report.json").read_text())
    assert [row["status"] for row in rows] == ["restored"] * 20 + ["failed", "left out"]
    assert len({row["source"] for row in rows}) == 22


def test_another_command_does_not_go_on(album):
    first = session(album)
    outcomes = first.run(brighter, workers=0)
    next(outcomes)
    outcomes.close()
    with pytest.raises(UsageError, match=r"exists; use --skip-existing"):
        Session(plan([album], str(album.with_name("out"))), Settings(strength=0.5), command={"artifact": "a"})
    left = session(album, skip_existing=True)
    assert len(left.jobs) == 20


def test_a_source_that_changed_is_restored_again(album):
    outcomes = session(album).run(brighter, workers=0)
    for _ in range(3):
        next(outcomes)
    outcomes.close()
    later = time.time() + 60
    os.utime(album / "001.png", (later, later))
    again = session(album, overwrite=False) if not (album.with_name("out") / "001.png").unlink() else None
    assert [job.source.name for job in again.done] == ["000.jpg", "002.webp"]


def test_csv_keeps_names_that_are_not_utf_8(tmp_path):
    (tmp_path / "album").mkdir()
    name = os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "album" / name)
    run = Session(
        plan([tmp_path / "album"], str(tmp_path / "out")),
        Settings(),
        command={},
        report=tmp_path / "report.csv",
    )
    list(run.run(brighter))
    assert b"caf\xe9.png" in (tmp_path / "report.csv").read_bytes()
    with (tmp_path / "report.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["status"] == "restored"
    assert Path(row["destination"]).is_file()


def test_strength_blends_and_zero_gives_the_input(tmp_path):
    image = np.full((4, 5, 3), 40, np.uint8)
    assert blended(image, image * 2, 0.0).tolist() == image.tolist()
    assert blended(image, image * 2, 0.25).tolist() == (image + 10).tolist()
    values = image / np.float32(255)
    assert blended(values, values * 2, 0.5).dtype == np.float32
    with pytest.raises(UsageError, match="needs a network that keeps the size"):
        blended(image, np.repeat(image, 2, axis=0), 0.5)


def test_one_missing_library_is_an_error_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    run = Session(plan([tmp_path], str(tmp_path / "out")), Settings(), command={})
    errors = [error for _, error in run.run(brighter)]
    with pytest.raises(MissingDependencyError, match=r"restoring 1 of 1 images needs the extra 'photo'"):
        run.check(errors)


def test_decoding_stays_ahead_by_the_workers_alone(tmp_path):
    """Memory is bounded: a long folder is not decoded before the network asks for it."""
    album = fill(tmp_path / "album", 30)
    jobs = [Job(path, tmp_path / "out" / path.name) for path in sorted(album.iterdir())]
    opened = []

    def slow(image, tile=None):
        opened.append(len(list((tmp_path / "out").glob("[0-9]*"))) if (tmp_path / "out").exists() else 0)
        return brighter(image)

    outcomes = restore_all(slow, jobs, Settings(), workers=1)
    for _ in range(5):
        next(outcomes)
    assert len(opened) <= 5 + 4
    outcomes.close()
    assert isinstance(plan([album], None), Plan)


KILLS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_folder_killed_three_times_is_whole_in_the_end(tmp_path, artifact_onnx):
    """The command itself, killed at random places: each picture once, the report complete."""
    album, out = fill(tmp_path / "album", 200), tmp_path / "out"
    (album / "notes.txt").write_text("")
    report = tmp_path / "report.csv"
    command = [sys.executable, "-m", "restorect_edge.run", str(artifact_onnx.path), str(album)]
    command += ["-o", str(out), "--report", str(report)]
    dates: dict[Path, int] = {}
    for kill, after in zip(KILLS, np.random.default_rng(0).integers(10, 60, 3).cumsum(), strict=True):
        child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while child.poll() is None and len(list(out.glob("[0-9]*"))) < after:
            time.sleep(0.002)
        child.send_signal(kill)
        messages = child.communicate()[1]
        if child.returncode == 0:  # it was faster than we were
            break
        assert child.returncode == (-signal.SIGKILL if kill == signal.SIGKILL else 130)
        if kill != signal.SIGKILL:
            assert "of 200 images are restored; the same command goes on from there" in messages
        dates = {path: path.stat().st_ctime_ns for path in out.glob("[0-9]*")}
    else:
        subprocess.run(command, check=True, capture_output=True)
    assert all(path.stat().st_ctime_ns == date for path, date in dates.items()), "restored twice"
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in album.glob("[0-9]*"))
    with report.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["status"] for row in rows] == ["restored"] * 200 + ["left out"]
    assert read(out / "000.jpg").pixels.mean() > read(album / "000.jpg").pixels.mean()
