"""TIFF files that Pillow does not take (floating point, planes of 16 bits, rare compressions), through
tifffile."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.errors import UsageError
from restorect_edge.media.codecs import exif as _exif
from restorect_edge.media.codecs import tiff
from restorect_edge.media.codecs.pixels import FLOATING
from restorect_edge.media.opening import check_pixels
from restorect_edge.media.photo import Levels, Photo
from restorect_edge.utils.extras import imported

__all__ = ["is_tiff", "read_variant"]

_library = partial(imported, "tifffile", "reading this kind of TIFF file", "photo")

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
KINDS = ("RGB", "MINISBLACK", "MINISWHITE")


def is_tiff(path: Path) -> bool:
    """Whether a file begins as TIFF files do."""
    with path.open("rb") as stream:
        return stream.read(4) in MAGIC


def read_variant(path: Path, max_pixels: int) -> Photo:
    """Decode the first page; floating point in [0, 1] becomes 16 bits.

    Args:
        path: of a TIFF file.
        max_pixels: width × height at most.

    Raises:
        MissingDependencyError: tifffile is not installed.
        UsageError: other colors than gray and RGB, or values out of range.
        OSError: not a TIFF file, or a damaged one.
    """
    library = _library()
    try:
        with library.TiffFile(path) as file:
            page = file.pages[0]
            check_pixels(path, (page.imagewidth, page.imagelength), max_pixels)
            kind = getattr(page.photometric, "name", str(page.photometric))  # a number if it is none known
            if kind not in KINDS or (len(file.pages) > 1 and not page.is_reduced):
                raise UsageError(
                    f"'{path}' is a TIFF file of {len(file.pages)} pages in {kind}; one "
                    "page of gray or RGB is read"
                )
            values, planar = page.asarray(), int(page.planarconfig) == 2
            inverted, kept = kind == "MINISWHITE", _kept(page)
    except (library.TiffFileError, RuntimeError) as error:
        raise OSError(str(error)) from error
    if planar and values.ndim == 3:
        # tifffile returns planes that are stored apart as (C, H, W)
        values = np.moveaxis(values, 0, -1)
    if np.issubdtype(values.dtype, np.floating):
        kept["notes"] = (FLOATING,)
    return _photo(_levels(values, path, inverted), path, kept)


def _kept(page: Any) -> dict[str, Any]:
    """Return what a page's tags hold besides pixels and EXIF, as fields of `Photo`."""
    found = {code: page.tags.valueof(code, b"") for code in (tiff.ICC, tiff.XMP, tiff.IPTC, tiff.PHOTOSHOP)}
    data = {code: bytes(v) if isinstance(v, (bytes, tuple)) else b"" for code, v in found.items()}
    kept: dict[str, Any] = {
        "icc_profile": data[tiff.ICC],
        "xmp": data[tiff.XMP],
        "iptc": data[tiff.PHOTOSHOP] or tiff.resources(data[tiff.IPTC]),
    }
    resolution = page.get_resolution("inch")
    return {**kept, "dpi": resolution} if min(resolution) > 1 else kept


def _levels(values: NDArray[Any], path: Path, inverted: bool) -> Levels:
    if values.dtype not in (np.uint8, np.uint16):
        low, high = float(values.min()), float(values.max())
        if not np.issubdtype(values.dtype, np.floating) or not (low >= 0 and high <= 1):
            raise UsageError(
                f"'{path}' has {values.dtype} values from {low:.4g} to {high:.4g}; 8 and 16 bits are read, "
                "and floating point from 0 to 1: scale it first"
            )
        values = np.rint(values.astype(np.float64) * 65535).astype(np.uint16)
    levels: Levels = np.iinfo(values.dtype).max - values if inverted else values
    return levels


def _photo(values: Levels, path: Path, kept: dict[str, Any]) -> Photo:
    gray = values.ndim == 2 or values.shape[2] < 3
    stacked = values[..., None] if values.ndim == 2 else values
    rgb = np.repeat(stacked[..., :1], 3, axis=2) if gray else stacked[..., :3]
    exif = Image.Exif()
    with path.open("rb") as stream:
        exif.load_from_fp(stream)
        block = _exif.described(exif)
    return Photo(
        pixels=np.ascontiguousarray(rgb),
        alpha=np.ascontiguousarray(stacked[..., -1]) if stacked.shape[2] in (2, 4) else None,
        gray=gray,
        exif=block,
        lossless=True,
        **kept,
    )
