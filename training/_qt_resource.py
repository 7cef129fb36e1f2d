"""Read the binary resource files of Qt (``rcc --binary``), in which some programs pack their pictures.

The layout is that of Qt's resource system: a header, and three tables of a tree, names and data, all in
big-endian numbers.
"""

import struct
import zlib
from dataclasses import dataclass

__all__ = ["NotAResourceError", "read_member"]

MAGIC = b"qres"
COMPRESSED, FOLDER, ZSTANDARD = 1, 2, 4
"""Flags of a node."""


class NotAResourceError(ValueError):
    """The bytes are no Qt resource file, or do not hold what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    blob: bytes
    tree: int
    data: int
    names: int
    node: int
    """Bytes of a node."""

    def numbers(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(">" + form, self.blob, at)

    def name(self, index: int) -> str:
        (offset,) = self.numbers("I", self.tree + index * self.node)
        (length,) = self.numbers("H", self.names + offset)
        start = self.names + offset + 6
        return self.blob[start : start + 2 * length].decode("utf-16-be")

    def flags(self, index: int) -> int:
        return self.numbers("H", self.tree + index * self.node + 4)[0]

    def children(self, index: int) -> range:
        if not self.flags(index) & FOLDER:
            return range(0)
        count, first = self.numbers("II", self.tree + index * self.node + 6)
        return range(first, first + count)

    def content(self, index: int) -> bytes:
        (offset,) = self.numbers("I", self.tree + index * self.node + 10)
        (length,) = self.numbers("I", self.data + offset)
        start = self.data + offset + 4
        content = self.blob[start : start + length]
        flags = self.flags(index)
        if flags & ZSTANDARD:
            raise NotAResourceError("its content is compressed with Zstandard, which is not read here")
        return zlib.decompress(content[4:]) if flags & COMPRESSED else content


def read_member(blob: bytes, path: str) -> bytes:
    """Return the content of one file in a resource file.

    Args:
        blob: the resource file.
        path: of the file in it, with or without the leading slash.

    Raises:
        NotAResourceError: no resource file, no such file in it, or compressed in a way that is not read.
    """
    try:
        tables = _tables(blob)
        index = 0
        for part in path.strip("/").split("/"):
            index = next(child for child in tables.children(index) if tables.name(child) == part)
        if tables.flags(index) & FOLDER:
            raise NotAResourceError(f"'{path}' is a folder in it")
        return tables.content(index)
    except StopIteration:
        raise NotAResourceError(f"there is no '{path}' in it") from None
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise NotAResourceError(f"it is damaged: {error}") from error


def _tables(blob: bytes) -> _Tables:
    if blob[:4] != MAGIC:
        raise NotAResourceError("it is no Qt resource file")
    version, tree, data, names = struct.unpack_from(">4I", blob, 4)
    return _Tables(blob=blob, tree=tree, data=data, names=names, node=22 if version >= 2 else 14)
