"""Raw files of cameras through LibRaw (rawpy): developed in 16 bits, with the camera's white balance."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from restorect_edge.media.codecs import exif as _exif
from restorect_edge.media.opening import check_pixels
from restorect_edge.media.photo import Photo
from restorect_edge.utils.extras import imported

__all__ = ["read_raw"]

_library = partial(imported, "rawpy", "developing raw files", "photo")


def read_raw(path: Path, max_pixels: int) -> Photo:
    """Develop a raw file as sRGB of 16 bits, upright, its brightness as exposed.

    Args:
        path: of a raw file.
        max_pixels: width × height at most.

    Raises:
        MissingDependencyError: rawpy is not installed.
        FileNotFoundError: no such file.
        OSError: LibRaw cannot decode it.
    """
    library = _library()
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with library.imread(str(path)) as raw:
            check_pixels(path, (raw.sizes.width, raw.sizes.height), max_pixels)
            # LibRaw's own brightening would stretch each picture until 1 % of its pixels clip
            pixels = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
    except library.LibRawError as error:
        raise OSError(_words(error)) from error
    return Photo(
        pixels=np.ascontiguousarray(pixels),
        exif=_tags(path),
        lossless=True,
        notes=("developed with the camera's white balance, in sRGB",),
    )


def _words(error: Exception) -> str:
    first = error.args[0] if error.args else error
    words = first.decode(errors="replace") if isinstance(first, bytes) else str(first)
    return "it is damaged, or no raw file that LibRaw knows" if words == "Input/output error" else words


def _tags(path: Path) -> bytes:
    """Return what describes the photograph, of the makers' formats that are built like TIFF."""
    exif = Image.Exif()
    try:
        with path.open("rb") as stream:
            exif.load_from_fp(stream)
            exif.pop(_exif.ORIENTATION, None)
            return _exif.described(exif)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return b""
