"""Video files through the run command: frames, times, colours, audio, rotation, interruption and errors."""

import re
from fractions import Fraction

import numpy as np
import pytest

from restorect_edge import video
from restorect_edge.photos import photos
from restorect_edge.run import main

av = pytest.importorskip("av")

SIZE = (64, 96)
TIMES = [0, 40, 120, 160, 300]
"""Milliseconds, unevenly."""


def make(path, *, matrix="bt601", levels="limited", audio=False, size=SIZE):
    """Write a short video of a photograph moving, in H.264 without loss."""
    scene = next(iter(photos((size[0], size[1] + len(TIMES))).values()))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.colorspace = video.NUMBERS[matrix]
        stream.codec_context.color_range = 2 if levels == "full" else 1
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        for index, time in enumerate(TIMES):
            frame = video._frame(np.ascontiguousarray(scene[:, index : index + size[1]]), matrix, levels)
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            tone.sample_rate, tone.pts = 8000, 0
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def frames(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def run(source, out, *more):
    return main(["lowlight-nano", str(source), "-o", str(out), "--threads", "1", *more])


@pytest.mark.parametrize("colours", [("bt601", "limited"), ("bt709", "full")])
def test_times_and_colours_are_kept(tmp_path, colours, capsys):
    source = make(tmp_path / "dark.mp4", matrix=colours[0], levels=colours[1])
    assert run(source, tmp_path / "out.mp4", "--prior-every", "2", "--smooth", "0.5") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out.mp4'}\n"
    found = frames(tmp_path / "out.mp4")
    assert [round(1000 * frame.time) for frame in found] == TIMES
    before = [video._rgb(frame) for frame in frames(source)]
    after = [video._rgb(frame) for frame in found]
    assert {(m, r) for _, m, r in before} == {(m, r) for _, m, r in after} == {colours}
    assert np.mean(after[0][0]) > 1.5 * np.mean(before[0][0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dark.mp4", "out.mp4"]


def test_the_picture_is_the_runtimes(tmp_path):
    """Unchanged frames go through decoding and encoding with little loss, in every matrix and range."""
    for matrix in ("bt601", "bt709"):
        for levels in ("full", "limited"):
            source = make(tmp_path / f"{matrix}-{levels}.mp4", matrix=matrix, levels=levels)
            out = tmp_path / "same.mp4"
            assert video.restore_video(source, out, lambda rgb: rgb) == len(TIMES)
            for one, other in zip(frames(source), frames(out), strict=True):
                off = video._rgb(one)[0].astype(int) - video._rgb(other)[0]
                assert abs(off.mean()) < 0.5
                assert np.abs(off).mean() < 3


def test_audio_is_copied(tmp_path):
    source = make(tmp_path / "dark.mp4", audio=True)
    video.restore_video(source, tmp_path / "out.mp4", lambda rgb: rgb)

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    assert packets(source) == packets(tmp_path / "out.mp4") != []


def test_an_interrupted_run_leaves_no_file(tmp_path):
    source = make(tmp_path / "dark.mp4")

    def interrupted(rgb):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video.restore_video(source, tmp_path / "out.mp4", interrupted)
    assert [p.name for p in tmp_path.iterdir()] == ["dark.mp4"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("none.mp4", None, "no video at"), ("bad.mp4", b"no video" * 99, "cannot read .* as a video")],
)
def test_a_bad_input_is_named(tmp_path, capsys, name, content, message):
    if content:
        (tmp_path / name).write_bytes(content)
    assert run(tmp_path / name, tmp_path / "out.mp4") == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out.mp4").exists()


def test_a_missing_camera_is_named_with_exit_code_5(tmp_path, capsys):
    out = tmp_path / "out.mp4"
    assert main(["lowlight-nano", "--camera", "/dev/video-none", "-o", str(out)]) == 5
    assert "cannot open camera '/dev/video-none'" in capsys.readouterr().err
    assert not out.exists()


def test_options_of_videos_are_refused_for_images(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"")
    assert run(tmp_path / "a.png", tmp_path / "b.png", "--prior-every", "8") == 1
    assert "are for videos and cameras" in capsys.readouterr().err


def test_a_destination_that_is_no_video(tmp_path, capsys):
    assert run(make(tmp_path / "dark.mp4"), tmp_path / "out.gif") == 1
    assert "possible: .m4v, .mkv, .mov, .mp4" in capsys.readouterr().err
