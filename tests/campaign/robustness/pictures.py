"""Mutated picture files: every kind of file that cameras, editors and broken disks leave."""

import io
import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import png
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Picture", "draw_array", "draw_picture", "pixels"]

Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to restore."""

    name: str
    content: bytes
    mutation: str
    whole: bool
    """Whether it is an RGB picture of a usual format that nothing has damaged: it has to be restored."""


def pixels(rng: random.Random, largest: int = 96) -> Levels:
    """Return a small picture, (H, W, 3) uint8: a ramp, noise, one color, or a scene with an edge."""
    height, width = (rng.choice((1, 2, 7, 8, rng.randint(9, largest))) for _ in range(2))
    noise = np.random.default_rng(rng.getrandbits(32))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    kind = rng.choice(("ramp", "noise", "flat", "edge"))
    if kind == "noise":
        return noise.integers(0, rng.choice((30, 256)), (height, width, 3), np.uint8)
    if kind == "flat":
        return np.full((height, width, 3), noise.integers(0, 256, 3), np.uint8)
    planes = [rows * 2.1, columns * 1.7, np.where(columns > width / 2, 90.0, 4.0)]
    if kind == "edge":
        planes = [plane * 0.3 + noise.normal(6, 3, plane.shape) for plane in planes]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def _pillow(kind: str, mode: str = "RGB", **options: object) -> Callable[[random.Random, Levels], bytes]:
    def encode(rng: random.Random, image: Levels) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(image).convert(mode).save(stream, kind, **options)
        return stream.getvalue()

    return encode


def _deep(rng: random.Random, image: Levels) -> bytes:
    stream = io.BytesIO()
    values = image.astype(np.uint16) * 257 + rng.randrange(100)
    writer = png.Writer(image.shape[1], image.shape[0], greyscale=False, bitdepth=16)
    writer.write(stream, np.minimum(values, 65535).reshape(image.shape[0], -1).tolist())
    return stream.getvalue()


def _frames(kind: str) -> Callable[[random.Random, Levels], bytes]:
    def encode(rng: random.Random, image: Levels) -> bytes:
        stream = io.BytesIO()
        first, second = Image.fromarray(image), Image.fromarray(255 - image)
        first.save(stream, kind, save_all=True, append_images=[second])
        return stream.getvalue()

    return encode


def _exif(rng: random.Random, image: Levels) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65535))
    exif[0x010E] = "x" * rng.choice((0, 10, 3000))
    stream = io.BytesIO()
    kind = rng.choice(("JPEG", "PNG", "WEBP"))
    Image.fromarray(image).save(stream, kind, exif=exif, dpi=(rng.choice((1, 72, 300, 65535)),) * 2)
    return stream.getvalue()


def _odd_metadata(rng: random.Random, image: Levels) -> bytes:
    stream = io.BytesIO()
    block = rng.randbytes(rng.choice((0, 3, 40, 4000)))
    extra = {"exif": rng.choice((b"Exif\0\0" + block, b"Exif\0\0II*\0\x08\0\0\0" + block))}
    extra = rng.choice((extra, {"icc_profile": block or b"x"}))
    Image.fromarray(image).save(stream, rng.choice(("JPEG", "PNG", "WEBP")), **extra)
    return stream.getvalue()


USUAL = {
    ".png": _pillow("PNG"),
    ".jpg": _pillow("JPEG", quality=90),
    ".jpeg": _pillow("JPEG", progressive=True, subsampling=2),
    ".webp": _pillow("WEBP"),
    ".tif": _pillow("TIFF"),
    ".tiff": _pillow("TIFF", compression="tiff_lzw"),
    ".PNG": _deep,
}
"""Files that have to be restored."""
OTHER = {
    "-gray.png": _pillow("PNG", "L"),
    "-alpha.png": _pillow("PNG", "RGBA"),
    "-la.png": _pillow("PNG", "LA"),
    "-palette.png": _pillow("PNG", "P"),
    "-bit.png": _pillow("PNG", "1"),
    "-gray.jpg": _pillow("JPEG", "L"),
    "-cmyk.jpg": _pillow("JPEG", "CMYK"),
    "-cmyk.tif": _pillow("TIFF", "CMYK"),
    "-float.tif": _pillow("TIFF", "F"),
    "-deflate.tif": _pillow("TIFF", compression="tiff_adobe_deflate"),
    "-jpeg.tif": _pillow("TIFF", compression="jpeg"),
    "-alpha.webp": _pillow("WEBP", "RGBA", lossless=True),
    "-lossless.webp": _pillow("WEBP", lossless=True),
    "-frames.tif": _frames("TIFF"),
    "-frames.png": _frames("PNG"),
    "-frames.webp": _frames("WEBP"),
    "-x.bmp": _pillow("BMP"),
    "-x.gif": _pillow("GIF"),
    "-x.avif": _pillow("AVIF"),
    "-bmp.png": _pillow("BMP"),
    "-ppm.jpg": _pillow("PPM"),
    "-odd.jpg": _odd_metadata,
}
"""Files that may be refused, in words; or are restored, rightly."""
NAMES = (
    "a",
    "ä ö ü",
    "new\nline",
    "%s%d",
    "$HOME",
    "~",
    "a.b.c",
    "日本",
    "x" * 200,
    "'quote\"",
    "\x1b[31m",
    "\udcff\udcfe",
    "tab\t",
)
"""Names that files may have; surrogates stand for bytes that are no UTF-8."""


def draw_picture(rng: random.Random, index: int) -> Picture:
    """Return a picture file, mutated or not.

    Args:
        rng: decides everything.
        index: number within its folder, with which the name begins.
    """
    kind = rng.random()
    if kind < 0.25:
        (suffix, encode), mutation = rng.choice([*USUAL.items()]), "none"
    elif kind < 0.35:
        suffix, encode, mutation = rng.choice((".jpg", ".png", ".webp")), _exif, "metadata"
    else:
        (suffix, encode) = rng.choice([*USUAL.items(), *OTHER.items()])
        mutation = rng.choice([*MUTATIONS, "format"])
    content = encode(rng, pixels(rng))
    if mutation in MUTATIONS:
        content = MUTATIONS[mutation](rng, content)
    name = f"{index:02d}-{rng.choice(NAMES)}{suffix}"
    whole = mutation == "metadata" or (mutation in ("none", "tail", "format") and suffix in USUAL)
    return Picture(name, content, f"{mutation} {suffix.lower()}", whole)


def _flip(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _header(rng: random.Random, content: bytes) -> bytes:
    """Change bytes where formats keep sides, depth and offsets."""
    data, start = bytearray(content), rng.randrange(min(96, len(content)))
    value = rng.choice(
        (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", struct.pack(">I", 20000), b"\0\0\0\0")
    )
    data[start : start + len(value)] = value
    return bytes(data)


def _truncate(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _cut(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice((1, 16, 300)) :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + rng.randbytes(rng.choice((1, 4, 500))) + content[start:]


def _double(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    return content[: rng.randrange(start, len(content))] + content[start:]


def _zero(rng: random.Random, content: bytes) -> bytes:
    """A hole, as a copy that was cut off leaves one in a file of the right length."""
    start = rng.randrange(len(content))
    return content[:start] + bytes(len(content) - start)


def _tail(rng: random.Random, content: bytes) -> bytes:
    return content + rng.randbytes(rng.choice((1, 100, 5000)))


def _other(rng: random.Random, content: bytes) -> bytes:
    return rng.choice(
        (b"", rng.randbytes(300), b"<html>not found</html>", b"\x89PNG\r\n\x1a\n", content[:2], bytes(4096))
    )


MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "flip": _flip,
    "header": _header,
    "truncate": _truncate,
    "cut": _cut,
    "insert": _insert,
    "double": _double,
    "zero": _zero,
    "tail": _tail,
    "other": _other,
}


def draw_array(rng: random.Random) -> object:
    """Return something that a program may hand to a runtime for a picture, right or wrong."""
    image = pixels(rng, 48)
    return rng.choice(ARRAYS)(image)


ARRAYS: tuple[Callable[[Levels], object], ...] = (
    lambda x: x[::-1, ::-1],
    lambda x: np.asfortranarray(x),
    lambda x: x[..., ::-1],
    lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    lambda x: x.astype(np.float32) / 255,
    lambda x: x.astype(np.float64) / 255,
    lambda x: x.astype(np.float16) / 255,
    lambda x: x.astype(np.float32),
    lambda x: np.full(x.shape, np.nan, np.float32),
    lambda x: np.full(x.shape, np.inf, np.float32),
    lambda x: -x.astype(np.float32),
    lambda x: x.astype(np.uint16),
    lambda x: x.astype(np.int64),
    lambda x: x > 9,
    lambda x: x.astype(object),
    lambda x: x.astype(complex),
    lambda x: x[..., 0],
    lambda x: x[..., :1],
    lambda x: np.concatenate([x, x], axis=-1)[..., :4],
    lambda x: x[:0],
    lambda x: x[:, :0],
    lambda x: x[None],
    lambda x: x.transpose(2, 0, 1),
    lambda x: x.view(">u1"),
    lambda x: (x.astype(">f4") / 255).astype(">f4"),
    lambda x: x.tolist(),
    lambda x: None,
    lambda x: 3,
    lambda x: b"bytes",
    lambda x: "no such file.png",
    lambda x: "",
    lambda x: Path("nul\0byte.png"),
    lambda x: Path("/"),
    lambda x: os.fsencode("a.png"),
    lambda x: Image.fromarray(x),
    lambda x: Image.fromarray(x).convert("L"),
    lambda x: Image.fromarray(x).convert("RGBA"),
    lambda x: np.ma.masked_array(x),
    lambda x: np.asmatrix(x[..., 0]),
    lambda x: np.broadcast_to(x[:1, :1], x.shape),
)
