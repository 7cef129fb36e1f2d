"""A video file written: restored pictures, and the other tracks of the file they come from."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.media.video.color import Color, Pixels, encoded
from restorect_edge.media.video.library import pyav
from restorect_edge.media.video.options import SUFFIXES, VideoOptions, check_destination
from restorect_edge.media.video.source import rate_of
from restorect_edge.media.video.tracks import Tracks, kept_metadata, sound_encoder
from restorect_edge.utils.files import replacing

__all__ = ["Sink", "writing"]

FINEST = 1000
"""Ticks per second that a clock has at least, so that frames between two others find a time."""
MP4_KEYS = frozenset(
    [
        "title",
        "artist",
        "album",
        "album_artist",
        "date",
        "comment",
        "genre",
        "copyright",
        "description",
        "location",
        "creation_time",
    ]
)
"""Metadata that the usual boxes of .mp4 and .mov hold; more needs their newer ones."""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Of channels, since some files say only how many there are."""
BITS_PER_CHANNEL = 96_000
"""Per second, of sound encoded anew."""


@contextmanager
def writing(path: Path, metadata: dict[str, str] | None = None) -> Iterator[Any]:
    """Open an output container; the file appears whole or not at all.

    Args:
        path: ends in one of `SUFFIXES`.
        metadata: of the source; what describes only that file is left out.

    Raises:
        UsageError: no suffix of a video, or the file cannot be written.
    """
    check_destination(path)
    av, kind = pyav(), SUFFIXES[path.suffix.lower()]
    kept = kept_metadata(metadata or {})
    unusual = {key for key in kept if key.lower().partition("-")[0] not in MP4_KEYS}
    options = {"movflags": "use_metadata_tags"} if unusual and kind in ("mp4", "mov") else {}
    try:
        with replacing(path) as stream, av.open(stream, "w", format=kind, options=options) as container:
            container.metadata.update(kept)
            yield container
    except (av.FFmpegError, OSError) as error:
        raise UsageError(f"cannot write '{path}': {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return why a file cannot be written: FFmpeg knows only that Python failed as it wrote for it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and not isinstance(seen, pyav().FFmpegError) and seen.strerror:
            return seen.strerror
        seen = seen.__cause__ or seen.__context__
    return getattr(error, "strerror", None) or str(error)


class Sink:
    """An output container whose streams are opened with the first picture, the pictures' first.

    Args:
        output: the container.
        video: the stream that pictures come from, whose rate, clock, aspect and names are kept.
        tracks: what becomes of the other streams.
        options: encoder and quality.
    """

    def __init__(self, output: Any, video: Any, tracks: Tracks, options: VideoOptions) -> None:
        self.count = self.resized = self.lost = 0
        self.notes: list[str] = []
        self._output, self._source, self._tracks, self._options = output, video, tracks, options
        self._stream: Any = None
        self._size = (0, 0)
        self._copies: dict[int, Any] = {}
        self._sounds: dict[int, Any] = {}
        self._waiting: list[Any] = []
        self._last: dict[int, int] = {}
        # the source's tick in whole parts, so that its own times stay exact
        coarse = Fraction(video.time_base or Fraction(1, FINEST))
        self._base = coarse / max(1, -(-coarse.numerator * FINEST // coarse.denominator))

    def write(self, rgb: Pixels, color: Color, time: Fraction, *, turned: bool = False) -> None:
        """Encode a picture.

        Args:
            rgb: (H, W, 3) uint8, or float32 in [0, 1]; of another size than the first, it is fitted into it.
            color: how to encode it.
            time: seconds, after the picture before.
            turned: whether rows and columns changed places.
        """
        if self._stream is None:
            self._open(rgb, color, turned=turned)
        if rgb.shape[:2] != self._size:
            rgb = _fitted(rgb, self._size)
            self.resized += 1
        frame = encoded(self._padded(rgb), color, self._stream.pix_fmt)
        frame.pts, frame.time_base = self._rising(self._stream.index, round(time / self._base)), self._base
        self._output.mux(self._stream.encode(frame))
        self.count += 1

    def track(self, packet: Any) -> None:
        """Copy or encode a packet of another stream."""
        if self._stream is None:  # the header needs the size of the pictures
            self._waiting.append(packet)
        elif packet.stream.index in self._sounds:
            self._encode_sound(packet)
        elif packet.dts is not None or packet.pts is not None:
            self._copy(packet)
        elif packet.size:  # an empty one only says that a stream ends
            self.lost += 1

    def close(self) -> None:
        """Write what encoders hold back."""
        if self._stream is None:
            return
        self._output.mux(self._stream.encode(None))
        for sound in self._sounds.values():
            self._output.mux(sound.encode(None))

    def _copy(self, packet: Any) -> None:
        out = self._copies[packet.stream.index]
        if packet.dts is not None:
            dts = self._rising(out.index, packet.dts)
            if packet.pts is not None:
                # muxers refuse what is shown before it is decoded
                packet.pts = max(packet.pts, dts)
            packet.dts = dts
        packet.stream = out
        self._output.mux(packet)

    def _encode_sound(self, packet: Any) -> None:
        out = self._sounds[packet.stream.index]
        try:
            frames = packet.decode()
        except pyav().FFmpegError:
            self.lost += 1
            return
        for frame in frames:
            self._output.mux(out.encode(frame))

    def _rising(self, stream: int, time: int) -> int:
        # muxers refuse times that do not rise
        last = self._last.get(stream)
        self._last[stream] = time if last is None or time > last else last + 1
        return self._last[stream]

    def _open(self, rgb: Pixels, color: Color, *, turned: bool) -> None:
        self._size = rgb.shape[:2]
        encoder = self._options.encoder_for(self._output.format.name)
        stream = self._output.add_stream(
            encoder, rate=rate_of(self._source), options=self._options.rate_options(encoder)
        )
        pix_fmt = _pix_fmt(encoder, color.depth)
        if color.depth > 8 and "10" not in pix_fmt:
            self.notes.append(f"{color.depth} bits per channel become 8; --encoder libx265 keeps 10")
        stream.pix_fmt = pix_fmt
        height, width = self._padded(rgb, pix_fmt).shape[:2]
        if (height, width) != self._size:
            self.notes.append(
                f"{self._size[1]}×{self._size[0]} is padded to {width}×{height}: the encoder takes even sides"
            )
        stream.width, stream.height = width, height
        context = stream.codec_context
        stream.time_base = context.time_base = self._base
        context.colorspace, context.color_range = _number(color), color.range_number
        context.color_trc, context.color_primaries = color.transfer, color.primaries
        _set_aspect(context, getattr(self._source, "sample_aspect_ratio", None), turned=turned)
        if context.codec.canonical_name == "hevc" and self._output.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # without it Apple's players do not open the file
        stream.metadata.update(kept_metadata(self._source.metadata))
        self._stream = stream
        self._open_tracks()
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.track(packet)

    def _open_tracks(self) -> None:
        for source in sorted((*self._tracks.copied, *self._tracks.encoded), key=lambda stream: stream.index):
            if source in self._tracks.copied:
                out = self._copies[source.index] = self._output.add_stream_from_template(source)
            else:
                out = self._sounds[source.index] = self._sound(source)
            out.metadata.update(kept_metadata(source.metadata))
            if getattr(source, "disposition", None) is not None:
                out.disposition = source.disposition

    def _sound(self, source: Any) -> Any:
        name = sound_encoder(self._output.format.name)
        rates = pyav().Codec(name, "w").audio_rates
        # Opus takes a few rates only, and 48 kHz is its own
        rate = source.codec_context.sample_rate
        out = self._output.add_stream(name, rate=rate if not rates or rate in rates else 48_000)
        channels = source.codec_context.layout.nb_channels
        out.codec_context.layout = LAYOUTS.get(channels, source.codec_context.layout)
        out.codec_context.bit_rate = BITS_PER_CHANNEL * channels
        return out

    def _padded(self, rgb: Pixels, pix_fmt: str | None = None) -> Pixels:
        if "420" not in (pix_fmt or self._stream.pix_fmt) and "422" not in (pix_fmt or self._stream.pix_fmt):
            return rgb
        bottom, right = rgb.shape[0] % 2, rgb.shape[1] % 2
        if not bottom and not right:
            return rgb
        return np.pad(rgb, ((0, bottom), (0, right), (0, 0)), mode="edge")


def _number(color: Color) -> int:
    from restorect_edge.media.video.color import NUMBERS

    return NUMBERS[color.matrix]


def _pix_fmt(encoder: str, depth: int) -> str:
    """Return the encoder's format: 4:2:0 of 8 bits, of more only where players take it."""
    known = [fmt.name for fmt in pyav().Codec(encoder, "w").video_formats or ()]
    # H.264 of 10 bits plays on hardly any device
    deep = depth > 8 and encoder != "libx264"
    wanted = ("yuv420p10le", "yuv422p10le", "yuv420p") if deep else ("yuv420p", "yuv422p10le", "yuv420p10le")
    found = next((name for name in wanted if name in known), None)
    if found is None:
        raise UsageError(f"encoder '{encoder}' takes none of {', '.join(wanted)}; choose another --encoder")
    return found


def _set_aspect(context: Any, aspect: Fraction | None, *, turned: bool) -> None:
    if aspect and aspect > 0 and aspect != 1:
        context.sample_aspect_ratio = 1 / aspect if turned else aspect


def _fitted(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    """Scale a picture into a frame of another size, keeping proportions, on black."""
    # Pillow resizes colors in bytes alone
    levels = rgb if rgb.dtype == np.uint8 else np.rint(rgb * np.float32(255)).astype(np.uint8)
    scale = min(size[0] / rgb.shape[0], size[1] / rgb.shape[1])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    small = np.asarray(Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC))
    framed = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    framed[top : top + height, left : left + width] = small
    return framed if rgb.dtype == np.uint8 else framed / np.float32(255)
