"""Photographs as files: decoding to pixels and everything to keep, and encoding with it."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.media.images import is_16_bit, mode_words
from restorect_edge.media.png import read_16_bit, write_16_bit
from restorect_edge.utils.files import replacing

__all__ = ["FORMATS", "Photo", "check_suffix", "read", "write"]

FORMATS = {
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""What is read and written, by suffix in lower case."""

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
GROUPS = (0x8769, 0x8825)
"""Directories inside EXIF: exposure and lens, position."""
DESCRIPTIVE = (0x010E, 0x010F, 0x0110, ORIENTATION, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF file that describe the picture rather than how its bytes are stored: description,
make, model, orientation, software, time, artist, copyright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A decoded photograph.

    Pixels are as stored, not turned upright: the EXIF data says how to turn them, and is kept. (Pillow
    turns TIFF files itself and takes the tag away, which comes to the same.)
    """

    pixels: NDArray[Any]
    """(H, W, 3) RGB, uint8 or uint16."""
    exif: bytes = b""
    """The TIFF block, without the prefix that JPEG gives it."""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None

    @property
    def image(self) -> NDArray[Any]:
        """The pixels as a runtime takes them: uint8, or float32 in [0, 1] for 16 bits."""
        if self.pixels.dtype == np.uint8:
            return self.pixels
        values: NDArray[np.float32] = self.pixels / np.float32(65535)
        return values


def check_suffix(path: Path) -> None:
    """Raise `UsageError` if no format goes by the suffix of `path`."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot write '{path}': choose one of {', '.join(sorted(FORMATS))}")


def read(path: Path) -> Photo:
    """Decode an 8-bit JPEG, PNG, TIFF or WebP or a 16-bit PNG.

    Raises:
        UsageError: not such a file, or not RGB; the message says how to mend it.
    """
    try:
        with Image.open(path) as file:
            _refuse(file, path)
            deep = is_16_bit(file)
            pixels = read_16_bit(path) if deep else np.asarray(file)
            file.load()
            return Photo(
                pixels=pixels,
                exif=_exif(file),
                icc_profile=file.info.get("icc_profile") or b"",
                dpi=_dpi(file),
            )
    except FileNotFoundError as error:
        raise UsageError(f"no image at '{path}'") from error
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise UsageError(f"cannot read '{path}' as an image: {error}") from error


def _refuse(file: Image.Image, path: Path) -> None:
    mended = path.with_name(f"{path.stem}-rgb.png")
    if file.mode != "RGB" or "transparency" in file.info:
        words = mode_words(file.mode) if file.mode != "RGB" else "with a transparent colour"
        raise UsageError(
            f"'{path}' has mode {file.mode} ({words}); only RGB is restored: convert it, for example with "
            f"magick '{path}' -background white -flatten -type TrueColor 'PNG24:{mended}'"
        )
    if is_16_bit(file) and file.format != "PNG":
        raise UsageError(
            f"'{path}' is a {file.format} of 16 bits per channel; 16 bits are read from PNG only: convert "
            f"it, for example with magick '{path}' 'PNG48:{mended}'"
        )
    frames = getattr(file, "n_frames", 1)
    if frames > 1 and file.format != "MPO":  # a phone's JPEG whose further frames are depth or gain maps
        raise UsageError(f"'{path}' has {frames} frames; restore them one by one, each in a file of its own")


def _exif(file: Image.Image) -> bytes:
    """Return the EXIF block byte by byte where the format has one, else what can be made of its tags."""
    if file.format == "TIFF":
        exif = file.getexif()
        exif.pop(ORIENTATION, None)  # versions of Pillow leave the tag after turning the pixels
        return _described(exif)
    if "Raw profile type exif" in file.info and "exif" not in file.info:
        return file.getexif().tobytes().removeprefix(EXIF_PREFIX)
    return (file.info.get("exif") or b"").removeprefix(EXIF_PREFIX)


def _dpi(file: Image.Image) -> tuple[float, float] | None:
    x, y = (float(side) for side in file.info.get("dpi") or (0, 0))
    return (x, y) if x > 1 and y > 1 else None  # Pillow gives (1, 1) for a TIFF file that does not say


def _described(exif: Image.Exif) -> bytes:
    """Return EXIF data without the tags that say how a TIFF file stores its pixels."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for group in GROUPS:
        tags = exif.get_ifd(group)
        if tags:
            kept.get_ifd(group).update(tags)
    return kept.tobytes().removeprefix(EXIF_PREFIX) if len(kept) or any(map(kept.get_ifd, GROUPS)) else b""


def write(path: Path, image: NDArray[Any], *, like: Photo, quality: int = 95) -> None:
    """Encode an image in the format that its suffix names; the file appears whole or not at all.

    Args:
        path: where to; its folder is made, a file of that name replaced.
        image: (H, W, 3) RGB, uint8, or floating point in [0, 1], which a PNG keeps in 16 bits and a JPEG or
            WebP rounds to 8.
        like: whose EXIF data, colour profile and resolution to keep.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        UsageError: no such format, the folder cannot be written, or the format cannot hold the image.
    """
    check_suffix(path)
    try:
        with replacing(path) as stream:
            _encode(stream, FORMATS[path.suffix.lower()], image, like, quality)
    except (OSError, ValueError, struct.error) as error:
        raise UsageError(f"cannot write '{path}': {error}") from error


def _encode(stream: BinaryIO, kind: str, image: NDArray[Any], like: Photo, quality: int) -> None:
    if image.dtype != np.uint8 and kind == "PNG":
        values = np.rint(image * np.float32(65535)).astype(np.uint16)
        write_16_bit(stream, values, exif=like.exif, icc_profile=like.icc_profile, dpi=like.dpi)
        return
    if image.dtype != np.uint8 and kind == "TIFF":
        raise ValueError("16 bits are written to PNG only; name it .png, or .jpg or .webp for 8 bits")
    levels = image if image.dtype == np.uint8 else np.rint(image * np.float32(255)).astype(np.uint8)
    Image.fromarray(levels).save(stream, kind, **_options(kind, like, quality))


def _options(kind: str, like: Photo, quality: int) -> dict[str, Any]:
    # TIFF stays uncompressed: Pillow's compressing writer takes no EXIF groups
    lossy: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": "4:4:4"},
        "WEBP": {"quality": quality},
    }
    options = lossy.get(kind, {})
    if like.exif:
        options["exif"] = _for_tiff(like.exif) if kind == "TIFF" else EXIF_PREFIX + like.exif
    if like.icc_profile:
        options["icc_profile"] = like.icc_profile
    if like.dpi and kind != "WEBP":
        options["dpi"] = like.dpi
    return options


def _for_tiff(block: bytes) -> bytes:
    exif = Image.Exif()
    exif.load(EXIF_PREFIX + block)
    return _described(exif)
