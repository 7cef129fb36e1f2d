"""From a command line's inputs to files: structure, names, links, what is left out."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from restorect_edge.batch.jobs import beside, plan
from restorect_edge.errors import UsageError
from restorect_edge.media.folders import files_in


@pytest.fixture
def album(tmp_path):
    """A phone's folder: pictures of many kinds, a video, and what systems leave behind."""
    folder = tmp_path / "album"
    pictures = "1.jpg 2.bmp 3.jfif 4.avif 5.gif 6.HEIC 7.dng 9.mpo A.psd B.jpx sub/8.png"
    others = "MOVIE.MOV notes.txt ._1.jpg .DS_Store @eaDir/1.jpg"
    for name in f"{pictures} {others}".split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def destinations(found, root):
    return sorted(job.destination.relative_to(root).as_posix() for job in found.jobs)


def test_pictures_of_every_kind_are_taken_and_the_rest_is_counted(album, tmp_path):
    found = plan([album], str(tmp_path / "out"))
    expected = "1.jpg 2.bmp 3.jfif 4.avif 5.png 6.HEIC 7.tif 9.jpg A.png B.jpx sub/8.png"
    assert " ".join(destinations(found, tmp_path / "out")) == expected
    assert found.left_out_words() == (
        "1 .mov (a video: restore it by a command of its own); 1 .txt (not a picture format that is read)"
    )


def test_sub_folders_can_be_left_alone(album, tmp_path):
    found = plan([album], str(tmp_path / "out"), recursive=False)
    assert "sub/8.png" not in destinations(found, tmp_path / "out")


def test_a_name_that_another_file_has_gets_both_suffixes(album, tmp_path):
    (album / "5.png").write_bytes(b"")
    found = plan([album], str(tmp_path / "out"))
    assert {"5.png", "5.gif.png"} <= set(destinations(found, tmp_path / "out"))


def test_what_an_earlier_run_wrote_beside_its_inputs_is_left_out_and_said(album, tmp_path):
    for name in ("1-restored.jpg", "5-restored.png", "other-restored.jpg"):
        (album / name).write_bytes(b"")
    found = plan([album], str(tmp_path / "out"))
    assert {"1-restored.jpg", "5-restored.png"}.isdisjoint(destinations(found, tmp_path / "out"))
    assert "other-restored.jpg" in destinations(found, tmp_path / "out")
    assert "1 .jpg, 1 .png (what an earlier run made of the file beside it)" in found.left_out_words()


@pytest.mark.parametrize("name", ["1.jpg", "a.webp"])
def test_a_picture_is_no_video(album, name):
    (album / name).write_bytes(b"")
    with pytest.raises(
        UsageError, match=rf"'o\.mp4' names a video, and '.*{name}' is a picture, or an animation"
    ):
        plan([album / name], "o.mp4")


def test_without_an_output_results_lie_beside_the_inputs(album):
    assert [job.destination for job in plan([album / "1.jpg"], None).jobs] == [album / "1-restored.jpg"]
    assert [job.destination for job in plan([album / "5.gif"], None).jobs] == [album / "5-restored.png"]
    found = plan([album], None)
    assert found.outputs == (album.with_name("album-restored"),)
    assert "sub/8.png" in destinations(found, album.with_name("album-restored"))


@pytest.mark.parametrize("stem", ["a" * 246, "\u591c" * 82])
def test_names_beside_long_ones_are_shortened(tmp_path, stem):
    path = tmp_path / f"{stem}.jpg"
    path.write_bytes(b"")
    made = beside(path, ".jpg")
    assert made.name.endswith("-restored.jpg")
    assert 240 < len(os.fsencode(made.name)) <= 255


def test_links_are_followed_once(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/2.jpg").write_bytes(b"")
    album = tmp_path / "album"
    album.mkdir()
    (album / "linked").symlink_to(tmp_path / "elsewhere")
    (album / "two.jpg").symlink_to(tmp_path / "elsewhere/2.jpg")
    (album / "loop").symlink_to(album)
    assert [path.relative_to(album).as_posix() for path in files_in(album)] == ["linked/2.jpg", "two.jpg"]


def test_what_is_no_file_is_left_out_and_said(album, tmp_path, monkeypatch):
    (album / "loop.jpg").symlink_to("loop.jpg")
    (album / "moved.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(album / "pipe.jpg")
    (album / "locked").mkdir()
    scandir = os.scandir

    def locked(path):
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)  # root may read any folder
    words = plan([album], str(tmp_path / "out")).left_out_words()
    assert "2 .jpg (a link that leads nowhere)" in words
    assert "1 .jpg (no regular file)" in words
    assert "1 without suffix (a folder that cannot be read)" in words


def test_a_picture_without_a_suffix_gets_the_one_of_its_content(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "scan", "JPEG")
    assert plan([tmp_path / "scan"], None).jobs[0].destination.name == "scan-restored.jpg"


def test_a_folder_without_pictures_says_what_is_there(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(UsageError, match=r"no images in .*there are 1 \.mp4 \(a video: restore it by"):
        plan([tmp_path], str(tmp_path / "out"))
