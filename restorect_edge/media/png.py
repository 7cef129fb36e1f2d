"""RGB PNG files of 16 bits per channel, which Pillow reads as 8 bits and does not write."""

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["read_16_bit", "write_16_bit"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2
"""Colour type of the header."""
UP = 2
"""Filter that stores each byte as its difference from the byte above."""
ROWS = 256
"""Rows compressed at a time."""


def read_16_bit(path: Path) -> NDArray[np.uint16]:
    """Decode a 16-bit RGB PNG as (H, W, 3) uint16.

    Pillow undoes compression, filters and interlacing and then keeps the first of a value's two bytes.
    Told that the values are little-endian it keeps the second, so two passes give all 16 bits.
    """
    high, low = _pass(path, "RGB;16B"), _pass(path, "RGB;16L")
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    return values


def _pass(path: Path, raw_mode: str) -> NDArray[np.uint8]:
    with Image.open(path) as file:
        file.tile = [(*tile[:3], raw_mode) for tile in file.tile]
        return np.asarray(file)


def write_16_bit(
    stream: BinaryIO,
    pixels: NDArray[np.uint16],
    *,
    exif: bytes = b"",
    icc_profile: bytes = b"",
    dpi: tuple[float, float] | None = None,
) -> None:
    """Encode (H, W, 3) uint16 as a 16-bit RGB PNG.

    Args:
        stream: where to write.
        pixels: RGB values, 0 to 65535.
        exif: TIFF block of the EXIF data.
        icc_profile: the colour profile.
        dpi: horizontal and vertical pixels per inch.
    """
    height, width = pixels.shape[:2]
    stream.write(SIGNATURE)
    _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, RGB, 0, 0, 0))
    if icc_profile:
        _chunk(stream, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile))
    if dpi:
        _chunk(stream, b"pHYs", struct.pack(">IIB", *(round(side / 0.0254) for side in dpi), 1))
    if exif:
        _chunk(stream, b"eXIf", exif)
    _write_pixels(stream, pixels)
    _chunk(stream, b"IEND", b"")


def _write_pixels(stream: BinaryIO, pixels: NDArray[np.uint16]) -> None:
    packer = zlib.compressobj()
    above = np.zeros((1, pixels.shape[1] * 6), np.uint8)
    for top in range(0, len(pixels), ROWS):
        rows = pixels[top : top + ROWS].astype(">u2").view(np.uint8).reshape(-1, above.shape[1])
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = UP
        np.subtract(rows, np.concatenate([above, rows[:-1]]), out=filtered[:, 1:])
        above = rows[-1:]
        _chunk(stream, b"IDAT", packer.compress(filtered.tobytes()))
    _chunk(stream, b"IDAT", packer.flush())


def _chunk(stream: BinaryIO, kind: bytes, data: bytes) -> None:
    stream.write(struct.pack(">I", len(data)) + kind + data)
    stream.write(struct.pack(">I", zlib.crc32(kind + data)))
