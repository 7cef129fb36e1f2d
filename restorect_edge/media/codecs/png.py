"""PNG files chunk by chunk: what Pillow drops on the way, and 16 bits per channel, which it does not
write."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from restorect_edge.media.photo import Levels, Photo

__all__ = ["insert", "metadata", "read_chunks", "write_16_bit"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = 8 + 12 + 13
"""Bytes of the signature and the chunk IHDR."""
XMP = b"XML:com.adobe.xmp"
TEXT = (b"tEXt", b"zTXt", b"iTXt")
COLORS = (b"cICP", b"mDCV", b"cLLI", b"cHRM", b"gAMA", b"sRGB", b"tIME")
"""Registered chunks that stay true for other pixels; they come before the text."""
OF_LIGHT = (b"cICP", b"mDCV", b"cLLI")
"""Those of them that a tone-mapped picture must not have."""
HANDLED = (
    *TEXT,
    *COLORS,
    b"iCCP",
    b"pHYs",
    b"eXIf",
    b"tRNS",
    b"bKGD",
    b"hIST",
    b"sBIT",
    b"sPLT",
    b"acTL",
    b"fcTL",
    b"fdAT",
)
STALE = (b"Raw profile type exif", b"Raw profile type APP1")
"""Keywords of text that holds EXIF data, which is kept as EXIF."""
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Of the header, by number of channels: gray, gray with alpha, RGB, RGBA."""
UP = 2
"""Filter that stores each byte as its difference from the byte above."""
ROWS = 256
"""Rows compressed at a time."""

Chunk = tuple[bytes, bytes]


def read_chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks before and behind the pixels as (type, data); a damaged file ends them early."""
    stream.seek(len(SIGNATURE))
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        # pixels are Pillow's to read; 4 bytes of checksum follow each chunk
        if kind in (b"IDAT", b"fdAT"):
            stream.seek(length + 4, 1)
            continue
        data = stream.read(length)
        if len(data) < length:
            return
        stream.seek(4, 1)
        yield kind, data


def metadata(chunks: Iterator[Chunk]) -> tuple[bytes, tuple[Chunk, ...], tuple[Chunk, ...]]:
    """Return of a file's chunks: the XMP packet, its text, and what else is kept."""
    xmp, text, others = b"", [], []
    for kind, data in chunks:
        if kind == b"iTXt" and data.startswith(XMP + b"\0"):
            xmp = _international(data)
        elif kind in TEXT and not data.startswith(STALE):
            text.append((kind, data))
        elif kind in COLORS or (kind not in HANDLED and _safe_to_copy(kind)):
            others.append((kind, data))
    return xmp, tuple(text), tuple(others)


def _safe_to_copy(kind: bytes) -> bool:
    """Whether an unknown chunk may be kept beside changed pixels: the fourth letter says so."""
    # a small first letter: readers may ignore it; a small fourth: it does not depend on the pixels
    return len(kind) == 4 and kind.isalpha() and kind[0:1].islower() and kind[3:4].islower()


def _international(data: bytes) -> bytes:
    compressed = data[len(XMP) + 1 : len(XMP) + 2] == b"\1"
    content = data[len(XMP) + 3 :].split(b"\0", 2)[-1]
    try:
        return zlib.decompress(content) if compressed else content
    except zlib.error:
        return b""


def _metadata_chunks(like: Photo, exif: bytes) -> Iterator[Chunk]:
    # the standard wants one of sRGB and a profile, and the profile says more
    kept = [chunk for chunk in like.chunks if chunk[0] != b"sRGB" or not like.icc_profile]
    yield from kept
    if like.cicp and not any(kind == b"cICP" for kind, _ in kept):
        # matrix 0 and full range: pixels of PNG are RGB
        yield b"cICP", bytes([*like.cicp, 0, 1])
    if like.icc_profile:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(like.icc_profile)
    if like.dpi:
        # in pixels per meter
        yield b"pHYs", struct.pack(">IIB", *(round(side / 0.0254) for side in like.dpi), 1)
    yield from like.text
    for comment in like.comments:
        yield b"tEXt", b"Comment\0" + comment.replace(b"\0", b" ")
    if like.xmp:
        # the end of the keyword, not compressed, and neither a language nor a translated keyword
        yield b"iTXt", XMP + b"\0\0\0\0\0" + like.xmp
    if exif:
        yield b"eXIf", exif


def insert(stream: BinaryIO, encoded: bytes, like: Photo, exif: bytes) -> None:
    """Write a PNG file with what is kept of `like` behind its header.

    Args:
        stream: is written to.
        encoded: a PNG file.
        like: whose metadata to keep.
        exif: the block, of the new pixels.
    """
    stream.write(encoded[:HEADER])
    for kind, data in _metadata_chunks(like, exif):
        _chunk(stream, kind, data)
    stream.write(memoryview(encoded)[HEADER:])


def write_16_bit(stream: BinaryIO, pixels: Levels, like: Photo, exif: bytes) -> None:
    """Encode (H, W, C) uint16 as a PNG of 16 bits per channel, C from 1 (gray) to 4 (RGBA).

    Args:
        stream: is written to.
        pixels: (H, W, C) uint16.
        like: whose metadata to keep.
        exif: the block, of the new pixels.
    """
    height, width, channels = pixels.shape
    stream.write(SIGNATURE)
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, COLOR_TYPES[channels], 0, 0, 0))
    for kind, data in _metadata_chunks(like, exif):
        _chunk(stream, kind, data)
    _write_pixels(stream, pixels)
    _chunk(stream, b"IEND", b"")


def _write_pixels(stream: BinaryIO, pixels: Levels) -> None:
    packer = zlib.compressobj()
    above: NDArray[np.uint8] = np.zeros((1, pixels.shape[1] * pixels.shape[2] * 2), np.uint8)
    for top in range(0, len(pixels), ROWS):
        rows = pixels[top : top + ROWS].astype(">u2").view(np.uint8).reshape(-1, above.shape[1])
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        # differences to the row above compress well and need no loop over pixels
        filtered[:, 0] = UP
        np.subtract(rows, np.concatenate([above, rows[:-1]]), out=filtered[:, 1:])
        above = rows[-1:]
        _chunk(stream, b"IDAT", packer.compress(filtered.tobytes()))
    _chunk(stream, b"IDAT", packer.flush())


def _chunk(stream: BinaryIO, kind: bytes, data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)) + kind + data)
    stream.write(struct.pack(">I", zlib.crc32(kind + data)))


def keywords(text: Sequence[Chunk]) -> str:
    """Return the keywords of text chunks, for messages."""
    return ", ".join(data.split(b"\0")[0].decode("latin-1") for _, data in text)
