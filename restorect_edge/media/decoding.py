"""Picture files decoded to pixels and everything to keep: the one reader of all commands."""

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from restorect_edge.errors import UsageError, counted
from restorect_edge.media.codecs import exif as _exif
from restorect_edge.media.codecs import png, tiff
from restorect_edge.media.codecs.pixels import decoded
from restorect_edge.media.codecs.variants import is_tiff, read_variant
from restorect_edge.media.codecs.xmp import without_parts
from restorect_edge.media.formats import format_of
from restorect_edge.media.opening import MAX_PIXELS, naming, opened
from restorect_edge.media.photo import Levels, Photo, named_colors

__all__ = ["as_sdr", "read", "read_rgb", "size_of", "upright"]

JPEG_XMP, JPEG_XMP_MORE = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
COMMENT, APP = 0xFE, 0xE0
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd8]")
"""Of what is no part of a scan's data."""
END, ALONE = 0xD9, 0x01
"""Markers that no length follows."""
STRUCTURAL = ("APP0", "APP2", "APP11", "APP14")
"""Segments that describe how this file stores its pixels, point into it, or sign them."""
TURNS = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (1, True),
    6: (3, False),
    7: (3, True),
    8: (1, False),
}
"""By EXIF orientation: quarter turns against the clock, after a mirroring of columns where True."""


def read(path: Path, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a photograph with everything that its file holds besides the pixels.

    Args:
        path: a file of `formats.FORMATS`; what it is is found out by its content.
        max_pixels: width × height at most.

    Raises:
        UsageError: no such file, damaged, too large, or a kind that one picture cannot stand for (animations,
            floating point beyond [0, 1]); the message says how to fix it.
        MissingDependencyError: HEIC or a raw file without the extra ``photo``.
    """
    with naming(path):
        known = format_of(path)
        if known is not None and known.name in OWN_READERS:
            return _dated(OWN_READERS[known.name](path, max_pixels), path)
        try:
            with path.open("rb") as stream:
                return _dated(_read(stream, path, max_pixels), path)
        # tifffile reads kinds of TIFF that Pillow refuses
        except (UnidentifiedImageError, SyntaxError, ValueError):
            if not is_tiff(path):
                raise
        return _dated(read_variant(path, max_pixels), path)


def read_rgb(path: Path, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture for training, calibration and scoring, which take colors alone.

    Args:
        path: of a picture.
        max_pixels: width × height at most.

    Returns:
        (H, W, 3) uint8 RGB, turned upright; 16 bits are rounded to 8.

    Raises:
        UsageError: as `read`, and for a picture that is transparent anywhere.
    """
    photo = as_sdr(upright(read(path, max_pixels=max_pixels)), str(path))
    if photo.alpha is not None and photo.alpha.min() < np.iinfo(photo.alpha.dtype).max:
        raise UsageError(
            f"'{path}' is partly transparent, so what its hidden pixels look like is not known; flatten it "
            "onto a background first"
        )
    return to_8_bits(photo.pixels)


def to_8_bits(values: Levels) -> NDArray[np.uint8]:
    """Round uint16 to uint8, 65535 to 255; uint8 stays as it is."""
    if values.dtype == np.uint8:
        return values
    # 257 = 65535 / 255, so that white stays white; 128 is half of it
    rounded: NDArray[np.uint8] = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return rounded


def size_of(path: Path) -> tuple[int, int]:
    """Return (width, height) of a picture as `read_rgb` gives it, from its header where that says it.

    Args:
        path: of a picture.

    Raises:
        UsageError: as `read_rgb`, of files that have to be decoded.
    """
    known = format_of(path)
    if known is not None and known.name in OWN_READERS:
        height, width = read_rgb(path).shape[:2]
        return width, height
    with naming(path):
        try:
            return _size_in_header(path)
        except (UnidentifiedImageError, SyntaxError):
            if not is_tiff(path):
                raise
    height, width = read_rgb(path).shape[:2]
    return width, height


def _size_in_header(path: Path) -> tuple[int, int]:
    with path.open("rb") as stream, opened(stream, path, MAX_PIXELS) as file:
        turned = TURNS[_orientation_to_apply(file)][0] % 2
        return (file.height, file.width) if turned else file.size


def _orientation_to_apply(file: Any) -> int:
    """Return the orientation that the size of an open file does not reflect yet: versions of Pillow
    differ."""
    if file.format != "TIFF":
        return _exif.orientation(_exif_of(file))
    swapped = file.size != (file.tag_v2.get(256), file.tag_v2.get(257))
    return 1 if swapped else int(file.tag_v2.get(_exif.ORIENTATION, 1))


def upright(photo: Photo) -> Photo:
    """Turn a photograph as its EXIF orientation says, which becomes 1."""
    turns, mirrored = TURNS[_exif.orientation(photo.exif)]
    if not turns and not mirrored:
        return photo

    def turn(plane: Any) -> Any:
        plane = plane[:, ::-1] if mirrored else plane
        return np.ascontiguousarray(np.rot90(plane, turns))

    dpi = photo.dpi[::-1] if photo.dpi and turns % 2 else photo.dpi
    return replace(
        photo,
        pixels=turn(photo.pixels),
        alpha=None if photo.alpha is None else turn(photo.alpha),
        exif=_exif.without_orientation(photo.exif),
        dpi=dpi,
    )


def as_sdr(photo: Photo, name: str, *, tone_map: bool = False) -> Photo:
    """Return a photograph whose values networks for SDR take.

    Args:
        photo: as read.
        name: of the file, for the message.
        tone_map: bring PQ and HLG to BT.709, in 16 bits.

    Raises:
        UsageError: HDR that is not to be tone-mapped.
    """
    if not photo.hdr:
        return photo
    if not tone_map:
        raise UsageError(
            f"'{name}' is HDR ({photo.hdr}), which networks for SDR would wash out; run --tone-map brings it "
            "to SDR (BT.709) first"
        )
    from restorect_edge.media.video.color import Color
    from restorect_edge.media.video.tonemap import tone_mapped

    assert photo.cicp is not None
    white = np.float32(np.iinfo(photo.pixels.dtype).max)
    color = Color(matrix="bt2020", full=True, transfer=photo.cicp[1], primaries=photo.cicp[0])
    values, _ = tone_mapped(photo.pixels / white, color)
    return replace(
        photo,
        pixels=np.rint(values * np.float32(65535)).astype(np.uint16),
        alpha=None if photo.alpha is None else _deepened(photo.alpha),
        cicp=None,
        icc_profile=b"",
        chunks=tuple(chunk for chunk in photo.chunks if chunk[0] not in png.OF_LIGHT),
        notes=(*photo.notes, f"HDR ({photo.hdr}) was brought to SDR (BT.709)"),
    )


def _deepened(values: Levels) -> Levels:
    # 257 = 65535 / 255: what is opaque stays so
    return values if values.dtype == np.uint16 else values.astype(np.uint16) * np.uint16(257)


def _dated(photo: Photo, path: Path) -> Photo:
    return replace(photo, modified=path.stat().st_mtime)


def _read(stream: BinaryIO, path: Path, max_pixels: int) -> Photo:
    with opened(stream, path, max_pixels) as file:
        kind = file.format or ""
        _refuse_animation(file, path)
        # tags 284, 258 and 262: planes apart, bits of each channel, black or white as 0. SyntaxError is what
        # Pillow raises for files that it cannot read, so that `read` turns to tifffile
        if kind == "TIFF" and file.tag_v2.get(284) == 2 and 16 in file.tag_v2.get(258, ()):  # type: ignore[attr-defined]
            raise SyntaxError("planes of 16 bits, of which Pillow keeps 8")
        pixels = decoded(file, stream, path)
        if kind == "TIFF" and file.tag_v2.get(262) == 0 and pixels.rgb.dtype == np.uint16:  # type: ignore[attr-defined]
            pixels = replace(pixels, rgb=np.uint16(65535) - pixels.rgb)  # Pillow inverts 8 bits alone
        common = Photo(
            pixels=pixels.rgb,
            alpha=pixels.alpha,
            gray=pixels.gray,
            exif=_exif_of(file),
            icc_profile=(file.info.get("icc_profile") or b"") if pixels.profile is None else pixels.profile,
            dpi=_dpi(file),
            notes=pixels.notes,
        )
        return METADATA.get(kind, _plain)(common, file, stream)


def _refuse_animation(file: Image.Image, path: Path) -> None:
    frames = getattr(file, "n_frames", 1)
    # further pictures of an MPO file are its gain map, preview or other eye
    if frames <= 1 or file.format == "MPO":
        return
    what, way = "frames", "restore it as a video: -o out.mp4"
    if file.format not in ("GIF", "PNG", "AVIF"):  # what FFmpeg plays
        what = "pages" if file.format == "TIFF" else "frames"
        way = "save each as a file of its own"
    raise UsageError(f"'{path}' has {frames} {what}, and a photograph has one; {way}")


def _exif_of(file: Image.Image) -> bytes:
    """Return the EXIF block byte by byte where the format has one, else what can be made of its tags."""
    if file.format == "TIFF":
        exif = file.getexif()
        exif.pop(_exif.ORIENTATION, None)  # versions of Pillow leave the tag after turning the pixels
        return _exif.described(exif)
    if "Raw profile type exif" in file.info and "exif" not in file.info:
        return file.getexif().tobytes().removeprefix(_exif.PREFIX)
    block: bytes = file.info.get("exif") or b""
    return block.removeprefix(_exif.PREFIX)


def _dpi(file: Image.Image) -> tuple[float, float] | None:
    x, y = (float(side) for side in file.info.get("dpi") or (0, 0))
    return (x, y) if x > 1 and y > 1 else None  # Pillow gives (1, 1) for a TIFF file that does not say


def _jpeg(photo: Photo, file: Image.Image, stream: BinaryIO) -> Photo:
    segments: list[tuple[int, bytes]] = []
    comments, iptc, xmp, notes = [], b"", b"", list(photo.notes)
    for name, data in getattr(file, "applist", ()):
        if name == "COM":
            comments.append(data)
        elif data.startswith(JPEG_XMP):
            xmp = data[len(JPEG_XMP) :]
        elif data.startswith(PHOTOSHOP):
            # a block of more than 64 kB goes on in the next segment
            iptc += data[len(PHOTOSHOP) :]
        elif name not in STRUCTURAL and not data.startswith(_exif.PREFIX):
            # not what the encoder writes itself, nor what is kept as EXIF: it would come twice
            segments.append((APP + int(name[3:]), data))
    if any(name == "APP11" for name, _ in getattr(file, "applist", ())):
        notes.append("content credentials (C2PA) left out, since they vouch for the pixels before")
    if (further := getattr(file, "n_frames", 1) - 1) > 0:
        notes.append(f"{counted(further, 'further picture')} inside (gain map or depth) left out")
    if b"MotionPhoto" in xmp or b"MicroVideo" in xmp or (file.format == "JPEG" and _goes_on(stream)):
        notes.append("what lies behind the picture (such as a motion clip or a gain map) is left out")
    xmp = without_parts(xmp)
    return replace(
        photo, comments=tuple(comments), iptc=iptc, xmp=xmp, segments=tuple(segments), notes=tuple(notes)
    )


def _goes_on(stream: BinaryIO) -> bool:
    """Whether a JPEG file does not end where its picture does; padding does not count."""
    stream.seek(0)
    data = stream.read()
    return len(data[_end_of_jpeg(data) :].strip(b"\0\xff\r\n ")) > 1


def _end_of_jpeg(data: bytes) -> int:
    """Return the position behind the first picture: segment by segment, since previews have ends too."""
    at = 2
    while at + 4 <= len(data):
        found = MARKER.search(data, at)
        if found is None:
            break
        at, kind = found.end(), data[found.end() - 1]
        if kind == END:
            return at
        if kind != ALONE:
            at += int.from_bytes(data[at : at + 2], "big")
    return len(data)


def _png(photo: Photo, file: Image.Image, stream: BinaryIO) -> Photo:
    xmp, text, chunks = png.metadata(png.read_chunks(stream))
    code = dict(chunks).get(b"cICP", b"")
    cicp = named_colors(code[0], code[1], photo.icc_profile) if len(code) == 4 else None
    return replace(photo, xmp=xmp, text=text, chunks=chunks, cicp=cicp, lossless=True)


def _tiff(photo: Photo, file: Any, stream: BinaryIO) -> Photo:
    tags = file.tag_v2
    resources = _bytes(tags.get(tiff.PHOTOSHOP)) or tiff.resources(_bytes(tags.get(tiff.IPTC)))
    notes = list(photo.notes)
    # tag 277 counts the channels; what is neither color nor alpha is an editor's mask
    further = int(tags.get(277, 1)) - (1 if photo.gray else 3) - (photo.alpha is not None)
    if tags.get(262) in (0, 1, 2) and further > 0:
        notes.append(f"{counted(further, 'further channel')} left out")
    xmp = _bytes(tags.get(tiff.XMP))
    return replace(photo, xmp=xmp, iptc=resources, notes=tuple(notes), lossless=True)


def _bytes(value: object) -> bytes:
    if isinstance(value, tuple):
        return bytes(value) if all(isinstance(item, int) and 0 <= item < 256 for item in value) else b""
    return value if isinstance(value, bytes) else b""


def _modern(photo: Photo, file: Image.Image, stream: BinaryIO) -> Photo:
    """Of WebP and AVIF."""
    stream.seek(0)
    head = stream.read(1 << 16)
    notes = photo.notes
    depth = head.find(b"pixi")
    # behind the box's type: version and flags, the number of channels, the bits of each
    if file.format == "AVIF" and depth >= 0 and len(head) > depth + 9 and head[depth + 9] > 8:
        notes = (*notes, f"{head[depth + 9]} bits per channel are read as 8")
    lossless = file.format == "WEBP" and b"VP8L" in head
    named = head.find(b"colrnclx")
    cicp = None
    if file.format == "AVIF" and 0 <= named < len(head) - 12:
        # the box names primaries and transfer in 16 bits each, right behind its kind
        primaries, transfer = struct.unpack_from(">HH", head, named + 8)
        cicp = named_colors(primaries, transfer, photo.icc_profile)
    return replace(photo, xmp=file.info.get("xmp") or b"", lossless=lossless, cicp=cicp, notes=notes)


def _gif(photo: Photo, file: Image.Image, stream: BinaryIO) -> Photo:
    comment = file.info.get("comment")
    return replace(photo, comments=(comment,) if comment else (), lossless=True)


def _plain(photo: Photo, file: Image.Image, stream: BinaryIO) -> Photo:
    return replace(photo, lossless=True)


def _heif(path: Path, max_pixels: int) -> Photo:
    from restorect_edge.media.codecs.heif import read_heif

    return read_heif(path, max_pixels)


def _raw(path: Path, max_pixels: int) -> Photo:
    from restorect_edge.media.codecs.raw import read_raw

    return read_raw(path, max_pixels)


METADATA: dict[str, Callable[[Photo, Any, BinaryIO], Photo]] = {
    "AVIF": _modern,
    "GIF": _gif,
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "WEBP": _modern,
}
OWN_READERS: dict[str, Callable[[Path, int], Photo]] = {"HEIF": _heif, "RAW": _raw}
