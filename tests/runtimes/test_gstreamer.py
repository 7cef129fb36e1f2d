"""The GStreamer element: what it says of itself, the lines of its README, colors, and errors on the bus."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import restorect_edge
from restorect_edge.media.frames import FrameFormat, from_rgb, to_rgb
from restorect_edge.media.photos import photos

README = Path(__file__).parents[2] / "runtimes" / "gstreamer" / "README.md"
SIZE = (64, 96)
LAYOUTS = {
    ("nv12", "NV12"): ("nv12", "NV12"),
    ("nv21", "NV21"): ("bgrx", "BGRx"),
    ("i420", "I420"): ("uyvy", "UYVY"),
    ("p010", "P010_10LE"): ("p010", "P010_10LE"),
    ("rgba", "RGBA"): ("yv12", "YV12"),
    ("yuyv", "YUY2"): ("rgb", "RGB"),
}
"""What goes in and what comes out, by the library's and by GStreamer's names."""


@pytest.fixture(scope="module")
def launch(run, built, program, tmp_path_factory):
    """`launch(name, *arguments, code=0)` runs a program of GStreamer that finds the element."""
    folder = built("fast", "gstrestorect") / "gstreamer"
    named = {"GST_PLUGIN_PATH": str(folder), "GST_REGISTRY": str(tmp_path_factory.mktemp("gst") / "registry")}

    def done(name, *arguments, code=0):
        return run(program(name), *arguments, code=code, **named)

    return done


def test_it_says_what_it_is(launch):
    said = launch("gst-inspect-1.0", "restorect").stdout
    for name in ("artifact", "device", "threads", "prior-every", "smooth", "tile", "qos"):
        assert re.search(rf"^  {name} +: \w", said, re.M), name
    assert "NV21" in said
    assert "P010_10LE" in said


def test_the_lines_of_the_readme_run(launch, artifact_openvino_split, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "videotestsrc num-buffers=3 ! video/x-raw,width=96,height=64 ! jpegenc ! matroskamux"
    launch("gst-launch-1.0", "-q", *shlex.split(f"{source} ! filesink location=dark.mkv"))
    lines = re.findall(r"^gst-(?:launch|inspect).*ARTIFACT.*$", README.read_text(encoding="utf-8"), re.M)
    assert len(lines) == 2
    for line in lines:
        name, *rest = shlex.split(line.replace("ARTIFACT", str(artifact_openvino_split.path)))
        launch(name, "-q", *rest)
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("bright.y4m", "bright.mkv"))


@pytest.mark.parametrize(("source", "target"), LAYOUTS.items(), ids=lambda names: names[0])
def test_colors_are_those_of_python(launch, artifact_openvino_split, tmp_path, source, target):
    height, width = SIZE
    shape, shown = (FrameFormat(layout=name, width=width, height=height) for name, _ in (source, target))
    data = from_rgb(next(iter(photos(SIZE).values())), shape)
    (tmp_path / "in.raw").write_bytes(data * 2)
    caps = f"video/x-raw,format={source[1]},width={width},height={height},framerate=25/1"
    if source[0] in {"nv12", "nv21", "i420", "p010", "yuyv"}:
        caps += ",colorimetry=bt601"
    to = f"video/x-raw,format={target[1]}" + ("" if target[0] in {"bgrx", "rgb"} else ",colorimetry=bt601")
    launch(
        "gst-launch-1.0",
        "-q",
        *("filesrc", f"location={tmp_path}/in.raw", f"blocksize={len(data)}", "!", caps, "!"),
        *("restorect", f"artifact={artifact_openvino_split.path}", "threads=1", "!", to),
        *("!", "filesink", f"location={tmp_path}/out.raw"),
    )
    with restorect_edge.load(artifact_openvino_split.path, threads=1) as restore:
        expected = restore(to_rgb(data, shape))
    out = (tmp_path / "out.raw").read_bytes()
    assert len(out) == 2 * shown.full_size
    ours = to_rgb(from_rgb(expected, shown), shown).astype(int)
    for start in (0, shown.full_size):
        found = np.frombuffer(out[start : start + shown.full_size], np.uint8)
        theirs = np.frombuffer(from_rgb(expected, shown), np.uint8)
        step = 2 if target[0] == "p010" else 1  # of words, the high byte is the level
        assert np.abs(found.astype(int) - theirs)[step - 1 :: step].max() <= 1
        assert np.abs(to_rgb(found, shown).astype(int) - ours).mean() < 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no artifact; set artifact=DIR"),
        (["artifact=/nowhere"], "no artifact at '/nowhere'"),
        (["artifact={}", "device=tpu"], "tpu"),
    ],
)
def test_errors_are_on_the_bus(launch, artifact_openvino_split, options, message):
    filled = [option.format(artifact_openvino_split.path) for option in options]
    pipeline = ["videotestsrc", "num-buffers=2", "!", "restorect", *filled, "!", "fakesink"]
    # which code it fails with is the affair of GStreamer's version
    said = launch("sh", "-c", '! "$@"', "sh", "gst-launch-1.0", *pipeline)
    assert message in said.stderr


def test_a_harness_passes_under_sanitizers(run, built, artifact_openvino_split, sanitizers, tmp_path):
    folder = built("sanitized") / "gstreamer"
    named = {"GST_PLUGIN_PATH": str(folder), "GST_REGISTRY": str(tmp_path / "registry")}
    named |= {"GST_REGISTRY_FORK": "no"}  # the scanner is not linked with the sanitizer
    named["ASAN_OPTIONS"] = (
        sanitizers["ASAN_OPTIONS"] + ":fast_unwind_on_malloc=0"
    )  # GLib has no frame pointers
    assert run(folder / "restorect-gst-test", artifact_openvino_split.path, 60, **{**sanitizers, **named})
