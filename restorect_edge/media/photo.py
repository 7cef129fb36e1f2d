"""A photograph in memory: pixels, and everything that its file holds besides them."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Levels", "Photo", "RgbImage", "named_colors"]

Levels: TypeAlias = NDArray[Any]
"""uint8 or uint16."""
HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics that make a picture HDR, by their number of ITU-T H.273."""
RgbImage: TypeAlias = NDArray[Any]
"""uint8, or float32 in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A decoded photograph, from `read` to `write`.

    Pixels are as stored, not turned upright: the EXIF orientation says how to turn them, and is kept. (Of
    TIFF, HEIF and raw files the decoder turns them, and the orientation is 1.)
    """

    pixels: Levels
    """(H, W, 3) RGB, uint8 or uint16; of a gray picture all three channels are the same."""
    alpha: Levels | None = None
    """(H, W) of the pixels' type, not premultiplied; None where there is no transparency."""
    gray: bool = False
    """Stored as one channel, and written as one."""
    lossless: bool = False
    """Stored without loss, and written so where the format leaves the choice (WebP)."""
    exif: bytes = b""
    """The TIFF block, without the prefix that JPEG gives it."""
    icc_profile: bytes = b""
    cicp: tuple[int, int] | None = None
    """Numbers of the primaries and the transfer (ITU-T H.273) that HEIF, AVIF and PNG name, where these are
    not sRGB's and no ICC profile says it better."""
    xmp: bytes = b""
    """The XMP packet, UTF-8 XML."""
    iptc: bytes = b""
    """Photoshop's image resources, which hold the IPTC record."""
    comments: tuple[bytes, ...] = ()
    """Of JPEG and GIF files."""
    text: tuple[tuple[bytes, bytes], ...] = ()
    """PNG chunks tEXt, zTXt and iTXt as (type, data), in their order."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Further PNG chunks that stay true for other pixels: colors (gAMA, cHRM, sRGB, cICP, ...) and time."""
    segments: tuple[tuple[int, bytes], ...] = ()
    """Further JPEG segments as (marker, data), such as extended XMP."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical pixels per inch."""
    modified: float | None = None
    """When the file was last changed, in seconds since 1970."""
    notes: tuple[str, ...] = ()
    """What the decoder converted or left out, in words."""

    @property
    def hdr(self) -> str:
        """``PQ`` or ``HLG``; empty for SDR."""
        return HDR.get(self.cicp[1], "") if self.cicp else ""

    @property
    def image(self) -> RgbImage:
        """The pixels as a runtime takes them: uint8, or float32 in [0, 1] for 16 bits.

        Pixels that alpha hides entirely are given the mean color of the others, so that what nobody sees
        (editors leave white or black there) does not decide the brightness of the rest.
        """
        pixels = self.pixels
        hidden = None if self.alpha is None else self.alpha == 0
        # of a picture that is hidden entirely no color is known
        if hidden is not None and hidden.any() and not hidden.all():
            pixels = pixels.copy()
            pixels[hidden] = np.rint(pixels[~hidden].mean(axis=0)).astype(pixels.dtype)
        if pixels.dtype == np.uint8:
            return pixels
        values: NDArray[np.float32] = pixels / np.float32(65535)
        return values


def named_colors(primaries: int, transfer: int, icc_profile: bytes = b"") -> tuple[int, int] | None:
    """Return the numbers that a file names its colors by, or None where they say nothing beyond sRGB.

    Args:
        primaries: of ITU-T H.273.
        transfer: of ITU-T H.273.
        icc_profile: which counts more, except for HDR.
    """
    # 1 is BT.709, 2 unspecified, 6 BT.601's equal curve, 13 sRGB
    usual = primaries in (1, 2) and transfer in (1, 2, 6, 13)
    return None if usual or (icc_profile and transfer not in HDR) else (primaries, transfer)
