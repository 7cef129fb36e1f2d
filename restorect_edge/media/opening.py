"""Opening picture files through Pillow: a limit of our own, and errors of our own."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from restorect_edge.errors import RestorectError, UsageError

__all__ = ["MAX_PIXELS", "check_pixels", "naming", "opened"]

MAX_PIXELS = 300_000_000
"""Pixels that a picture has at most unless the caller allows more: 200-megapixel phones fit, a small file
that unpacks to fill the memory does not."""
_BARE = (LookupError, AttributeError, AssertionError)
"""Errors whose words are of the decoder's own insides."""

_header = threading.Lock()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a `UsageError` that names the file."""
    try:
        yield
    except RestorectError:
        raise
    except FileNotFoundError as error:
        raise UsageError(f"no image at '{path}'") from error
    except IsADirectoryError as error:
        raise UsageError(f"cannot read '{path}' as an image: it is a folder") from error
    except Exception as error:  # decoders raise whatever the file that they trusted leads them to
        raise UsageError(f"cannot read '{path}' as an image: {_reason(error, path)}") from error


def _reason(error: BaseException, path: Path) -> str:
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    try:
        if path.stat().st_size == 0:
            return "the file is empty"
    except (OSError, ValueError):  # no such name either
        pass
    if isinstance(error, _BARE):
        return "it is damaged"
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if "cannot identify" in words:
        return "it is in no format known here, whatever its name says, or it is damaged"
    return words


@contextmanager
def opened(stream: BinaryIO, path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Open a picture's header with Pillow, whose own limit is lifted meanwhile.

    Args:
        stream: at the start of the file.
        path: for errors.
        max_pixels: width × height at most.

    Raises:
        UsageError: more pixels than `max_pixels`.
    """
    with _header:  # the limit is one for the whole process
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of damaged metadata, which is kept as it is
                file = Image.open(stream)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with file:
        check_pixels(path, file.size, max_pixels)
        yield file


def check_pixels(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Raise `UsageError` if `size`, (width, height) of the picture at `path`, exceeds `max_pixels`."""
    megapixels = size[0] * size[1] / 1e6
    if megapixels * 1e6 > max_pixels:
        raise UsageError(
            f"'{path}' is {size[0]}×{size[1]}, {megapixels:.0f} megapixels; the limit is "
            f"{max_pixels / 1e6:.0f}, since it takes about {megapixels * 9 / 1e3:.1f} GB of memory: "
            f"--max-megapixels {int(megapixels) + 1} (max_pixels in Python) allows it"
        )
