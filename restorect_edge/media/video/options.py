"""How videos are read and written."""

import os
from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.media.video.library import pyav
from restorect_edge.utils.options import option

__all__ = ["SUFFIXES", "VIDEOS", "VideoOptions", "check_destination"]

SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Of files that can be written, with FFmpeg's name of the container."""
ENCODERS = {"webm": "libvpx-vp9"}
"""Where it is not libx264, by container."""
CRF = {"libx264": 18, "libx265": 20, "libvpx-vp9": 24, "libsvtav1": 24}
"""Constant rate factor, by encoder: visually lossless, as their makers call it. Others have none."""
EXTRAS = {"libvpx-vp9": {"b": "0"}, "libx265": {"x265-params": "log-level=error"}}
"""Options that constant quality needs besides, and that keep an encoder quiet."""
AUDIO = ("copy", "encode", "drop")
VIDEOS = "videos and cameras"
"""Heading of the options in a command's help."""


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """What is not decided by the video itself.

    Raises:
        UsageError: a value out of range, or an unknown name.
    """

    encoder: str | None = option(
        None, metavar="NAME", more="such as libx265, libsvtav1 or ffv1", group=VIDEOS
    )
    """FFmpeg's name of the video encoder; by default ``libx264``, of WebM ``libvpx-vp9``."""
    crf: int | None = option(None, metavar="N", group=VIDEOS)
    """Constant rate factor, 0 (best) to 63; by default that of `CRF`."""
    audio: str = option("copy", metavar="HOW", group=VIDEOS)
    """``copy``: an error where the container cannot hold a track; ``encode``: such tracks to AAC (of WebM
    Opus); ``drop``: such tracks are left out."""
    tone_map: bool = option(False, group=VIDEOS)
    """Whether HDR (PQ, HLG) is brought to BT.709; otherwise it is an error."""
    deinterlace: bool = option(True, group=VIDEOS)
    """Whether frames of two fields are deinterlaced."""
    max_damaged: float = option(0.1, metavar="S", group=VIDEOS)
    """Share of frames that may be missing or damaged, 0 to 1; they are passed over."""

    def __post_init__(self) -> None:
        if self.audio not in AUDIO:
            raise unknown_name("--audio", self.audio, AUDIO)
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise UsageError(f"--crf is 0 (best) to 63, got {self.crf}")
        if not 0 <= self.max_damaged <= 1:
            raise UsageError(f"--max-damaged is a share from 0 to 1, got {self.max_damaged:g}")

    def encoder_for(self, container: str) -> str:
        """Return the encoder for a container by FFmpeg's name.

        Raises:
            UsageError: FFmpeg here has no such encoder, or it has no constant rate factor.
        """
        av = pyav()
        name = self.encoder or ENCODERS.get(container, "libx264")
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 says errors alone
        try:
            codec = av.Codec(name, "w")
        except ValueError as error:
            usual = [known for known in (*CRF, "ffv1", "prores_ks", "mpeg4") if known in av.codecs_available]
            raise unknown_name("video encoder", name, usual) from error
        if codec.type != "video":
            raise UsageError(f"'{name}' encodes {codec.type}; --encoder is for the pictures")
        if self.crf is not None and name not in CRF:
            raise UsageError(f"encoder '{name}' has no --crf; these have: {', '.join(CRF)}")
        return name

    def rate_options(self, encoder: str) -> dict[str, str]:
        """Return the options that set an encoder's quality."""
        crf = CRF.get(encoder) if self.crf is None else self.crf
        if crf is None:
            return EXTRAS.get(encoder, {})
        return {"crf": str(crf), **EXTRAS.get(encoder, {})}


def check_destination(path: Path) -> None:
    """Raise before any work if no video can be written to `path`.

    Raises:
        UsageError: it has no suffix of `SUFFIXES`.
        MissingDependencyError: PyAV is not installed.
    """
    pyav()
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"cannot write a video to '{path}'; possible: {', '.join(sorted(SUFFIXES))}")
