"""EXIF blocks edited in place, so that offsets inside makers' notes stay true.

A block is a TIFF file without pixels: IFD0 describes the photograph, a chain from it leads to IFD1 with a
preview, and the directory of tag 0x8769 repeats the picture's size.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["ORIENTATION", "PREFIX", "described", "orientation", "refreshed", "without_orientation"]

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
EXPOSURE, POSITION = 0x8769, 0x8825
"""Tags of IFD0 that point to the directories of exposure and lens, and of the place."""
SIDES = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}
"""Tags of IFD0 and of the exposure directory that hold width (0) and height (1)."""
PREVIEW, PREVIEW_LENGTH = 0x0201, 0x0202
DESCRIPTIVE = (0x010E, 0x010F, 0x0110, ORIENTATION, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF file that describe the picture rather than how its bytes are stored: description,
make, model, orientation, software, time, artist, copyright."""
SHORT, LONG = 3, 4
QUALITIES = (85, 70, 50, 30, 10)
"""Of the preview: the best that fits where the old one was."""

DAMAGED = (KeyError, ValueError, struct.error)

Entry = tuple[int, int, int, int]
"""Tag, type, count and the position of the value field."""


class _Block:
    """A writable EXIF block with its byte order."""

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        self.order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]

    def unpack(self, code: str, position: int) -> int:
        (value,) = struct.unpack_from(self.order + code, self.data, position)
        return int(value)

    def pack(self, code: str, position: int, value: int) -> None:
        struct.pack_into(self.order + code, self.data, position, value)

    def directory(self, position: int) -> tuple[list[Entry], int]:
        """Return the entries of a directory and the position of the link to the next."""
        count = self.unpack("H", position)
        # a count of 2 bytes, entries of 12, and 4 for where the next directory is
        end = position + 2 + 12 * count
        if end + 4 > len(self.data):
            raise ValueError("directory beyond the end of the block")
        starts = range(position + 2, end, 12)
        return [
            (self.unpack("H", p), self.unpack("H", p + 2), self.unpack("I", p + 4), p + 8) for p in starts
        ], end

    def number(self, entry: Entry) -> int:
        return self.unpack("H" if entry[1] == SHORT else "I", entry[3])


def orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8; 1 where there is none or the block is damaged."""
    try:
        found = _Block(block)
        for entry in _orientations(found):
            value = found.number(entry)
            return value if 1 <= value <= 8 else 1
    except DAMAGED:
        pass
    return 1


def refreshed(block: bytes, pixels: NDArray[np.uint8]) -> bytes:
    """Return a block whose preview and sides are those of the picture that it now belongs to.

    Args:
        block: EXIF data; a damaged one is returned as it is.
        pixels: (H, W) or (H, W, 3) of the file, as stored.
    """
    if not block:
        return block
    try:
        found = _Block(block)
        # bytes 4 to 8 of the header are where IFD0 starts
        entries, link = found.directory(found.unpack("I", 4))
        _set_sides(found, entries, pixels.shape[1], pixels.shape[0])
        for entry in entries:
            if entry[0] == EXPOSURE:
                _set_sides(found, found.directory(found.number(entry))[0], pixels.shape[1], pixels.shape[0])
        if found.unpack("I", link):
            _remake_preview(found, link, pixels)
    except DAMAGED:
        return block
    return bytes(found.data)


def _set_sides(block: _Block, entries: list[Entry], width: int, height: int) -> None:
    for tag, kind, count, position in entries:
        if tag in SIDES and count == 1 and kind in (SHORT, LONG):
            side = (width, height)[SIDES[tag]]
            # a SHORT holds sides below 65536 only
            if kind == LONG or side < 1 << 16:
                block.pack("H" if kind == SHORT else "I", position, side)


def _remake_preview(block: _Block, link: int, pixels: NDArray[np.uint8]) -> None:
    """Overwrite the preview with one of the new picture, or cut IFD1 off where none fits."""
    first = block.unpack("I", link)
    fields = {entry[0]: entry for entry in block.directory(first)[0]}
    if PREVIEW in fields and PREVIEW_LENGTH in fields:
        start, room = block.number(fields[PREVIEW]), block.number(fields[PREVIEW_LENGTH])
        old = bytes(block.data[start : start + room])
        for made in _previews(old, pixels):
            if len(made) <= room and start + room <= len(block.data):
                # padded to the old length, so that no offset behind it moves
                block.data[start : start + room] = made.ljust(room, b"\0")
                block.pack("I", fields[PREVIEW_LENGTH][3], len(made))
                return
        # the old one would go on showing the picture before
        block.data[start : start + room] = bytes(min(room, len(block.data) - start))
    block.pack("I", link, 0)


def _previews(old: bytes, pixels: NDArray[np.uint8]) -> Iterator[bytes]:
    import io

    try:
        with Image.open(io.BytesIO(old)) as file:
            size = file.size
    except (OSError, ValueError, SyntaxError):
        return
    small = Image.fromarray(pixels).convert("RGB")
    small.draft("RGB", size)
    small.thumbnail(size, Image.Resampling.BOX, reducing_gap=2.0)
    framed = Image.new("RGB", size)  # cameras letterbox a 3:2 picture in a 4:3 preview
    framed.paste(small, ((size[0] - small.width) // 2, (size[1] - small.height) // 2))
    for quality in QUALITIES:
        stream = io.BytesIO()
        framed.save(stream, "JPEG", quality=quality)
        yield stream.getvalue()


def described(exif: Image.Exif) -> bytes:
    """Return EXIF data without the tags that say how a TIFF file stores its pixels."""
    kept = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    groups = {group: exif.get_ifd(group) for group in (EXPOSURE, POSITION)}
    for group, tags in groups.items():
        if tags:
            kept.get_ifd(group).update(tags)
    return kept.tobytes().removeprefix(PREFIX) if len(kept) or any(groups.values()) else b""


def without_orientation(block: bytes) -> bytes:
    """Return the block for pixels that were turned upright: its orientation is 1."""
    try:
        found = _Block(block)
        for entry in _orientations(found):
            found.pack("H", entry[3], 1)
    except DAMAGED:
        return block
    return bytes(found.data)


def _orientations(block: _Block) -> list[Entry]:
    entries, _ = block.directory(block.unpack("I", 4))
    return [entry for entry in entries if entry[0] == ORIENTATION and entry[1] == SHORT]
