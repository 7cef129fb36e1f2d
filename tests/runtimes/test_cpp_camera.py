"""The GStreamer application: files, live sources, layouts, strides, interruption and errors."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest

import restorect_edge
from restorect_edge.inference.video.stream import VideoRestorer
from restorect_edge.media.frames import FrameFormat, from_rgb, to_rgb
from restorect_edge.media.photos import photos
from restorect_edge.media.video.color import Color, color_of, encoded, rgb_of

av = pytest.importorskip("av")

SIZE = (64, 96)
FRAMES = 12
STREAM = {"prior_every": 4, "smooth": 0.5}
LOSSLESS = "videoconvert ! video/x-raw,format=I420 ! y4menc ! filesink location="
GSTREAMER = {
    "rgb": "rgb",
    "bgra": "bgra",
    "nv12": "nv12",
    "yuyv": "yuy2",
    "nv21": "nv21",
    "uyvy": "uyvy",
    "p010": "p010-10le",
}
"""GStreamer's names of the layouts."""


@pytest.fixture(scope="module")
def camera(run, built, artifact_openvino_split):
    """`camera(*options, code=0)` runs it, built for speed, and returns what it says."""
    program = built("fast", "restorect-camera") / "restorect-camera"

    def say(*options, code=0):
        return run(program, artifact_openvino_split.path, "--threads", "1", *options, code=code).stderr

    return say


@pytest.fixture(scope="module")
def network(artifact_openvino_split):
    with restorect_edge.load(artifact_openvino_split.path, threads=1) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A photograph moving, in VP8, which every decoder decodes alike; its sound has no decoder here."""
    path = tmp_path_factory.mktemp("clip") / "a clip.mkv"
    scene = next(iter(photos((SIZE[0], SIZE[1] + FRAMES)).values()))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=25, options={"b": "4M"})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        sound = container.add_stream("aac", rate=8000, layout="mono")
        for index in range(FRAMES):
            window = np.ascontiguousarray(scene[:, index : index + SIZE[1]])
            container.mux(stream.encode(encoded(window, Color(matrix="bt601", full=False), "yuv420p")))
        container.mux(stream.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    return path


def planes(frame):
    rows = (np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in frame.planes)
    return [row[:, : plane.width].astype(int) for row, plane in zip(rows, frame.planes, strict=True)]


def test_a_clip_becomes_the_pictures_of_python(
    run, built, artifact_openvino_split, sanitizers, network, clip, tmp_path, frames
):
    out = tmp_path / "out.y4m"
    program = built("sanitized", "restorect-camera") / "restorect-camera"
    options = ["--source", clip, "--sink", f"{LOSSLESS}{out}", "--prior-every", "4", "--smooth", "0.5"]
    said = run(program, artifact_openvino_split.path, *options, **sanitizers).stderr
    assert said.startswith(f"{FRAMES} frames, 0 dropped, OpenVINO")
    restore = VideoRestorer(network, **STREAM)
    for source, found in zip(frames(clip), frames(out), strict=True):
        color = color_of(source)
        expected = encoded(restore(rgb_of(source, color)), color, "yuv420p")
        for ours, theirs in zip(planes(found), planes(expected), strict=True):
            assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("layout", GSTREAMER)
def test_layouts_go_in_and_come_out(camera, network, tmp_path, layout):
    shape = FrameFormat(layout=layout, width=SIZE[1], height=SIZE[0])
    data = from_rgb(next(iter(photos(SIZE).values())), shape)
    (tmp_path / "in.raw").write_bytes(data * 2)
    caps = f"format={GSTREAMER[layout]} width={SIZE[1]} height={SIZE[0]}"
    source = f"filesrc location={tmp_path}/in.raw ! rawvideoparse {caps}"
    camera("--source", source, "--sink", f"identity ! filesink location={tmp_path}/out.raw")
    expected = from_rgb(network(to_rgb(data, shape)), shape)
    found = np.frombuffer((tmp_path / "out.raw").read_bytes(), np.uint8).astype(int)
    assert found.size == 2 * len(expected)
    off = np.abs(found - np.frombuffer(expected * 2, np.uint8))
    assert off.max() <= 2
    assert off.mean() < 0.01


@pytest.mark.parametrize(("stride", "rows"), [(96, 64), (128, 64), (128, 72), (112, 80)])
def test_strides_and_offsets_of_nv12_are_the_buffers(camera, network, tmp_path, stride, rows):
    """Padding is 0xA5: it must not be seen, and the chroma need not follow the luma."""
    height, width = SIZE
    shape = FrameFormat(layout="nv12", width=width, height=height)
    plain = np.frombuffer(from_rgb(next(iter(photos(SIZE).values())), shape), np.uint8).reshape(-1, width)
    padded = np.full((rows + rows // 2, stride), 0xA5, np.uint8)
    padded[:height, :width] = plain[:height]
    padded[rows : rows + height // 2, :width] = plain[height:]
    (tmp_path / "in.raw").write_bytes(padded.tobytes() * 2)
    source = (
        f"filesrc location={tmp_path}/in.raw ! rawvideoparse format=nv12 width={width} height={height} "
        f"plane-strides=<{stride},{stride}> plane-offsets=<0,{stride * rows}> frame-size={padded.size}"
    )
    camera("--source", source, "--sink", f"filesink location={tmp_path}/out.raw")
    expected = from_rgb(network(to_rgb(plain, shape)), shape)
    found = np.frombuffer((tmp_path / "out.raw").read_bytes(), np.uint8).astype(int)
    assert np.abs(found - np.frombuffer(expected * 2, np.uint8)).max() <= 1


def test_sizes_are_scaled_to_and_a_file_is_written(camera, tmp_path, frames):
    out = tmp_path / "out.mkv"
    source = "videotestsrc num-buffers=7 ! video/x-raw,framerate=10/1"
    assert camera("--source", source, "--size", "128x96", "--sink", out).startswith("7 frames, 0 dropped")
    found = frames(out)
    assert [(f.width, f.height) for f in found] == [(128, 96)] * 7
    assert [round(f.time, 2) for f in found] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_interrupting_a_live_source_completes_the_file(
    built, artifact_openvino_split, sanitizers, tmp_path, frames
):
    out = tmp_path / "out.mkv"
    program = built("sanitized", "restorect-camera") / "restorect-camera"
    options = ["--source", "test", "--size", f"{SIZE[1]}x{SIZE[0]}", "--sink", out]
    command = [program, artifact_openvino_split.path, *options]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **sanitizers}
    ) as running:
        while not out.exists():
            assert running.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    written, _ = map(int, re.match(r"(\d+) frames, (\d+) dropped, ", said).groups())
    found = frames(out)
    assert len(found) == written >= 1
    assert found[0].time == 0


def test_a_live_source_drops_what_comes_too_fast(camera, tmp_path, frames):
    source = "videotestsrc is-live=true num-buffers=200 ! video/x-raw,framerate=500/1"
    said = camera("--source", source, "--size", "320x240", "--sink", tmp_path / "out.mkv")
    written, dropped = map(int, re.match(r"(\d+) frames, (\d+) dropped, ", said).groups())
    assert written + dropped == 200
    assert dropped > 0
    times = [frame.time for frame in frames(tmp_path / "out.mkv")]
    assert len(times) == written
    assert times == sorted(set(times))
    assert times[-1] < 0.4


def test_what_came_before_an_error_is_kept(camera, tmp_path, frames):
    out = tmp_path / "out.mkv"
    said = camera("--source", "videotestsrc ! identity error-after=6", "--sink", out, code=5)
    assert "--source failed" in said
    assert 1 <= len(frames(out)) <= 6


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--source", "/dev/video-none"], 1, "no camera at '/dev/video-none'"),
        (["--source", "none.mkv"], 1, "no video at 'none.mkv'"),
        (["--source", "csi:front"], 1, "a Jetson's camera is csi:0, csi:1 and so on, got 'csi:front'"),
        (["--source", "csi:0"], 3, "'nvarguscamerasrc': install nvidia-l4t-gstreamer"),
        (["--source", "nosuchsrc ! queue"], 3, "'nosuchsrc': see whether its name is right"),
        (["--source", "videotestsrc ! ! queue"], 1, "--source is no pipeline"),
        (["--source", "audiotestsrc ! queue"], 1, "--source is no pipeline: could not link"),
        (["--source", "videotestsrc num-buffers=0"], 1, "--source gave no frame"),
        (["--source", "test", "--sink", "out.gif"], 1, "possible: .mkv, .mp4 or a pipeline"),
        (["--source", "test", "--sink", "no/such/folder/out.mkv"], 1, "no folder 'no/such/folder'"),
        (["--source", "test", "--sink", "nosuchsink"], 3, "'nosuchsink': see whether its name is right"),
        (["--source", "test", "--sink", "videoconvert ! filesink location=/dev/full"], 5, "--sink failed"),
        (["--size", "640"], 1, "--size is WIDTHxHEIGHT"),
        (["--size", "640x481"], 1, "--size is WIDTHxHEIGHT"),
        (["--prior-every", "0", "--source", "test"], 1, "prior_every is at least 1"),
        (["--device", "tpu"], 5, "device 'tpu' is not available"),
        (["--frames", "3"], 1, "Unknown option --frames"),
        (["another"], 1, "one ARTIFACT is needed, got 2"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_say_what_and_how_to_mend_it(camera, options, code, message):
    assert message in camera(*options, code=code)


def test_files_are_not_replaced_unasked(camera, clip, tmp_path, frames):
    out = tmp_path / "out.mkv"
    out.write_bytes(b"mine")
    assert "exists; use --overwrite" in camera("--source", clip, "--sink", out, code=1)
    assert "is the source itself" in camera("--source", clip, "--sink", clip, "--overwrite", code=1)
    assert out.read_bytes() == b"mine"
    camera("--source", clip, "--sink", out, "--overwrite")
    assert len(frames(out)) == FRAMES


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("decodebin ! video/x-raw,width=50", "no frames that all parts take"),
        ("matroskademux ! jpegdec", "no video that the next element takes"),
    ],
)
def test_caps_that_do_not_fit_are_named(camera, clip, chain, message):
    source = f'filesrc location="{clip}" ! {chain}'
    assert message in camera("--source", source, "--sink", "fakesink", code=1)


def test_a_file_that_is_no_video_is_named(camera, tmp_path):
    (tmp_path / "bad.mkv").write_bytes(b"no video" * 99)
    said = camera("--source", tmp_path / "bad.mkv", "--sink", tmp_path / "out.mkv", code=1)
    assert "--source" in said
    assert not (tmp_path / "out.mkv").exists()


def test_a_damaged_artifact_is_refused(run, built, tmp_path):
    program = built("fast", "restorect-camera") / "restorect-camera"
    assert "no artifact at" in run(program, tmp_path / "none", code=1).stderr
    assert "has no manifest.json" in run(program, tmp_path, code=4).stderr


def test_the_help_has_examples(run, built):
    said = run(built("fast", "restorect-camera") / "restorect-camera", "--help").stdout
    assert "Examples:" in said
    for option in ("--prior-every", "--smooth", "--size", "--source", "--sink"):
        assert option in said
