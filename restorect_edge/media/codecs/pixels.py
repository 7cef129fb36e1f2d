"""Pillow's many modes brought to RGB with alpha, in 8 or 16 bits."""

import io
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.media.photo import Levels

__all__ = ["Pixels", "decoded", "from_image", "is_16_bit"]


FLOATING = "floating point is written in 16 bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """What a file's pixels become."""

    rgb: Levels
    """(H, W, 3)."""
    alpha: Levels | None = None
    """(H, W)."""
    gray: bool = False
    profile: bytes | None = None
    """ICC profile of the result where it is not the file's own."""
    notes: tuple[str, ...] = ()


def is_16_bit(image: Image.Image) -> bool:
    """Whether a file that is open but not decoded yet has 16 bits a channel, of which Pillow would keep 8."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) and image.mode in (
        "RGB",
        "RGBA",
        "LA",
    )


def decoded(file: Any, stream: BinaryIO, path: Path) -> Pixels:
    """Decode an open file.

    Args:
        file: opened by Pillow, not decoded yet.
        stream: that it was opened from, read a second time for 16 bits.
        path: for errors.

    Raises:
        UsageError: floating point or integers beyond the range of 16 bits.
    """
    # colors multiplied with alpha cannot be divided again byte by byte
    if is_16_bit(file) and "RGBa" not in str(file.tile):
        return _deep(file, stream)
    halved = file.mode in ("CMYK", "LAB") and ";16" in str(file.tile)
    found = from_image(file, str(path))
    if halved:
        return replace(found, notes=(*found.notes, f"16 bits per channel of {file.mode} are read as 8"))
    return found


def _deep(file: Any, stream: BinaryIO) -> Pixels:
    """Decode 16 bits with Pillow, which undoes compression and filters and keeps one of a value's two bytes.

    Given the values' byte order the wrong way round it keeps the other one, so two passes give both. It has
    no such mode for gray with alpha, whose four bytes go through as those of an 8-bit RGBA picture.
    """
    raw = _raw_mode(file)
    if raw == "LA;16B":
        file._mode = "RGBA"
        quads = _pass(file, "RGBA").astype(np.uint16)
        gray, alpha = quads[..., 0] << 8 | quads[..., 1], quads[..., 2] << 8 | quads[..., 3]
        return Pixels(rgb=np.repeat(gray[..., None], 3, axis=2), alpha=alpha, gray=True)
    mode, order = raw.split(";")
    little = order == "16L" or (order == "16N" and sys.byteorder == "little")
    high = _pass(file, raw)
    stream.seek(0)
    with Image.open(io.BytesIO(stream.read())) as again:
        low = _pass(again, f"{mode};16{'B' if little else 'L'}")
    values = high.astype(np.uint16) << 8 | low
    return Pixels(
        rgb=np.ascontiguousarray(values[..., :3]), alpha=values[..., 3] if values.shape[2] == 4 else None
    )


def _raw_mode(file: Any) -> str:
    arguments = file.tile[0][3]
    return str(arguments if isinstance(arguments, str) else arguments[0])


def _pass(file: Any, raw_mode: str) -> NDArray[np.uint8]:
    file.tile = [_with_mode(tile, raw_mode) for tile in file.tile]
    file.load()
    return np.asarray(file)


def _with_mode(tile: Any, raw_mode: str) -> Any:
    arguments = raw_mode if isinstance(tile[3], str) else (raw_mode, *tile[3][1:])
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


def from_image(image: Image.Image, name: str) -> Pixels:
    """Convert `image`, of any mode; `name` is what errors call it."""
    if image.mode.startswith("I") or image.mode == "F":
        return _wide(image, name)
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        return _managed(image)
    # a key color, as PNG has it, becomes alpha further down
    if image.mode in ("1", "L") and "transparency" not in image.info:
        gray = np.asarray(image.convert("L"))
        return Pixels(rgb=np.repeat(gray[..., None], 3, axis=2), gray=True)
    if image.mode in ("LA", "La") or image.mode in ("1", "L"):
        pair = np.asarray(image.convert("LA"))
        rgb = np.repeat(pair[..., :1], 3, axis=2)
        return Pixels(rgb=rgb, alpha=np.ascontiguousarray(pair[..., 1]), gray=True)
    notes = ("palette colors are written as RGB",) if image.mode in ("P", "PA") else ()
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "PA"):
        four = np.asarray(image if image.mode == "RGBA" else image.convert("RGBA"))
        return Pixels(
            rgb=np.ascontiguousarray(four[..., :3]), alpha=np.ascontiguousarray(four[..., 3]), notes=notes
        )
    return Pixels(rgb=np.asarray(image if image.mode == "RGB" else image.convert("RGB")), notes=notes)


def _wide(image: Image.Image, name: str) -> Pixels:
    """Convert gray of 16 bits, of 32 whose values fit, and floating point in [0, 1]."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    allowed = 1.0 if image.mode == "F" else 65535.0
    # refuses NaN too, which compares false
    if not (low >= 0 and high <= allowed):
        raise UsageError(
            f"'{name}' has values from {low:.4g} to {high:.4g}; gray pictures are read in 8 or 16 bits, or "
            "in floating point from 0 to 1: scale it first"
        )
    notes: tuple[str, ...] = ()
    if image.mode == "F":
        values, notes = np.rint(values * np.float32(65535)), (FLOATING,)
    return Pixels(rgb=np.repeat(values.astype(np.uint16)[..., None], 3, axis=2), gray=True, notes=notes)


def _managed(image: Image.Image) -> Pixels:
    """Convert CMYK and L*a*b* to sRGB, through the picture's ICC profile where it has a usable one."""
    profile = image.info.get("icc_profile")
    if image.mode in ("CMYK", "LAB") and (profile or image.mode == "LAB"):
        from PIL import ImageCms

        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        try:
            source = (
                ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
            )
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            words = f"{image.mode} is converted to sRGB" + (" through its profile" if profile else "")
            return Pixels(rgb=np.asarray(converted), profile=srgb.tobytes(), notes=(words,))
    words = f"{image.mode} without a usable profile is converted to RGB by formula"
    # the file's own profile, if any, is of other channels than RGB
    return Pixels(rgb=np.asarray(image.convert("RGB")), profile=b"", notes=(words,))
