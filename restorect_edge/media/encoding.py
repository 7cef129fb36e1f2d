"""Photographs encoded with everything that was kept of their files: the one writer of all commands."""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.media.codecs import exif as _exif
from restorect_edge.media.codecs import png, tiff
from restorect_edge.media.decoding import APP, COMMENT, JPEG_XMP, PHOTOSHOP, to_8_bits, upright
from restorect_edge.media.formats import Format, check_suffix, format_of
from restorect_edge.media.photo import Levels, Photo
from restorect_edge.utils.files import replacing

__all__ = ["check_holds", "refreshed_exif", "stacked", "stored", "write"]

SEGMENT = 65533
"""Bytes that a JPEG segment holds."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of R, G and B in the gray of ITU-R BT.601, as Pillow has them."""
WORDS = {
    "exif": "EXIF data",
    "icc_profile": "the color profile",
    "cicp": "the numbers of its colors, which are not sRGB's",
    "xmp": "XMP data",
    "iptc": "IPTC data",
    "comments": "the comment",
    "text": "PNG text",
    "segments": "further JPEG segments",
    "dpi": "the resolution",
}


def write(
    path: Path,
    image: NDArray[Any],
    *,
    like: Photo,
    quality: int = 95,
    before_rename: Callable[[int, tuple[str, ...]], None] | None = None,
) -> tuple[str, ...]:
    """Encode an image in the format that its suffix names; the file appears whole or not at all.

    Args:
        path: where to; its folder is made, a file of that name replaced (behind a link: the linked file).
        image: (H, W, 3) RGB, uint8, uint16, or floating point in [0, 1]. More than 8 bits are kept in PNG,
            TIFF and HEIC and rounded elsewhere.
        like: whose alpha, EXIF, XMP, IPTC, text, color profile, resolution and date to keep; a gray one is
            written gray.
        quality: of JPEG, WebP, AVIF and HEIC, 1 to 100; a WebP file that was lossless stays so.
        before_rename: called with the size in bytes and what is returned, once the file is complete and
            before it appears under its name.

    Returns:
        What the format has no place for, in words.

    Raises:
        UsageError: no such format, the folder cannot be written, or the format cannot hold the image.
        MissingDependencyError: HEIC without the extra ``photo``.
    """
    check_suffix(path)
    check_holds(path, like)
    kind = format_of(path)
    assert kind is not None
    _check_sides(path, kind, image)
    if not kind.keeps_orientation:
        # viewers of such a format turn nothing: the pixels themselves are turned
        like = upright(replace(like, pixels=image))
        image = like.pixels
    try:
        # HEIF stores 10 bits, which are made of 16
        deep = kind.deep or kind.name == "HEIF"
        pixels = stacked(image, like, deep=deep, gray=kind.gray, alpha=kind.alpha)
        kept, notes = _fitting(like, kind, pixels)
        with replacing(path, modified=like.modified) as stream:
            _encode(stream, kind, pixels, kept, quality)
            if before_rename is not None:
                stream.flush()
                before_rename(stream.seek(0, io.SEEK_END), notes)
    except RestorectError:
        raise
    except Exception as error:  # encoders raise whatever the metadata that is kept leads them to
        raise UsageError(f"cannot write '{path}': {getattr(error, 'strerror', None) or error}") from error
    return notes


def check_holds(path: Path, like: Photo) -> None:
    """Check before any work that the format of `path` can hold a photograph's sides and transparency.

    Args:
        path: to be written; a suffix of no picture is left to `check_suffix`.
        like: whose sides and alpha count.

    Raises:
        UsageError: too large, or partly transparent where the format has no alpha.
    """
    kind = format_of(path)
    if kind is None:
        return
    _check_sides(path, kind, like.pixels)
    if kind.alpha or like.alpha is None:
        return
    if like.alpha.min() < np.iinfo(like.alpha.dtype).max:
        raise UsageError(
            f"cannot write '{path}': the picture is partly transparent, which {kind.name} cannot hold; name "
            "it .png, .tif, .webp or .avif"
        )


def _check_sides(path: Path, kind: Format, image: NDArray[Any]) -> None:
    height, width = image.shape[:2]
    if kind.max_side and max(height, width) > kind.max_side:
        raise UsageError(
            f"cannot write '{path}': the picture is {width}×{height}, and {kind.name} holds at most "
            f"{kind.max_side} a side; name it .png or .tif"
        )


def stacked(image: NDArray[Any], like: Photo, *, deep: bool, gray: bool = True, alpha: bool = True) -> Levels:
    """Return (H, W, C) to store: gray or RGB as `like` is, with its alpha, in 8 or 16 bits.

    Args:
        image: (H, W, 3), uint8, uint16 or floating point in [0, 1].
        like: whose alpha to take, scaled where `image` is larger.
        deep: 16 bits where `image` has more than 8.
        gray: whether one channel can be stored.
        alpha: whether alpha can be stored.
    """
    colors = stored(image, deep=deep)
    if like.gray and gray:
        weighted = colors.astype(np.float32) @ np.array(LUMA, np.float32)
        colors = np.rint(weighted).astype(colors.dtype)[..., None]
    if like.alpha is None or not alpha:
        return colors
    mask = _resized(like.alpha, colors.shape[:2])
    if mask.dtype != colors.dtype:
        # times 257 brings 255 to 65535: what is opaque stays so
        mask = to_8_bits(mask) if colors.dtype == np.uint8 else mask.astype(np.uint16) * np.uint16(257)
    return np.concatenate([colors, mask[..., None]], axis=2)


def stored(image: NDArray[Any], *, deep: bool) -> Levels:
    """Return values as uint8, or as uint16 where `deep` and they have more than 8 bits.

    Args:
        image: any shape; uint8, uint16, or floating point in [0, 1].
        deep: whether the format has 16 bits.
    """
    if image.dtype == np.uint8 or (image.dtype == np.uint16 and deep):
        return image
    if image.dtype == np.uint16:
        return to_8_bits(image)
    levels, kind = (65535, np.uint16) if deep else (255, np.uint8)
    rounded: Levels = np.rint(image * np.float32(levels)).astype(kind)
    return rounded


def refreshed_exif(like: Photo, pixels: Levels) -> bytes:
    """Return the EXIF data of `like` with the preview and the sides of `pixels`, (H, W, C) as stored."""
    return _exif.refreshed(like.exif, to_8_bits(pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., 0]))


def _resized(alpha: Levels, shape: tuple[int, ...]) -> Levels:
    if alpha.shape == shape:
        return alpha
    values = Image.fromarray(alpha.astype(np.float32)).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    # bicubic interpolation overshoots at edges
    rounded: Levels = np.clip(np.rint(np.asarray(values)), 0, np.iinfo(alpha.dtype).max).astype(alpha.dtype)
    return rounded


def _fitting(like: Photo, kind: Format, pixels: Levels) -> tuple[Photo, tuple[str, ...]]:
    """Return what of a photograph's metadata a file of these pixels takes, and words for the rest."""
    notes: list[str] = []
    changes: dict[str, Any] = {}
    for field, words in WORDS.items():
        if getattr(like, field) and field not in kind.keeps:
            # empty values of their own types; resolution and colors have none but None
            changes[field] = None if field in ("dpi", "cicp") else type(getattr(like, field))()
            if field != "dpi":
                notes.append(f"{words} left out: {kind.name} has no place for it")
    if kind.name == "JPEG" and len(like.xmp) + len(JPEG_XMP) > SEGMENT:
        changes["xmp"] = b""
        notes.append(f"XMP data of {len(like.xmp)} bytes left out: a JPEG segment holds {SEGMENT}")
    # bytes 16 to 20 of an ICC profile name its color space: viewers misread one of another kind
    gray_profile = like.icc_profile[16:20] == b"GRAY"
    if like.icc_profile and "icc_profile" not in changes and gray_profile != (pixels.shape[2] < 3):
        changes["icc_profile"] = b""
        notes.append("the color profile left out: it is for pictures of another kind")
    if pixels.dtype == np.uint8 and like.pixels.dtype != np.uint8:
        notes.append(f"16 bits per channel become 8 in {kind.name}")
    return replace(like, **changes), tuple(notes)


def _encode(stream: BinaryIO, kind: Format, pixels: Levels, like: Photo, quality: int) -> None:
    exif = refreshed_exif(like, pixels)
    if kind.name == "TIFF":
        tiff.write(stream, pixels, like, exif)
    elif kind.name == "HEIF":
        from restorect_edge.media.codecs.heif import write_heif

        write_heif(stream, pixels, like, exif, quality)
    elif kind.name == "PNG" and pixels.dtype != np.uint8:
        png.write_16_bit(stream, pixels, like, exif)
    elif kind.name == "PNG":
        encoded = io.BytesIO()
        _pillow(pixels).save(encoded, "PNG")
        png.insert(stream, encoded.getvalue(), like, exif)
    else:
        _pillow(pixels).save(stream, kind.name, **_options(kind.name, like, exif, quality))


def _pillow(pixels: Levels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _options(name: str, like: Photo, exif: bytes, quality: int) -> dict[str, Any]:
    # exact keeps colors that alpha hides; in lossless WebP quality is the effort, not the loss
    lossless = {"lossless": True, "exact": True, "quality": 80} if like.lossless else {}
    own: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": quality, "subsampling": "4:4:4"},
        "WEBP": {"quality": quality, **lossless},
        "AVIF": {"quality": quality, "subsampling": "4:4:4"},
        "JPEG2000": {"irreversible": False},
    }
    options = own.get(name, {})
    # Pillow refuses EXIF data longer than a segment, which cameras split
    split = name == "JPEG" and len(_exif.PREFIX) + len(exif) > SEGMENT
    if exif and not split:
        options["exif"] = _exif.PREFIX + exif
    if like.icc_profile:
        options["icc_profile"] = like.icc_profile
    if like.xmp and name != "JPEG":
        options["xmp"] = like.xmp
    if like.dpi:
        options["dpi"] = like.dpi
    if name == "JPEG":
        options["extra"] = b"".join(_segments(like, exif if split else b""))
    return options


def _segments(like: Photo, exif: bytes) -> Iterator[bytes]:
    """Yield JPEG segments: EXIF data too long for one (as cameras split it), XMP, IPTC, comments, the
    rest."""
    for part in _parts(exif, SEGMENT - len(_exif.PREFIX)):
        yield _segment(APP + 1, _exif.PREFIX + part)
    if like.xmp:
        yield _segment(APP + 1, JPEG_XMP + like.xmp)
    for part in _parts(like.iptc, SEGMENT - len(PHOTOSHOP)):
        yield _segment(APP + 13, PHOTOSHOP + part)
    for comment in like.comments:
        for part in _parts(comment, SEGMENT):
            yield _segment(COMMENT, part)
    for marker, data in like.segments:
        yield _segment(marker, data)


def _parts(data: bytes, length: int) -> list[bytes]:
    return [data[start : start + length] for start in range(0, len(data), length)]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data
