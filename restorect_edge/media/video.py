"""Video files and cameras through PyAV: decoded, restored frame by frame, and written with H.264.

Colours: 4:2:0 frames and YUYV of 8 bits are converted by `restorect_edge.media.frames`, in the matrix and
range that the stream names, and written in the same ones. Where it names none: BT.709 from 720 rows on, else
BT.601, limited range. Other formats are converted by FFmpeg. The frames' times are kept, also where they are
not even; a rotation becomes part of the pictures; audio is copied as it is.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.errors import BackendError, MissingDependencyError, UsageError
from restorect_edge.media.frames import FrameFormat, from_rgb, to_rgb
from restorect_edge.media.live import Latest
from restorect_edge.utils.files import replacing

__all__ = ["READABLE", "SUFFIXES", "check_destination", "restore_camera", "restore_video"]

SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Of files that can be written, with FFmpeg's name of the container."""
READABLE = {*SUFFIXES, ".avi", ".mpg", ".mts", ".ts", ".webm", ".y4m"}
"""Of files that are taken for videos; what is inside is found out by FFmpeg."""
CAMERAS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name of the system's cameras, by `sys.platform`."""
HD = 720
"""Rows from which a stream that names no matrix is BT.709."""
MATRICES = {1: "bt709", 5: "bt601", 6: "bt601"}
"""By FFmpeg's number."""
NUMBERS = {"bt709": 1, "bt601": 6}
LAYOUTS = {"yuv420p": "nv12", "yuvj420p": "nv12", "nv12": "nv12", "yuyv422": "yuyv"}
CRF = "18"
"""Of H.264: visually lossless, as its makers call it."""

Restore = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class _CameraLostError(Exception):
    """A camera failed while it was recorded."""


def check_destination(path: Path) -> None:
    """Raise before any work if no video can be written to `path`.

    Raises:
        UsageError: it has no suffix of `SUFFIXES`.
        MissingDependencyError: PyAV is not installed.
    """
    _av()
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"cannot write a video to '{path}'; possible: {', '.join(sorted(SUFFIXES))}")


def restore_video(source: Path, destination: Path, restore: Restore) -> int:
    """Restore every frame of a video file, in order, and return how many there were.

    The destination appears when all is done; an interrupted run leaves none.

    Raises:
        UsageError: a file that is no video, is damaged, or a destination that is no video file.
        MissingDependencyError: PyAV is not installed.
    """
    with ExitStack() as stack:
        container = stack.enter_context(_opened(str(source)))
        if not container.streams.video:
            raise UsageError(f"'{source}' holds no video stream")
        video = container.streams.video[0]
        output = stack.enter_context(_writing(destination))
        writer = _Writer(output, video, container.streams.audio[:1])
        packets = container.demux([video, *container.streams.audio[:1]])
        total = video.frames or None
        with tqdm(total=total, unit="frame", file=sys.stderr, disable=None) as bar:
            for packet in _guarded(lambda: packets, source):
                if packet.stream is not video:
                    writer.copy(packet)
                    continue
                for frame in _guarded(packet.decode, source):
                    writer.write(frame, restore)
                    bar.update()
        if not writer.count:
            raise UsageError(f"'{source}' holds no frame that can be decoded; is it cut off?")
        writer.close()
    return writer.count


def restore_camera(device: str, destination: Path, restore: Restore) -> tuple[int, int]:
    """Restore what a camera sees until it ends or Ctrl-C, dropping frames that come too fast.

    Returns:
        Frames written and frames dropped. The file is complete after Ctrl-C too.

    Raises:
        BackendError: no such camera, or it was lost while recording; what came before is in the file.
        UsageError: a destination that is no video file.
        MissingDependencyError: PyAV is not installed.
    """
    lost: BaseException | None = None
    with _opened(device, format=CAMERAS.get(sys.platform), camera=True) as container:
        video = container.streams.video[0]
        with _writing(destination) as output:
            writer = _Writer(output, video, [], from_zero=True)
            with (
                Latest(_camera_frames(container, video)) as frames,
                tqdm(unit="frame", file=sys.stderr, disable=None) as bar,
            ):
                try:
                    for frame in frames:
                        writer.write(frame, restore)
                        bar.update()
                except KeyboardInterrupt:  # it is how one ends a recording
                    pass
                except _CameraLostError as error:
                    lost = error.__cause__
            if not writer.count:
                raise BackendError(f"camera '{device}' gave no frame" + (f": {lost}" if lost else ""))
            writer.close()
    if lost:
        kept = "frame before is" if writer.count == 1 else "frames before are"
        raise BackendError(
            f"camera '{device}' was lost ({lost}); the {writer.count} {kept} in '{destination}'"
        )
    return writer.count, frames.dropped


def _camera_frames(container: Any, video: Any) -> Iterator[Any]:
    try:
        yield from container.decode(video)
    except _av().FFmpegError as error:
        raise _CameraLostError from error


class _Writer:
    """An output container whose video stream is opened with the first frame.

    Args:
        output: the container.
        video: the stream that frames come from.
        audio: streams to copy.
        from_zero: start at time 0, as cameras count from when the machine was started.
    """

    def __init__(self, output: Any, video: Any, audio: Any, *, from_zero: bool = False) -> None:
        self.count = 0
        self._output, self._source = output, video
        self._stream: Any = None
        self._rate = video.average_rate or video.guessed_rate or 30
        self._copies = {stream: output.add_stream_from_template(stream) for stream in audio}
        self._waiting: list[Any] = []
        self._start: int | None = None if from_zero else 0

    def write(self, frame: Any, restore: Restore) -> None:
        rgb, matrix, levels = _rgb(frame)
        restored = restore(rgb)
        if self._stream is None:
            self._stream = self._open(restored, matrix, levels)
            for packet in self._waiting:
                self._output.mux(packet)
        made = _frame(restored, matrix, levels)
        self._start = frame.pts if self._start is None else self._start
        made.pts, made.time_base = frame.pts - self._start, frame.time_base
        self._output.mux(self._stream.encode(made))
        self.count += 1

    def copy(self, packet: Any) -> None:
        if packet.dts is None:  # what a demuxer ends with
            return
        packet.stream = self._copies[packet.stream]
        if self._stream is None:  # the header needs the size of the pictures
            self._waiting.append(packet)
        else:
            self._output.mux(packet)

    def close(self) -> None:
        if self._stream is not None:
            self._output.mux(self._stream.encode(None))

    def _open(self, rgb: NDArray[np.uint8], matrix: str, levels: str) -> Any:
        height, width = rgb.shape[:2]
        if height % 2 or width % 2:
            raise UsageError(f"H.264 takes even sides, and the video has {width}×{height}; crop it first")
        stream = self._output.add_stream("libx264", rate=self._rate, options={"crf": CRF})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._source.time_base
        stream.codec_context.colorspace = NUMBERS[matrix]
        stream.codec_context.color_range = 2 if levels == "full" else 1
        return stream


def _rgb(frame: Any) -> tuple[NDArray[np.uint8], str, str]:
    """Return a decoded frame as upright RGB, with the matrix and range of its stream."""
    matrix = MATRICES.get(int(frame.colorspace), "bt709" if frame.height >= HD else "bt601")
    full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
    levels = "full" if full else "limited"
    layout = LAYOUTS.get(frame.format.name)
    even = frame.width % 2 == 0 and frame.height % 2 == 0
    if layout is None or not even:
        rgb = frame.to_ndarray(
            format="rgb24", src_colorspace=NUMBERS[matrix], src_color_range=2 if full else 1
        )
    else:
        shape = FrameFormat(
            layout=layout, width=frame.width, height=frame.height, matrix=matrix, range=levels
        )
        rgb = to_rgb(_packed(frame), shape)
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)), matrix, levels


def _packed(frame: Any) -> NDArray[np.uint8]:
    """Return the bytes of a 4:2:0 frame as NV12, and of any other as they are, without padding."""
    if frame.format.name in ("nv12", "yuyv422"):
        return np.ascontiguousarray(frame.to_ndarray()).reshape(-1)
    luma, cb, cr = (_plane(plane) for plane in frame.planes)
    return np.concatenate([luma.reshape(-1), np.stack([cb, cr], axis=-1).reshape(-1)])


def _plane(plane: Any) -> NDArray[np.uint8]:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _frame(rgb: NDArray[np.uint8], matrix: str, levels: str) -> Any:
    """Return RGB as a frame to encode."""
    height, width = rgb.shape[:2]
    shape = FrameFormat(layout="nv12", width=width, height=height, matrix=matrix, range=levels)
    data = np.frombuffer(from_rgb(rgb, shape), np.uint8)
    chroma = data[height * width :].reshape(-1, 2)
    planar = np.concatenate([data[: height * width], chroma[:, 0], chroma[:, 1]])
    frame = _av().VideoFrame.from_ndarray(planar.reshape(-1, width), format="yuv420p")
    frame.colorspace, frame.color_range = NUMBERS[matrix], 2 if levels == "full" else 1
    return frame


@contextmanager
def _opened(name: str, *, format: str | None = None, camera: bool = False) -> Iterator[Any]:
    av = _av()
    try:
        container = av.open(name, format=format)
    except (av.FFmpegError, OSError, ValueError) as error:
        if camera:
            raise BackendError(
                f"cannot open camera '{name}' ({error}); on Linux cameras are /dev/video0 and so on"
            ) from error
        raise UsageError(f"cannot read '{name}' as a video: {error}") from error
    with container:
        yield container


@contextmanager
def _writing(path: Path) -> Iterator[Any]:
    check_destination(path)
    with (
        replacing(path) as stream,
        _av().open(stream, "w", format=SUFFIXES[path.suffix.lower()]) as container,
    ):
        yield container


def _guarded(items: Callable[[], Iterable[Any]], source: Path) -> Iterator[Any]:
    """Iterate over what is made; an error of FFmpeg becomes one of ours."""
    try:
        yield from items()
    except _av().FFmpegError as error:
        raise UsageError(f"'{source}' is damaged: {error}") from error


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("video", "video", detail=str(error)) from error
    return av
