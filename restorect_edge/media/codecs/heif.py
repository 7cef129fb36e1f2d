"""HEIC and HEIF files through pillow-heif, in the depth they have."""

from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from restorect_edge.errors import counted
from restorect_edge.media.codecs import exif as _exif
from restorect_edge.media.codecs.xmp import without_parts
from restorect_edge.media.opening import check_pixels
from restorect_edge.media.photo import Levels, Photo, named_colors
from restorect_edge.utils.extras import imported

__all__ = ["read_heif", "write_heif"]

_library = partial(imported, "pillow_heif", "reading HEIC", "photo")


def read_heif(path: Path, max_pixels: int) -> Photo:
    """Decode the primary picture, turned upright; 10 and 12 bits become 16.

    Args:
        path: of a HEIC or HEIF file.
        max_pixels: width × height at most.

    Raises:
        MissingDependencyError: pillow-heif is not installed.
        OSError: not a HEIF file, or a damaged one.
    """
    library = _library()
    try:
        file = library.open_heif(path, convert_hdr_to_8bit=False)
    except (ValueError, RuntimeError, SyntaxError) as error:
        raise OSError(str(error) or "not a HEIF file") from error
    check_pixels(path, file.size, max_pixels)
    image = file[file.primary_index]
    info = dict(image.info)
    library.set_orientation(info)  # the decoder has turned the pixels already
    values = np.asarray(image)
    further = len(file) - 1
    notes = [f"{counted(further, 'further picture')} inside left out"] if further else []
    if info.get("depth_images"):
        notes.append("the depth map inside is left out")
    if info.get("aux"):
        notes.append("auxiliary pictures inside (such as a gain map) are left out")
    profile, named = info.get("icc_profile") or b"", info.get("nclx_profile") or {}
    return Photo(
        pixels=_channels(values, slice(3)),
        alpha=_channels(values, 3) if values.ndim == 3 and values.shape[2] == 4 else None,
        exif=(info.get("exif") or b"").removeprefix(_exif.PREFIX),
        icc_profile=profile,
        cicp=named_colors(
            int(named.get("color_primaries", 2)), int(named.get("transfer_characteristics", 2)), profile
        ),
        xmp=without_parts(info.get("xmp") or b""),
        notes=tuple(notes),
    )


def _channels(values: Any, which: Any) -> Levels:
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    chosen: Levels = np.ascontiguousarray(values[..., which])
    return chosen


def write_heif(stream: BinaryIO, pixels: Levels, like: Photo, exif: bytes, quality: int) -> None:
    """Encode (H, W, 3 or 4) with HEVC: uint8 in 8 bits, uint16 in 10.

    Args:
        stream: is written to.
        pixels: (H, W, 3 or 4).
        like: whose metadata to keep.
        exif: the block, of the new pixels.
        quality: 1 to 100.
    """
    library = _library()
    deep = pixels.dtype != np.uint8
    mode = ("RGB" if pixels.shape[2] == 3 else "RGBA") + (";16" if deep else "")
    height, width = pixels.shape[:2]
    file = library.from_bytes(mode=mode, size=(width, height), data=np.ascontiguousarray(pixels).tobytes())
    kept: dict[str, Any] = {"exif": _exif.PREFIX + exif if exif else None, "xmp": like.xmp or None}
    if like.icc_profile:
        file[0].info.update(icc_profile=like.icc_profile, icc_profile_type="prof")
    if like.cicp:
        primaries, transfer = like.cicp
        kept.update(color_primaries=primaries, transfer_characteristics=transfer, full_range_flag=1)
        # H.273 numbers the matrices of BT.709 and BT.2020 as it does their primaries; 6 is BT.601
        kept["matrix_coefficients"] = primaries if primaries in (1, 9) else 6
    file.save(stream, quality=quality, chroma=444, **{key: value for key, value in kept.items() if value})
