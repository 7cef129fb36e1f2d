"""The tracks beside the pictures: which of them a container takes, said before any work."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError
from restorect_edge.media.video.library import pyav
from restorect_edge.media.video.options import SUFFIXES, VideoOptions

__all__ = ["OWN_KEYS", "Tracks", "kept_metadata", "main_video", "plan_tracks"]

SOUND = {"webm": "libopus"}
"""Encoder of sound that a container cannot hold; of others AAC."""
OWN_KEYS = frozenset(
    [
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "duration",
        "vendor_id",
        "number_of_frames",
        "number_of_bytes",
        "bps",
        "_statistics_tags",
        "_statistics_writing_app",
        "_statistics_writing_date_utc",
    ]
)
"""Metadata that describes the file or stream it was read from, not the recording."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """What becomes of a file's tracks."""

    copied: tuple[Any, ...]
    """Streams whose packets go over as they are, in their order."""
    encoded: tuple[Any, ...]
    """Sound that is encoded anew."""
    notes: tuple[str, ...]
    """What is left out or changed, in words."""


def main_video(container: Any) -> Any:
    """Return the stream to restore: the film rather than a cover picture; None where there is none."""
    videos = [stream for stream in container.streams.video if not _is_cover(stream)]
    return max(
        videos,
        key=lambda stream: (
            stream.frames != 1,  # the still of an animated AVIF lies beside its frames
            _flag(stream, "default"),
            stream.width * stream.height,
            -stream.index,
        ),
        default=None,
    )


def _is_cover(stream: Any) -> bool:
    return _flag(stream, "attached_pic") or _flag(stream, "timed_thumbnails")


def _flag(stream: Any, name: str) -> bool:
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and any(flag.name == name for flag in disposition)


def plan_tracks(source: Path, container: Any, video: Any, destination: Path, options: VideoOptions) -> Tracks:
    """Decide about every track by trying whether the destination's container takes it.

    Args:
        source: for errors.
        container: opened.
        video: its stream to restore.
        destination: whose suffix names the container.
        options: what becomes of sound that does not fit.

    Raises:
        UsageError: sound that it does not take, unless the options say what to do.
    """
    kind = SUFFIXES[destination.suffix.lower()]
    copied, encoded, notes = [], [], []
    for stream in container.streams:
        if stream is video or _are_chapters(stream, container):
            continue
        if stream.type in ("audio", "subtitle") and _holds(kind, stream):
            copied.append(stream)
        elif stream.type != "audio" or options.audio == "drop":
            notes.append(f"left out: {_words(stream, destination)}")
        elif options.audio == "encode":
            encoded.append(stream)
            notes.append(f"encoded anew as {sound_encoder(kind)}: {_words(stream, destination)}")
        else:
            raise UsageError(
                f"'{source}' has {_codec(stream)} sound, which {destination.suffix} cannot hold: "
                f"--audio encode converts it, --audio drop leaves it out{_elsewhere(kind, stream)}"
            )
    return Tracks(tuple(copied), tuple(encoded), tuple(notes))


def _are_chapters(stream: Any, container: Any) -> bool:
    """Whether a track is QuickTime's text of the chapters, which are kept as such."""
    return stream.type == "data" and stream.name == "bin_data" and bool(container.chapters())


def _elsewhere(kind: str, stream: Any) -> str:
    return ", and -o NAME.mkv keeps it" if kind != "matroska" and _holds("matroska", stream) else ""


def sound_encoder(kind: str) -> str:
    """Return the encoder for sound in a container by FFmpeg's name."""
    return SOUND.get(kind, "aac")


def _codec(stream: Any) -> str:
    """Return the name of a stream's codec rather than of its decoder (mp3, not mp3float)."""
    codec = getattr(getattr(stream, "codec_context", None), "codec", None)
    return str(getattr(codec, "canonical_name", ""))


def _words(stream: Any, destination: Path) -> str:
    if _is_cover(stream):
        return "the cover picture"
    codec = _codec(stream)
    language = f" ({stream.language})" if getattr(stream, "language", None) else ""
    why = f", which {destination.suffix} cannot hold" if stream.type in ("audio", "subtitle") else ""
    kind = {"audio": "sound", "subtitle": "subtitles", "video": "another video"}.get(stream.type, stream.type)
    return f"track {stream.index}, {codec + ' ' if codec else ''}{kind}{language}{why}"


def _holds(kind: str, stream: Any) -> bool:
    """Whether a container's header can be written with a stream: the muxer itself is asked."""
    av = pyav()
    try:
        with av.open(io.BytesIO(), "w", format=kind) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Return what of a file's or track's metadata tells of the recording."""
    return {key: value for key, value in metadata.items() if key.lower() not in OWN_KEYS}


def lost_metadata(before: dict[str, str], after: dict[str, str]) -> Sequence[str]:
    """Return the keys of `before` that a written file, whose metadata is `after`, lacks in any case."""
    there = {key.lower() for key in after}
    return list(_missing(before, there))


def _missing(before: dict[str, str], there: set[str]) -> Iterator[str]:
    for key in kept_metadata(before):
        # FFmpeg appends a language to a key, as in title-eng
        if key.lower() not in there and not any(known.startswith(key.lower() + "-") for known in there):
            yield key
