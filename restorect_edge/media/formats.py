"""The picture formats that every command reads and writes, by suffix."""

from dataclasses import dataclass
from pathlib import Path

from restorect_edge.errors import UsageError

__all__ = [
    "BY_SUFFIX",
    "FORMATS",
    "READABLE",
    "READABLE_WORDS",
    "VIDEO_SUFFIXES",
    "WRITABLE",
    "Format",
    "check_suffix",
    "format_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What a file format can hold."""

    name: str
    """Pillow's name where Pillow reads it, else ``HEIF`` or ``RAW``."""
    suffixes: tuple[str, ...]
    """In lower case, the usual one first."""
    alpha: bool = False
    gray: bool = False
    """Whether one-channel pictures are stored as such."""
    deep: bool = False
    """Whether 16 bits per channel are written."""
    lossless: bool = False
    """Whether it always is; WebP is where the source was."""
    keeps: frozenset[str] = frozenset()
    """Fields of `Photo` that it has a place for."""
    extra: str = ""
    """Extra that reading and writing need."""
    written_as: str = ""
    """Suffix that a folder run gives what cannot be written in its own format."""
    max_side: int = 0
    """Largest width and height; 0 where no picture reaches it."""

    @property
    def keeps_orientation(self) -> bool:
        """Whether viewers turn a picture as its EXIF data says; of HEIF they heed its own boxes alone."""
        return "exif" in self.keeps and self.name != "HEIF"


def _kept(fields: str) -> frozenset[str]:
    return frozenset(fields.split())


FORMATS = (
    Format(
        name="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        gray=True,
        keeps=_kept("exif icc_profile xmp iptc comments segments dpi"),
        max_side=65500,
    ),
    Format(
        name="PNG",
        suffixes=(".png",),
        alpha=True,
        gray=True,
        deep=True,
        lossless=True,
        keeps=_kept("exif icc_profile cicp xmp comments text chunks dpi"),
    ),
    Format(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        alpha=True,
        gray=True,
        deep=True,
        lossless=True,
        keeps=_kept("exif icc_profile xmp iptc dpi"),
    ),
    Format(
        name="WEBP", suffixes=(".webp",), alpha=True, keeps=_kept("exif icc_profile xmp"), max_side=16383
    ),
    Format(name="AVIF", suffixes=(".avif",), alpha=True, keeps=_kept("exif icc_profile xmp")),
    Format(
        name="HEIF",
        suffixes=(".heic", ".heif", ".hif"),
        alpha=True,
        keeps=_kept("exif icc_profile cicp xmp"),
        extra="photo",
    ),
    Format(name="BMP", suffixes=(".bmp", ".dib"), gray=True, lossless=True, keeps=_kept("dpi")),
    Format(name="PPM", suffixes=(".ppm", ".pgm", ".pnm"), gray=True, lossless=True),
    Format(name="TGA", suffixes=(".tga",), alpha=True, gray=True, lossless=True, max_side=65535),
    Format(
        name="JPEG2000",
        suffixes=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
        alpha=True,
        gray=True,
        lossless=True,
    ),
    Format(name="GIF", suffixes=(".gif",), written_as=".png"),
    Format(name="MPO", suffixes=(".mpo",), written_as=".jpg"),
    Format(name="PSD", suffixes=(".psd",), written_as=".png"),
    Format(
        name="RAW",
        suffixes=(
            ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw",
            ".3fr", ".erf", ".kdc", ".mrw", ".raw", ".rwl", ".iiq",
        ),
        extra="photo",
        written_as=".tif",
    ),
)  # fmt: skip

BY_SUFFIX = {suffix: entry for entry in FORMATS for suffix in entry.suffixes}
READABLE = frozenset(BY_SUFFIX)
"""Suffixes of pictures, in lower case."""
READABLE_WORDS = "JPEG, PNG, TIFF, WebP, AVIF, HEIC, BMP, GIF, JPEG 2000, MPO, PPM, PSD, TGA and raw files"
"""For messages."""
WRITABLE = frozenset(suffix for suffix, entry in BY_SUFFIX.items() if not entry.written_as)
VIDEO_SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".h264",
        ".hevc",
        ".insv",
        ".lrv",
        ".m2t",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mjpeg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mp4v",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".rm",
        ".rmvb",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".y4m",
    ]
)
"""Suffixes of files that are taken for videos; FFmpeg finds out what is inside."""


def format_of(path: Path) -> Format | None:
    """Return the format that a file's suffix names, or None."""
    return BY_SUFFIX.get(path.suffix.lower())


def check_suffix(path: Path) -> None:
    """Raise `UsageError` if no picture can be written under the suffix of `path`."""
    if path.suffix.lower() not in WRITABLE:
        raise UsageError(f"cannot write '{path}': choose one of {', '.join(sorted(WRITABLE))}")
