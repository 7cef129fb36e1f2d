"""Videos restored frame by frame, with everything else that their files hold."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from restorect_edge.errors import UsageError
from restorect_edge.media.video.color import Color, Pixels, color_of, has_alpha, is_transparent, rgb_of
from restorect_edge.media.video.options import VideoOptions, check_destination
from restorect_edge.media.video.sink import Sink, writing
from restorect_edge.media.video.source import Reader, opened
from restorect_edge.media.video.tonemap import tone_mapped
from restorect_edge.media.video.tracks import lost_metadata, main_video, plan_tracks

__all__ = ["Restore", "Summary", "restore_video"]

Restore = Callable[[NDArray[Any]], NDArray[Any]]
"""From and to (H, W, 3): uint8, or float32 in [0, 1] of videos with more than 8 bits."""
ALPHA = (
    "'{}' is partly transparent, and a video is restored without alpha: put it on a background first, for "
    "example by ffmpeg -i IN -vf 'split[a][b];[a]drawbox=c=white:t=fill[c];[c][b]overlay' OUT.mp4"
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done."""

    frames: int
    """Written."""
    damaged: int = 0
    """Passed over, since they could not be decoded."""
    notes: tuple[str, ...] = field(default=())
    """What was changed or left out, in words."""


def restore_video(
    source: Path,
    destination: Path,
    restore: Restore,
    *,
    options: VideoOptions | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Summary:
    """Restore every frame of a video file, in order.

    Sound, subtitles, languages, chapters, metadata, pixel aspect and colors are kept as far as the container
    takes them. The destination appears when all is done; an interrupted run leaves none.

    Args:
        source: anything that FFmpeg reads.
        destination: ends in one of `SUFFIXES`.
        restore: called with each frame; one that has a method ``stream``, as a `VideoRestorer` has, is given
            all of them instead, so that it may restore several side by side.
        options: see `VideoOptions`.
        say: given a line before any work for whatever the container cannot hold.

    Raises:
        UsageError: a file that is no video, is too damaged, HDR or transparent, or has sound that the
            container does not take; the message says how to go on.
        MissingDependencyError: PyAV is not installed.
    """
    check_destination(destination)
    options = options or VideoOptions()
    with opened(str(source)) as container:
        video = main_video(container)
        if video is None:
            raise UsageError(f"'{source}' holds no video stream")
        if video.metadata.get("alpha_mode") == "1":
            raise UsageError(ALPHA.format(source))
        tracks = plan_tracks(source, container, video, destination, options)
        for note in tracks.notes:
            say(note)
        reader = Reader(
            str(source),
            container,
            video,
            (*tracks.copied, *tracks.encoded),
            deinterlace=options.deinterlace,
            max_damaged=options.max_damaged,
        )
        with writing(destination, container.metadata) as output:
            options.encoder_for(output.format.name)
            # before the header, which the first picture writes
            if hasattr(container, "chapters") and (chapters := container.chapters()):
                output.set_chapters(chapters)
            sink = Sink(output, video, tracks, options)
            _restore_frames(reader, sink, restore, source, options)
            sink.close()
        lost = _lost(container, destination)
    notes = (*tracks.notes, *sink.notes, *_notes(reader, sink), *lost)
    for note in notes[len(tracks.notes) :]:
        say(note)
    return Summary(sink.count, reader.damaged, notes)


def _restore_frames(
    reader: Reader, sink: Sink, restore: Restore, source: Path, options: VideoOptions
) -> None:
    passed: deque[tuple[Any, dict[str, Any]]] = deque()
    """What waits for the frames before it: packets of other tracks, and how a frame is written."""

    def frames() -> Iterator[Pixels]:
        for item, time in reader:
            if time is None:
                passed.append((item, {}))
                continue
            rgb, color = _viewed(item, source, options)
            passed.append((None, {"color": color, "time": time, "turned": rgb.shape[0] != item.height}))
            yield rgb

    total = reader._video.frames or None
    with tqdm(total=total, unit="frame", file=sys.stderr, disable=None) as bar:
        for restored in _restored(restore, frames()):
            _write_tracks(sink, passed)
            sink.write(restored, **passed.popleft()[1])
            bar.update()
    _write_tracks(sink, passed)


def _write_tracks(sink: Sink, passed: deque[tuple[Any, dict[str, Any]]]) -> None:
    """Write the packets of other tracks that come before the next frame."""
    while passed and not passed[0][1]:
        sink.track(passed.popleft()[0])


def _restored(restore: Restore, frames: Iterable[Pixels]) -> Iterator[Pixels]:
    stream = getattr(restore, "stream", None)
    if stream is None:
        yield from map(restore, frames)
        return
    with stream(frames) as restored:
        yield from restored


def _viewed(frame: Any, source: Path, options: VideoOptions) -> tuple[Pixels, Color]:
    """Return a frame as the network takes it.

    Raises:
        UsageError: transparent, or HDR that is not to be tone-mapped.
    """
    if has_alpha(frame) and is_transparent(frame):
        raise UsageError(ALPHA.format(source))
    color = color_of(frame)
    if color.hdr and not options.tone_map:
        raise UsageError(
            f"'{source}' is HDR ({color.hdr}, {color.depth} bits), which networks for SDR would wash out; "
            "--tone-map brings it to SDR (BT.709) first"
        )
    rgb = rgb_of(frame, color)
    if color.hdr:
        values = rgb / np.float32(255) if rgb.dtype == np.uint8 else rgb
        return tone_mapped(values.astype(np.float32, copy=False), color)
    return rgb, color


def _notes(reader: Reader, sink: Sink) -> list[str]:
    notes = []
    if reader.fields.used:
        notes.append("interlaced frames were deinterlaced")
    if reader.clock.joints:
        notes.append("the clock jumps on the way; times go on without a gap")
    if reader.damaged:
        notes.append(f"{reader.damaged} damaged or missing frames were passed over")
    if reader.suspect:
        notes.append(
            f"the file is damaged at {reader.suspect} of its packets: frames may be missing or show it"
        )
    if reader.ended:
        notes.append(f"the file could not be read to its end: {reader.ended}")
    if reader.cut_off:
        there, stated = reader.cut_off
        notes.append(f"the file ends at {there:.1f} of the {stated:.1f} s that it states: is it cut off?")
    if sink.resized:
        notes.append(f"{sink.resized} frames of another size were fitted into the first one's")
    if sink.lost:
        notes.append(f"{sink.lost} damaged packets of sound or subtitles were left out")
    return notes


def _lost(container: Any, destination: Path) -> list[str]:
    """Return what metadata the written file does not have."""
    with opened(str(destination)) as written:
        lost = lost_metadata(container.metadata, written.metadata)
        missing = (
            len(container.chapters()) > len(written.chapters()) if hasattr(container, "chapters") else False
        )
    notes = [f"metadata that {destination.suffix} has no place for: {', '.join(lost)}"] if lost else []
    return [*notes, "chapters are left out"] if missing else notes
