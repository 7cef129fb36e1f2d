"""Video files through the run command: frames, times, colors, audio, rotation, interruption and errors."""

import re
import struct
import sys
from fractions import Fraction

import numpy as np
import pytest

from restorect_edge import load
from restorect_edge.cli.run import main
from restorect_edge.media import video
from restorect_edge.media.photos import photos
from restorect_edge.media.video.color import NUMBERS, Color, color_of, encoded, rgb_of

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
        stream.codec_context.colorspace = NUMBERS[matrix]
        stream.codec_context.color_range = 2 if levels == "full" else 1
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        for index, time in enumerate(TIMES):
            frame = encoded(
                np.ascontiguousarray(scene[:, index : index + size[1]]),
                Color(matrix=matrix, full=levels == "full"),
                "yuv420p",
            )
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            tone.sample_rate, tone.pts = 8000, 0
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def viewed(frame):
    """The frame as the network is shown it, with the names of its matrix and range."""
    color = color_of(frame)
    return rgb_of(frame, color), color.matrix, "full" if color.full else "limited"


def scaled(rgb, matrix, levels):
    """Y'CbCr 4:4:4 of 8 bits by the floating-point formulas of ITU-R BT.601-7 and BT.709-6, (3, H, W)."""
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    red, green, blue = np.moveaxis(rgb / 255, -1, 0)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr)]
    low, of_y, of_c = (16, 219, 224) if levels == "limited" else (0, 255, 255)
    planes = [low + of_y * y, *(128 + of_c * c for c in chroma)]
    return np.clip(np.rint(np.stack(planes)), 0, 255).astype(np.uint8)


def run(source, out, *more):
    return main(["lowlight-nano", str(source), "-o", str(out), "--threads", "1", *more])


@pytest.mark.parametrize("colours", [("bt601", "limited"), ("bt709", "full")])
def test_times_and_colours_are_kept(tmp_path, colours, capsys, frames):
    source = make(tmp_path / "dark.mp4", matrix=colours[0], levels=colours[1])
    assert run(source, tmp_path / "out.mp4", "--prior-every", "2", "--smooth", "0.5") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out.mp4'}\n"
    found = frames(tmp_path / "out.mp4")
    assert [round(1000 * frame.time) for frame in found] == TIMES
    before = [viewed(frame) for frame in frames(source)]
    after = [viewed(frame) for frame in found]
    assert {(m, r) for _, m, r in before} == {(m, r) for _, m, r in after} == {colours}
    assert np.mean(after[0][0]) > 1.5 * np.mean(before[0][0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dark.mp4", "out.mp4"]


def test_the_picture_is_the_runtimes(tmp_path, frames):
    """Unchanged frames go through decoding and encoding with little loss, in every matrix and range."""
    for matrix in ("bt601", "bt709"):
        for levels in ("full", "limited"):
            source = make(tmp_path / f"{matrix}-{levels}.mp4", matrix=matrix, levels=levels)
            out = tmp_path / "same.mp4"
            assert video.restore_video(source, out, lambda rgb: rgb).frames == len(TIMES)
            for one, other in zip(frames(source), frames(out), strict=True):
                off = viewed(one)[0].astype(int) - viewed(other)[0]
                assert abs(off.mean()) < 0.5
                assert np.abs(off).mean() < 3


def test_audio_is_copied(tmp_path):
    source = make(tmp_path / "dark.mp4", audio=True)
    video.restore_video(source, tmp_path / "out.mp4", lambda rgb: rgb)

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    assert packets(source) == packets(tmp_path / "out.mp4") != []


def test_a_rotation_becomes_part_of_the_pictures(tmp_path, frames):
    """The matrix that phones write for a picture held upright: a quarter turn clockwise."""
    source = make(tmp_path / "dark.mp4")
    before = [viewed(frame)[0] for frame in frames(source)]
    content = bytearray(source.read_bytes())
    matrix = content.index(b"tkhd") + 44
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, SIZE[0] * one, 0, 1 << 30)
    source.write_bytes(content)
    seen = []
    video.restore_video(source, tmp_path / "out.mp4", lambda rgb: seen.append(rgb) or rgb)
    assert all((turned == np.rot90(rgb, -1)).all() for turned, rgb in zip(seen, before, strict=True))
    out = frames(tmp_path / "out.mp4")[0]
    assert (out.height, out.width, out.rotation) == (SIZE[1], SIZE[0], 0)


def test_an_interrupted_run_leaves_no_file(tmp_path):
    source = make(tmp_path / "dark.mp4")

    def interrupted(rgb):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video.restore_video(source, tmp_path / "out.mp4", interrupted)
    assert [p.name for p in tmp_path.iterdir()] == ["dark.mp4"]


@pytest.mark.parametrize(
    ("matrix", "levels", "height", "named"),
    [
        ("bt601", "full", 64, True),
        ("bt601", "limited", 64, True),
        ("bt709", "full", 64, True),
        ("bt709", "limited", 64, True),
        ("bt601", "limited", 64, False),
        ("bt709", "limited", 720, False),
    ],
)
def test_colours_that_ffmpeg_converts_are_those_of_the_formula(matrix, levels, height, named):
    rgb = np.random.default_rng(3).integers(0, 256, (height, 32, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(scaled(rgb, matrix, levels), format="yuv444p")
    if named:
        frame.colorspace, frame.color_range = NUMBERS[matrix], 2 if levels == "full" else 1
    found, *colours = viewed(frame)
    assert colours == [matrix, levels]
    assert np.abs(found.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "mpeg4"), (".ts", "libx264"), (".y4m", "rawvideo")])
def test_other_containers_are_read(tmp_path, suffix, codec, frames):
    with av.open(str(tmp_path / f"dark{suffix}"), "w") as container:
        stream = container.add_stream("wrapped_avframe" if suffix == ".y4m" else codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for index, frame in enumerate(frames(make(tmp_path / "dark.mp4"))):
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, 25), 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert run(tmp_path / f"dark{suffix}", tmp_path / "out.mp4") == 0
    assert len(frames(tmp_path / "out.mp4")) == len(TIMES)


def test_a_terminal_sees_the_progress(tmp_path, monkeypatch, capsys):
    source = make(tmp_path / "dark.mp4")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(source, tmp_path / "out.mp4") == 0
    assert f"{len(TIMES)}/{len(TIMES)}" in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert run(source, tmp_path / "out.mp4", "--overwrite") == 0
    assert capsys.readouterr().err.splitlines()[1:] == [f"{len(TIMES)} frames, {provider()}"]


def provider():
    with load("lowlight-nano", device="cpu") as runtime:
        return runtime.provider


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.mp4", None, "no video at"),
        ("empty.mp4", b"", "cannot read .* as a video"),
        ("bad.mp4", b"no video" * 99, "cannot read .* as a video"),
    ],
)
def test_a_bad_input_is_named(tmp_path, capsys, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run(tmp_path / name, tmp_path / "out.mp4") == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out.mp4").exists()


def remuxed(source, destination):
    """The same packets in a file whose index is at its start, so that it can be cut off."""
    with (
        av.open(str(source)) as old,
        av.open(str(destination), "w", options={"movflags": "faststart"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return destination


@pytest.mark.parametrize("spoil", ["cut off", "overwritten"])
def test_a_damaged_video_leaves_no_file(tmp_path, capsys, spoil):
    source = remuxed(make(tmp_path / "dark.mp4"), tmp_path / "fast.mp4")
    content = bytearray(source.read_bytes())
    if spoil == "cut off":
        del content[-len(content) // 3 :]
    else:
        content[-len(content) // 3 :] = np.random.default_rng(0).bytes(len(content) // 3 + 1)
    source.write_bytes(content)
    assert run(source, tmp_path / "out.mp4") == 1
    assert "fast.mp4' is damaged" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dark.mp4", "fast.mp4"]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_disk_without_room_is_named_by_every_container(tmp_path, capsys, suffix):
    resource = pytest.importorskip("resource")
    source = make(tmp_path / "in.mp4")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))
        code = run(source, tmp_path / f"out.{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1
    assert f"out.{suffix}': File too large" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*partial"))


def test_sound_alone_is_no_video(tmp_path, capsys):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    assert run(tmp_path / "sound.mp4", tmp_path / "out.mp4") == 1
    assert "holds no video stream" in capsys.readouterr().err


def test_odd_sides_are_padded_and_said(tmp_path, capsys, frames):
    with av.open(str(tmp_path / "odd.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 97, 63, "yuv444p"
        container.mux(stream.encode(av.VideoFrame(97, 63, "yuv444p")))
        container.mux(stream.encode(None))
    assert run(tmp_path / "odd.mkv", tmp_path / "out.mp4") == 0
    assert "97×63 is padded to 98×64: the encoder takes even sides" in capsys.readouterr().err
    assert (frames(tmp_path / "out.mp4")[0].width, frames(tmp_path / "out.mp4")[0].height) == (98, 64)


def test_what_exists_is_kept(tmp_path, capsys, frames):
    source = make(tmp_path / "dark.mp4")
    (tmp_path / "out.mp4").write_bytes(b"mine")
    assert run(source, tmp_path / "out.mp4") == 1
    assert "exists; use --overwrite" in capsys.readouterr().err
    assert run(source, source, "--overwrite") == 1
    assert "is the input itself" in capsys.readouterr().err
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
    assert len(frames(source)) == len(TIMES)


def test_without_pyav_the_extra_is_named_before_any_work(tmp_path, capsys, monkeypatch):
    source = make(tmp_path / "dark.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    assert run(source, tmp_path / "out.mp4") == 3
    assert "pip install 'restorect-edge[video]'" in capsys.readouterr().err
    assert main(["no-such-weights", "--camera", "/dev/video0", "-o", str(tmp_path / "out.mp4")]) == 3


def test_options_of_videos_are_refused_for_images(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"")
    assert run(tmp_path / "a.png", tmp_path / "b.png", "--prior-every", "8") == 1
    assert "are for videos and cameras" in capsys.readouterr().err


def test_a_destination_that_is_no_video(tmp_path, capsys):
    assert run(make(tmp_path / "dark.mp4"), tmp_path / "out.gif") == 1
    assert "possible: .m4v, .mkv, .mov, .mp4, .webm" in capsys.readouterr().err
