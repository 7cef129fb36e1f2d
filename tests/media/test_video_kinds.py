"""Videos as people have them: containers, codecs and their oddities, each through the whole way.

Frame i has the gray level 30 + 12·i, so that order, loss and repetition show in the restored video.
"""

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from restorect_edge.errors import UsageError
from restorect_edge.media.video import VideoOptions, restore_video
from restorect_edge.media.video.color import color_of, rgb_of

av = pytest.importorskip("av")

WIDTH, HEIGHT, COUNT, RATE = 96, 64, 6, 25
MILLISECONDS = Fraction(1, 1000)
SAMPLES = 48_000


def level(index):
    return 30 + 12 * index


def picture(index, size=(HEIGHT, WIDTH), channels=3):
    return np.full((*size, channels), level(index), np.uint8)


def write(
    path, codec="libx264", pix="yuv420p", *, fmt=None, size=(HEIGHT, WIDTH), times=None, sounds=(), **options
):
    """Write COUNT frames, and tracks of sound by codec and language, all from the same time on."""
    setup, metadata = options.pop("setup", None), options.pop("metadata", {})
    count = options.pop("count", COUNT)
    with av.open(str(path), "w", format=fmt) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=RATE, options={"bf": "0", **options})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], pix
        if times is not None:
            stream.time_base = stream.codec_context.time_base = MILLISECONDS
        if setup is not None:
            setup(stream.codec_context)
        tracks = [add_sound(container, *sound) for sound in sounds]
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index % COUNT, size), "rgb24").reformat(format=pix)
            frame.pts = index if times is None else times[index]
            frame.time_base = Fraction(1, RATE) if times is None else MILLISECONDS
            container.mux(stream.encode(frame))
        for track in tracks:
            encode_sound(container, track, Fraction(times[0], 1000) if times else Fraction(0))
        container.mux(stream.encode(None))
    return path


def encode(container, stream, pictures):
    """Encode pictures, (H, W, 3) or with alpha (H, W, 4), as all frames of a stream."""
    for index, pixels in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24" if pixels.shape[2] == 3 else "rgba")
        frame.pts = index
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def add_sound(container, codec, language=None):
    track = container.add_stream(codec, rate=SAMPLES)
    track.layout, track.bit_rate = "mono", 64_000
    if language:
        track.metadata["language"] = language
    return track


def encode_sound(container, track, start):
    context = track.codec_context
    kinds = {
        "s16": np.int16,
        "s16p": np.int16,
        "fltp": np.float32,
        "u8": np.uint8,
        "s32": np.int32,
        "flt": np.float32,
    }
    length = context.frame_size or 960
    for part in range(RATE):
        silence = np.zeros((1, length), kinds[context.format.name])
        frame = av.AudioFrame.from_ndarray(silence, format=context.format.name, layout="mono")
        frame.sample_rate, frame.pts = SAMPLES, round(start * SAMPLES) + part * length
        frame.time_base = Fraction(1, SAMPLES)
        if part * length >= SAMPLES * COUNT / RATE:
            break
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def repeated(path):
    """A webcam's: times that repeat."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = MILLISECONDS
        for index, time in enumerate((0, 40, 40, 120, 160, 160)):
            frame = av.VideoFrame.from_ndarray(picture(index), "rgb24")
            frame.pts, frame.time_base = index, MILLISECONDS
            for packet in stream.encode(frame):
                packet.pts = packet.dts = time
                container.mux(packet)
    return path


def joined(path):
    """Two recordings end to end: the clock starts again in the middle."""
    one = write(path.with_name(f"one{path.suffix}"), sounds=[("mp2",)], **JOINED[path.suffix])
    path.write_bytes(one.read_bytes() * 2)
    return path


JOINED = {".ts": {}, ".mpg": {"codec": "mpeg2video"}}


def interlaced(path):
    with av.open(str(path), "w") as container:
        options = {"flags": "+ildct+ilme", "top": "1"}
        stream = container.add_stream("mpeg2video", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        encode(container, stream, map(picture, range(COUNT)))
    return path


def transparent(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgba"
        pixels = picture(1, channels=4)
        pixels[:, 48:, 3] = 0
        encode(container, stream, [pixels])
    return path


def resized(path):
    """A stream whose pictures become smaller and of other proportions, as of a bad connection."""
    packets = []
    for size in ((HEIGHT, WIDTH), (48, 64)):
        stream = io.BytesIO()
        with av.open(stream, "w", format="h264") as container:
            video = container.add_stream("libx264", rate=RATE, options={"bf": "0"})
            video.width, video.height, video.pix_fmt = size[1], size[0], "yuv420p"
            encode(container, video, (picture(len(packets) + i, size) for i in range(COUNT // 2)))
        packets.append(stream.getvalue())
    path.write_bytes(b"".join(packets))
    return path


def with_cover(path):
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 120, 120, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        film = container.add_stream("libx264", rate=RATE, options={"bf": "0"})
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        encode(container, cover, [np.full((120, 120, 3), 9, np.uint8)])
        encode(container, film, map(picture, range(COUNT)))
    return path


def damaged(path):
    """Motion JPEG of which one frame in ten is noise."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(picture(index % COUNT), "rgb24")
            frame.pts = index
            for packet in stream.encode(frame):
                bad = av.Packet(bytes(64)) if index == 7 else packet
                bad.pts, bad.dts, bad.time_base, bad.stream = packet.pts, packet.dts, packet.time_base, stream
                container.mux(bad)
    return path


def cut_off(path):
    """A recording whose second half was never written, one second and more."""
    write(path, codec="mpeg4", count=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 4])
    return path


def colored(matrix, transfer, primaries):
    def setup(context):
        context.colorspace, context.color_trc, context.color_primaries = matrix, transfer, primaries
        context.color_range = 1

    return setup


def aspect(context):
    context.sample_aspect_ratio = Fraction(32, 27)


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable = write
    options: dict = field(default_factory=dict)
    into: str = "out.mp4"
    how: dict = field(default_factory=dict)
    says: str = ""
    fails: str = ""
    count: int = COUNT
    times: tuple | None = None
    sounds: tuple = ()


B_FRAMES = {"bf": "2", "g": "12"}
EVEN = tuple(index / RATE for index in range(COUNT))
TEN = {"codec": "ffv1", "pix": "yuv420p10le"}
CASES = [
    Case("a.mp4"),
    Case("a.MOV", options={"sounds": [("aac", "ger"), ("aac", "fre")]}, sounds=("aac", "aac")),
    Case(
        "a.mkv", options={"codec": "libx264", "sounds": [("flac", "ger")]}, into="out.mkv", sounds=("flac",)
    ),
    Case("a.webm", options={"codec": "libvpx-vp9", "sounds": [("libopus",)]}, sounds=("opus",)),
    Case(
        "vp9.webm", options={"codec": "libvpx-vp9", "sounds": [("libopus",)]}, into="o.webm", sounds=("opus",)
    ),
    Case(
        "mjpeg.avi", options={"codec": "mjpeg", "pix": "yuvj420p", "sounds": [("pcm_s16le",)]}, into="o.mov"
    ),
    Case("b-frames.avi", options={**B_FRAMES, "fmt": "avi"}),
    Case("b-frames.mkv", options={**B_FRAMES, "sounds": [("aac",)]}, into="o.mkv", sounds=("aac",)),
    Case("mpeg4.avi", options={"codec": "mpeg4", **B_FRAMES}),
    Case("a.mpg", options={"codec": "mpeg2video", "sounds": [("mp2",)]}, sounds=("mp3",)),
    Case("a.ts", options={**B_FRAMES, "sounds": [("aac",)]}, sounds=("aac",)),
    Case("a.m2ts", options={"fmt": "mpegts"}),
    Case("a.3gp"),
    Case("a.flv"),
    Case("a.wmv", options={"codec": "wmv2", "fmt": "asf", "sounds": [("wmav2",)]}, how={"audio": "encode"}),
    Case("a.vob", options={"codec": "mpeg2video", "fmt": "vob"}),
    Case("a.mxf", options={"codec": "mpeg2video"}),
    Case("a.gif", options={"codec": "gif", "pix": "gray"}),
    Case("a.y4m", options={"codec": "wrapped_avframe"}),
    Case("a.h264", options={"fmt": "h264"}),
    Case("raw.ts", options={"fmt": "h264", **B_FRAMES}),
    Case(
        "prores.mov",
        options={"codec": "prores_ks", "pix": "yuv422p10le"},
        says="10 bits per channel become 8",
    ),
    Case("lossless.mkv", options={"codec": "ffv1", "pix": "yuv444p"}, how={"encoder": "ffv1"}, into="o.mkv"),
    Case("repeated.mkv", repeated, times=(0, 0.04, 0.05, 0.12, 0.16, 0.17)),
    Case("joined.ts", joined, count=2 * COUNT, says="the clock jumps on the way"),
    Case("joined.mpg", joined, count=2 * COUNT, says="the clock jumps on the way"),
    Case(
        "late.mkv",
        options={"times": [5000, 5040, 5120, 5130, 5300, 5340], "sounds": [("aac",)]},
        times=(0, 0.04, 0.12, 0.13, 0.3, 0.34),
        sounds=("aac",),
    ),
    Case("wide.mp4", options={"setup": aspect}),
    Case("fields.ts", interlaced, says="interlaced frames were deinterlaced"),
    Case("ten.mkv", options={**TEN, "setup": colored(1, 1, 1)}, how={"encoder": "libx265"}),
    Case("sdr2020.mkv", options={"codec": "ffv1", "setup": colored(9, 14, 9)}),
    Case("240m.mkv", options={"codec": "ffv1", "setup": colored(7, 7, 7)}),
    Case(
        "hlg.mkv", options={**TEN, "setup": colored(9, 18, 9)}, fails=r"is HDR \(HLG, 10 bits\).*--tone-map"
    ),
    Case("hlg2.mkv", options={**TEN, "setup": colored(9, 18, 9)}, how={"tone_map": True}),
    Case("pq.mkv", options={**TEN, "setup": colored(9, 16, 9)}, how={"tone_map": True}),
    Case(
        "ictcp.mkv",
        options={**TEN, "setup": colored(14, 1, 9)},
        fails="colors are ICtCp, which is not converted",
    ),
    Case("alpha.mov", transparent, fails="is partly transparent"),
    Case("odd.mkv", options={"codec": "ffv1", "pix": "yuv444p", "size": (63, 97)}, says="padded to 98×64"),
    Case("resized.h264", resized, says="3 frames of another size were fitted"),
    Case("cover.mp4", with_cover, says="left out: the cover picture"),
    Case("cut.mp4", cut_off, fails="an MP4 or MOV without its index, as of a recording that was cut off"),
    Case("empty.mov", lambda path: path.touch() or path, fails=r"as a video: the file is empty"),
    Case("damaged.avi", damaged, count=19, says="1 damaged or missing frames were passed over"),
    Case(
        "damaged2.avi",
        damaged,
        how={"max_damaged": 0.0},
        fails=r"1 of 20 frames cannot be decoded, more than 0%",
    ),
    Case(
        "u8.avi",
        options={"codec": "mjpeg", "pix": "yuvj420p", "sounds": [("pcm_u8",)]},
        fails="has pcm_u8 sound",
    ),
    Case(
        "flac.mkv",
        options={"sounds": [("flac",)]},
        into="o.mov",
        fails=r"which \.mov cannot hold: --audio encode",
    ),
    Case(
        "flac2.mkv", options={"sounds": [("flac",)]}, into="o.mov", how={"audio": "encode"}, sounds=("aac",)
    ),
    Case(
        "flac3.mkv",
        options={"sounds": [("flac",)]},
        into="o.mov",
        how={"audio": "drop"},
        says="left out: track 1",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_kind_comes_out_whole_in_order_and_in_step(tmp_path, case):
    source = case.make(tmp_path / case.name, **case.options)
    destination, said = tmp_path / case.into, []
    if case.fails:
        with pytest.raises(UsageError, match=case.fails):
            restore_video(source, destination, lambda rgb: rgb, options=VideoOptions(**case.how))
        assert not destination.exists()
        return
    options = VideoOptions(**case.how)
    done = restore_video(source, destination, lambda rgb: rgb, options=options, say=said.append)
    assert case.says in "\n".join(said)
    assert case.says == "the clock jumps on the way" or not any("clock" in line for line in said)
    with av.open(str(destination)) as container:
        assert container.streams[0].type == "video"
        assert [s.codec_context.codec.canonical_name for s in container.streams.audio][
            : len(case.sounds)
        ] == list(case.sounds)
        shown = list(container.decode(video=0))
    times = [float(frame.time) for frame in shown]
    assert done.frames == len(shown) == case.count
    assert all(one < other for one, other in pairwise(times)), times
    expected = case.times or tuple(index / RATE for index in range(case.count))
    if case.count != 19:
        assert times == pytest.approx(expected, abs=0.006 + times[0])
    check_levels(shown, case)
    check_tags(source, destination, case)


def test_damage_that_the_container_marks_is_said(tmp_path):
    source, said = write(tmp_path / "marked.ts", codec="mpeg2video"), []
    packets = bytearray(source.read_bytes())
    video = [at for at in range(0, len(packets), 188) if packets[at + 1] & 0x5F == 0x41]  # a frame begins
    packets[video[2] + 1] |= 0x80  # transport_error_indicator
    source.write_bytes(packets)
    restore_video(source, tmp_path / "o.mp4", lambda rgb: rgb, say=said.append)
    assert any(re.search(r"the file is damaged at \d of its packets", line) for line in said), said


def test_damaged_sound_that_is_encoded_anew_is_left_out_and_said(tmp_path):
    source, said = write(tmp_path / "in.mkv", sounds=[("aac",)]), []
    noise = np.random.default_rng(0).bytes(200)
    with av.open(str(source)) as whole, av.open(str(tmp_path / "noisy.mkv"), "w") as container:
        streams = [container.add_stream_from_template(stream) for stream in whole.streams]
        for packet in (packet for packet in whole.demux() if packet.size):
            stream = streams[packet.stream.index]
            bad = av.Packet(noise) if stream.type == "audio" and packet.pts > 0 else packet
            bad.pts, bad.dts, bad.time_base, bad.stream = packet.pts, packet.dts, packet.time_base, stream
            container.mux(bad)
    options = VideoOptions(audio="encode")
    restore_video(
        tmp_path / "noisy.mkv", tmp_path / "o.webm", lambda rgb: rgb, options=options, say=said.append
    )
    assert "11 damaged packets of sound or subtitles were left out" in said


def test_a_recording_that_ends_before_its_length_is_said(tmp_path):
    said = []
    done = restore_video(cut_off(tmp_path / "in.mkv"), tmp_path / "o.mkv", lambda rgb: rgb, say=said.append)
    assert 0 < done.frames < 40
    assert any("of the 2.4 s that it states: is it cut off?" in line for line in said)


def check_levels(shown, case):
    found = [float(rgb_of(frame, color_of(frame)).mean()) for frame in shown]
    scale = 255 if found[0] < 1 else 1
    levels = [scale * value for value in found]
    if "hlg" in case.name or "pq" in case.name:
        assert levels == sorted(levels)
        assert levels[-1] > levels[0] + 5
    elif case.make is not resized and case.count == COUNT:
        assert levels == pytest.approx([level(index) for index in range(COUNT)], abs=4.5)


def check_tags(source, destination, case):
    with av.open(str(source)) as before, av.open(str(destination)) as after:
        old, new = before.streams.video[0], after.streams.video[0]
        if case.name == "wide.mp4":
            assert new.sample_aspect_ratio == Fraction(32, 27)
        tags = [(s.codec_context.color_trc, s.codec_context.color_primaries) for s in (old, new)]
        if case.how.get("tone_map"):
            assert tags[1] == (1, 1)
        elif case.make is write:
            assert tags[0] == tags[1]
        if case.name == "ten.mkv":
            assert new.codec_context.pix_fmt == "yuv420p10le"
        if case.name == "a.MOV":
            assert [track.language for track in after.streams.audio] == ["ger", "und"], (
                "fre is none of QuickTime's"
            )
        if case.name == "a.mkv":
            assert [track.language for track in after.streams.audio] == ["ger"]


ONE = 1 << 16
MIRRORED_AND_TURNED = {
    "mirrored": ([-ONE, 0, 0, 0, ONE], lambda image: image[:, ::-1]),
    "upside down": ([ONE, 0, 0, 0, -ONE], lambda image: image[::-1]),
    "half a turn": ([-ONE, 0, 0, 0, -ONE], lambda image: image[::-1, ::-1]),
    "to the right": ([0, ONE, 0, -ONE, 0], lambda image: np.rot90(image, -1)),
    "to the left": ([0, -ONE, 0, ONE, 0], np.rot90),
    "transposed": ([0, ONE, 0, ONE, 0], lambda image: image.swapaxes(0, 1)),
}


@pytest.mark.parametrize("kind", MIRRORED_AND_TURNED)
def test_pictures_are_turned_and_mirrored_as_players_show_them(tmp_path, kind):
    """What phones write of a camera held upright, and of the one that looks at its user."""
    matrix, shown = MIRRORED_AND_TURNED[kind]
    stored = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    stored[:16, :16] = 200
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, "rgb24")))
        container.mux(stream.encode(None))
    file = bytearray((tmp_path / "in.mp4").read_bytes())
    start = file.index(b"tkhd") + 44
    file[start : start + 20] = struct.pack(">5i", *matrix)
    (tmp_path / "in.mp4").write_bytes(file)
    seen = []
    restore_video(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda rgb: seen.append(rgb) or rgb)
    assert seen[0].shape == shown(stored).shape
    assert np.abs(seen[0].astype(int) - shown(stored)).mean() < 3


def test_sound_stays_in_step_where_the_clock_starts_late(tmp_path):
    """Sound and pictures start together at 5 s, and so they do at 0."""
    source = write(tmp_path / "late.mkv", times=[5000, 5040, 5080, 5120, 5160, 5200], sounds=[("aac",)])
    restore_video(source, tmp_path / "out.mkv", lambda rgb: rgb)
    with av.open(str(tmp_path / "out.mkv")) as container:
        first = next(container.decode(audio=0))
    assert abs(float(first.time)) < 0.03


METADATA = {
    "title": "Night walk",
    "creation_time": "2024-05-01T21:00:00.000000Z",
    "location": "+47.0000+008.0000/",
    "comment": "hello",
    "com.apple.quicktime.model": "Phone",
}


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_metadata_and_chapters_are_kept(tmp_path, suffix):
    plain = write(tmp_path / "plain.mkv")
    with av.open(str(plain)) as old, av.open(str(tmp_path / "in.mkv"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        new.metadata.update(METADATA)
        titled = {"metadata": {"title": "One"}, "time_base": MILLISECONDS, "id": 1, "start": 0, "end": 100}
        new.set_chapters([titled])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    done = restore_video(tmp_path / "in.mkv", tmp_path / f"out{suffix}", lambda rgb: rgb)
    assert done.notes == ()
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
        assert {key: found[key] for key in METADATA} == METADATA
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One"]


def test_what_a_container_has_no_place_for_is_said_before_any_work(tmp_path):
    source, said = write(tmp_path / "in.mkv", sounds=[("flac",)]), []

    def restore(rgb):
        assert said == ["left out: track 1, flac sound, which .mov cannot hold"]
        return rgb

    options = VideoOptions(audio="drop")
    assert (
        restore_video(source, tmp_path / "out.mov", restore, options=options, say=said.append).frames == COUNT
    )


BARS = [
    (0.75, 0.1, 0.1),
    (0.1, 0.75, 0.1),
    (0.1, 0.1, 0.75),
    (0.75, 0.75, 0.1),
    (0.5, 0.5, 0.5),
    (0.1, 0.6, 0.6),
]
KR_KB = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("number", KR_KB)
def test_color_bars_of_every_matrix_are_read_and_written_right(tmp_path, number, bits):
    """Y'CbCr of known R'G'B', by the floating-point formula of the standards."""
    kr, kb = KR_KB[number]
    rgb = np.zeros((HEIGHT, WIDTH, 3))
    for index, bar in enumerate(BARS):
        rgb[:, 16 * index : 16 * index + 16] = bar
    y = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    chroma = (rgb[..., 2] - y) / (2 - 2 * kb), (rgb[..., 0] - y) / (2 - 2 * kr)
    scale, kind = 2 ** (bits - 8), np.uint16 if bits > 8 else np.uint8
    planes = [np.rint((16 + 219 * y) * scale), *(np.rint((128 + 224 * c) * scale)[::2, ::2] for c in chroma)]
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le" if bits > 8 else "yuv420p")
    for plane, values in zip(frame.planes, planes, strict=True):
        row = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        row[:, : plane.width] = values
        plane.update(row.tobytes())
    frame.pts = 0
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, frame.format.name
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = number, 9, 14, 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    seen = []
    options = VideoOptions(encoder="ffv1")
    restore_video(
        tmp_path / "in.mkv", tmp_path / "out.mkv", lambda rgb: seen.append(rgb) or rgb, options=options
    )
    with av.open(str(tmp_path / "out.mkv")) as container:
        out = next(container.decode(video=0))
    assert (int(out.colorspace), int(out.color_primaries), int(out.color_trc)) == (number, 9, 14)
    for rgb in (seen[0], rgb_of(out, color_of(out))):
        white = 1.0 if rgb.dtype == np.float32 else 255.0
        found = [rgb[32, 16 * index + 8] / white for index in range(len(BARS))]
        assert np.abs(np.array(found) - BARS).max() < 2.5 / 255


def test_files_that_are_no_videos_are_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 99)
    with pytest.raises(UsageError, match=r"cannot read '.*a\.mp4' as a video"):
        restore_video(tmp_path / "a.mp4", tmp_path / "out.mp4", lambda rgb: rgb)


def test_encoders_and_qualities_that_do_not_fit_are_named(tmp_path):
    source = write(tmp_path / "in.mp4")
    for options, message in (
        ({"encoder": "libx246"}, r"unknown video encoder 'libx246'.*did you mean 'libx26"),
        ({"encoder": "ffv1", "crf": 20}, "encoder 'ffv1' has no --crf"),
        ({"encoder": "aac"}, "'aac' encodes audio"),
    ):
        with pytest.raises(UsageError, match=message):
            restore_video(source, tmp_path / "out.mp4", lambda rgb: rgb, options=VideoOptions(**options))
    with pytest.raises(UsageError, match="--crf is 0"):
        VideoOptions(crf=99)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
