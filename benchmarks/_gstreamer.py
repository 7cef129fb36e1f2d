"""The golden vectors through the GStreamer element: frames from a file, restored pictures to a file."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _cpp_build import build

from restorect_edge.media.frames import FrameFormat, from_rgb
from restorect_edge.media.photos import photos

__all__ = ["gstreamer"]

GOLDEN = Path(__file__).parents[1] / "runtimes" / "golden"
NAMES = {"rgb": "RGB", "bgr": "BGR", "bgra": "BGRA", "nv12": "NV12", "yuyv": "YUY2"}
MATRICES = {"bt601": 4, "bt709": 3}
RANGES = {"full": 1, "limited": 2}
"""As in GStreamer's colorimetry, ``range:matrix:transfer:primaries``."""
TIMED = (480, 640)
WARM_UP = 12
"""Frames before those that are timed, after which the copy for their size is compiled."""
FEWEST = 100
"""Frames that are timed: of fewer, the time that the program takes to start would weigh more than theirs."""

Line = dict[str, Any]


def gstreamer(rounds: int, scratch: Path, artifacts: Sequence[Path]) -> Iterator[Line]:
    """Build the element and yield its lines, for artifacts of OpenVINO.

    Frames are those that GStreamer packs as the vectors are: rows of a multiple of 4 bytes, without padding.
    """
    sys.path.append(str(GOLDEN))
    from vectors import passes, read

    folder = build(scratch / "gstreamer", "gstrestorect") / "gstreamer"
    named = {"GST_PLUGIN_PATH": str(folder), "GST_REGISTRY": str(scratch / "gst-registry")}
    environment = {**os.environ, **named}
    manifest, vectors = read()
    fit = [v for v in vectors if v.output is not None and v.frame.layout in NAMES and _packed(v.frame)]
    for artifact in artifacts:
        precision = "int8" if "int8" in artifact.name else "fp32"
        split = "split" in artifact.name
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for vector in fit:
            if (vector.form != "whole") == split:
                groups[vector.frame.layout, vector.form].append(vector)
        for (layout, form), found in groups.items():
            outputs = [_restored(v.data, v.frame, artifact, v.tile, scratch, environment) for v in found]
            off = [np.abs(o.astype(int) - v.expected).max() for o, v in zip(outputs, found, strict=True)]
            good = [
                passes(o, v.expected, manifest["tolerance"][precision])
                for o, v in zip(outputs, found, strict=True)
            ]
            ms = _timed(layout, artifact, scratch, environment, rounds) if form != "tiled" else None
            yield {
                "runtime": "gstreamer-openvino",
                "precision": precision,
                "format": layout,
                "form": form,
                "vectors": len(found),
                "passed": sum(good),
                "max_difference": int(max(off)),
                "ms_640x480": ms,
            }


def _packed(frame: FrameFormat) -> bool:
    return frame.width % 4 == 0 and frame.height % 2 == 0 and frame.row_stride == frame.row_bytes


def _caps(frame: FrameFormat) -> str:
    caps = (
        f"video/x-raw,format={NAMES[frame.layout]},width={frame.width},height={frame.height},framerate=25/1"
    )
    if frame.layout in ("nv12", "yuyv"):
        caps += f",colorimetry={RANGES[frame.range]}:{MATRICES[frame.matrix]}:0:0"
    return caps


def _run(arguments: Sequence[str], environment: dict[str, str]) -> None:
    command = ["gst-launch-1.0", "-q", *arguments]
    subprocess.run(command, check=True, env=environment, stdout=sys.stderr)


def _restored(
    data: bytes,
    frame: FrameFormat,
    artifact: Path,
    tile: int | None,
    scratch: Path,
    environment: dict[str, str],
) -> Any:
    """Return the picture, (H, W, 3), that the element makes of a frame."""
    source, sink = scratch / "in.raw", scratch / "out.raw"
    source.write_bytes(data)
    element = ["restorect", f"artifact={artifact}", "threads=1", *([f"tile={tile}"] if tile else [])]
    _run(
        [
            *("filesrc", f"location={source}", f"blocksize={len(data)}", "!", _caps(frame), "!", *element),
            *("!", "video/x-raw,format=RGB", "!", "filesink", f"location={sink}"),
        ],
        environment,
    )
    return np.frombuffer(sink.read_bytes(), np.uint8).reshape(frame.height, frame.width, 3)


def _timed(
    layout: str, artifact: Path, scratch: Path, environment: dict[str, str], rounds: int
) -> float | None:
    """Return the milliseconds that each frame adds to a run of the program, reading it included."""
    if not rounds:
        return None
    frame = FrameFormat(layout=layout, width=TIMED[1], height=TIMED[0])
    data = from_rgb(next(iter(photos(TIMED).values())), frame)
    source, took = scratch / "timed.raw", []
    rounds = max(rounds, FEWEST)
    for count in (WARM_UP, WARM_UP + rounds):
        source.write_bytes(data * count)
        pipeline = ["filesrc", f"location={source}", f"blocksize={len(data)}", "!", _caps(frame), "!"]
        started = time.perf_counter()
        _run([*pipeline, "restorect", f"artifact={artifact}", "threads=1", "!", "fakesink"], environment)
        took.append(time.perf_counter() - started)
    return round(1e3 * (took[1] - took[0]) / rounds, 1)
