"""Recording from cameras: by number, by the system's name, or over the network."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from tqdm import tqdm

from restorect_edge.errors import BackendError
from restorect_edge.media.live import Latest
from restorect_edge.media.video.clock import Timeline
from restorect_edge.media.video.color import color_of, rgb_of
from restorect_edge.media.video.library import pyav
from restorect_edge.media.video.options import VideoOptions, check_destination
from restorect_edge.media.video.restoring import Restore
from restorect_edge.media.video.sink import Sink, writing
from restorect_edge.media.video.source import rate_of
from restorect_edge.media.video.tracks import Tracks

__all__ = ["camera_name", "restore_camera"]

FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name of the system's cameras, by `sys.platform`."""
NETWORK = {
    "rtsp": {"rtsp_transport": "tcp", "timeout": "10000000"},
    "rtsps": {"rtsp_transport": "tcp", "timeout": "10000000"},
    "http": {"timeout": "10000000"},
    "https": {"timeout": "10000000"},
    "rtmp": {},
    "udp": {"timeout": "10000000"},
    "srt": {},
}
"""Options by the scheme of an address: streams over TCP, which loses nothing, and 10 s to wait for an
answer."""


class _CameraLostError(Exception):
    """A camera failed while it was recorded."""


def camera_name(device: str) -> str:
    """Return FFmpeg's name of a camera that is given by its number: ``0`` is ``/dev/video0`` on Linux.

    Raises:
        BackendError: Windows has no camera of that number.
    """
    if not device.isdecimal():
        return device
    if sys.platform == "win32":
        found = [entry.name for entry in pyav().enumerate_input_devices("dshow")]
        if int(device) >= len(found):
            raise BackendError(f"there is no camera {device}; here: {', '.join(found) or 'none'}")
        return f"video={found[int(device)]}"
    return f"/dev/video{device}" if sys.platform == "linux" else device


def restore_camera(
    device: str, destination: Path, restore: Restore, *, options: VideoOptions | None = None
) -> tuple[int, int]:
    """Restore what a camera sees until it ends or Ctrl-C, dropping frames that come too fast.

    Args:
        device: a number, the system's name such as ``/dev/video0``, or an address such as ``rtsp://…``.
        destination: ends in one of `SUFFIXES`.
        restore: called with each frame.
        options: encoder and quality.

    Returns:
        Frames written and frames dropped. The file is complete after Ctrl-C too.

    Raises:
        BackendError: no such camera, or it was lost while recording; what came before is in the file.
        UsageError: a destination that is no video file.
        MissingDependencyError: PyAV is not installed.
    """
    check_destination(destination)
    options = options or VideoOptions()
    lost: BaseException | None = None
    with _opened(device) as container:
        video = container.streams.video[0]
        with writing(destination) as output:
            sink = Sink(output, video, Tracks((), (), ()), options)
            with Latest(_frames(container, video)) as frames:
                try:
                    _record(frames, video, sink, restore)
                except KeyboardInterrupt:  # how a recording is ended
                    pass
                except _CameraLostError as error:
                    lost = error.__cause__
            if not sink.count:
                raise BackendError(f"camera '{device}' gave no frame" + (f": {lost}" if lost else ""))
            sink.close()
    if lost:
        kept = "frame before is" if sink.count == 1 else "frames before are"
        raise BackendError(f"camera '{device}' was lost ({lost}); the {sink.count} {kept} in '{destination}'")
    return sink.count, frames.dropped


def _record(frames: Any, video: Any, sink: Sink, restore: Restore) -> None:
    timeline = Timeline(1 / rate_of(video), in_decoding_order=False)
    start: Fraction | None = None
    with tqdm(unit="frame", file=sys.stderr, disable=None) as bar:
        for frame in frames:
            base = frame.time_base or video.time_base
            pts, dts = (None if value is None else value * base for value in (frame.pts, frame.dts))
            time = timeline.next(pts, dts, Fraction(frame.duration or 0) * base)
            start = time if start is None else start  # cameras count from when the machine was started
            color = color_of(frame)
            sink.write(restore(rgb_of(frame, color)), color, time - start)
            bar.update()


def _frames(container: Any, video: Any) -> Iterator[Any]:
    try:
        yield from container.decode(video)
    except pyav().FFmpegError as error:
        raise _CameraLostError from error


@contextmanager
def _opened(device: str) -> Iterator[Any]:
    av, name = pyav(), camera_name(device)
    scheme = name.partition("://")[0].lower() if "://" in name else ""
    try:
        if scheme in NETWORK:
            container = av.open(name, options=NETWORK[scheme])
        else:
            container = av.open(name, format=FORMATS.get(sys.platform))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BackendError(
            f"cannot open camera '{device}' ({reason}); give a number, a device such as /dev/video0, or "
            "an address such as rtsp://HOST/PATH"
        ) from error
    with container:
        if not container.streams.video:
            raise BackendError(f"camera '{device}' gives no pictures")
        yield container
