"""TIFF files of 8 or 16 bits, with EXIF directories, XMP and IPTC, which Pillow's writer takes in part."""

import struct
import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from restorect_edge.media.codecs.exif import DESCRIPTIVE, EXPOSURE, ORIENTATION, POSITION, PREFIX
from restorect_edge.media.photo import Levels, Photo

__all__ = ["iim", "resources", "write"]

ICC, XMP, IPTC, PHOTOSHOP = 34675, 700, 33723, 34377
DEFLATE, HORIZONTAL = 8, 2
"""Compression, and the predictor that stores differences from pixel to pixel."""
STRIP = 1 << 20
"""Bytes of pixels compressed at a time."""
RECORD = b"8BIM\x04\x04\0\0"
"""What the IPTC record begins with among Photoshop's image resources."""
LIMIT = (1 << 32) - (1 << 20)
"""Bytes of pixels that fit beside the rest where offsets have 32 bits."""


def write(stream: BinaryIO, pixels: Levels, like: Photo, exif: bytes) -> None:
    """Encode (H, W, C) uint8 or uint16 with deflate compression, C from 1 (gray) to 4 (RGBA).

    Args:
        stream: is written to.
        pixels: (H, W, C) uint8 or uint16.
        like: whose metadata to keep.
        exif: the block, of the new pixels.

    Raises:
        ValueError: more than 4 GB of pixels.
    """
    if pixels.nbytes > LIMIT:
        raise ValueError("TIFF files hold up to 4 GB; name it .png")
    height, width, channels = pixels.shape
    rows = max(1, STRIP // (width * channels * pixels.itemsize))
    strips = [_compressed(pixels[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    ifd = _directory(like, exif)
    ifd[256], ifd[257], ifd[258] = width, height, (8 * pixels.itemsize,) * channels
    # compression, meaning of the colors, channels, rows per strip, and channels side by side
    ifd[259], ifd[262], ifd[277], ifd[278], ifd[284] = DEFLATE, 2 if channels > 2 else 1, channels, rows, 1
    ifd[317] = HORIZONTAL
    if channels in (2, 4):
        ifd[338] = 2  # alpha that is not premultiplied
    # from the end of the directory: Pillow's `save` adds where that turns out to be
    ifd[273] = tuple(int(offset) for offset in np.cumsum([0, *lengths[:-1]]))
    ifd[279] = tuple(lengths)
    ifd.save(stream)
    stream.writelines(strips)


def _compressed(rows: Levels) -> bytes:
    little = rows.astype(rows.dtype.newbyteorder("<"), copy=False)
    differences = little.copy()
    # unsigned differences wrap around, as the predictor defines them
    differences[:, 1:] -= little[:, :-1]
    return zlib.compress(differences.tobytes())


def _directory(like: Photo, exif: bytes) -> ImageFileDirectory_v2:
    ifd = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    for tag, value in _described(exif).items():
        ifd[tag] = value
    if like.dpi:
        ifd[282], ifd[283], ifd[296] = *like.dpi, 2
    for tag, data, kind in (
        (ICC, like.icc_profile, 7),
        (XMP, like.xmp, 1),
        (PHOTOSHOP, like.iptc, 1),
        (IPTC, iim(like.iptc), 7),
    ):
        if data:
            ifd.tagtype[tag] = kind
            ifd[tag] = data
    return ifd


def _described(block: bytes) -> dict[int, object]:
    """Return the tags of an EXIF block that describe the picture; those of its groups as directories."""
    exif = Image.Exif()
    if block:
        exif.load(PREFIX + block)
    tags = {tag: exif[tag] for tag in DESCRIPTIVE if tag in exif and tag != ORIENTATION}
    if (turned := exif.get(ORIENTATION, 1)) != 1:
        tags[ORIENTATION] = turned
    groups = {group: exif.get_ifd(group) for group in (EXPOSURE, POSITION)}
    return {**tags, **{group: found for group, found in groups.items() if found}}


def iim(found: bytes) -> bytes:
    """Return the IPTC record of Photoshop's image resources, or nothing."""
    start = found.find(RECORD)
    if start < 0 or len(found) < start + len(RECORD) + 4:
        return b""
    (length,) = struct.unpack_from(">I", found, start + len(RECORD))
    return found[start + len(RECORD) + 4 :][:length]


def resources(record: bytes) -> bytes:
    """Return image resources that hold an IPTC record, the way back from `iim`."""
    # resources have even lengths, but state the length without padding
    padded = record + b"\0" * (len(record) % 2)
    return RECORD + struct.pack(">I", len(record)) + padded if record else b""
