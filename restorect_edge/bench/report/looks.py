"""What each row makes of one photograph: a small JPEG for the report's page, no part of the record."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.bench.measure.record import Row, Subject

__all__ = ["Look", "look"]

LONGEST = 480
"""Longer side in pixels: sharp in a column of the page, about 20 kB."""
JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A photograph as a row restored it.

    Attributes:
        subject: of the row; None for the photograph as all rows are shown it.
        runtime: of the row.
        device: of the row.
        shape: (height, width) that it was restored at.
        jpeg: the picture as a file.
    """

    subject: Subject | None
    runtime: str = ""
    device: str | None = None
    shape: tuple[int, int]
    jpeg: bytes

    def is_of(self, row: Row) -> bool:
        """Whether it is what `row` made."""
        mine = (self.subject, self.runtime, self.device, self.shape)
        return mine == (row.subject, row.runtime, row.device, row.shape)


def look(image: NDArray[np.uint8], shape: tuple[int, int], row: Row | None = None) -> Look:
    """Return a picture of an image.

    Args:
        image: (H, W, 3) RGB; one that a network has enlarged is larger than `shape`.
        shape: (height, width) of the row.
        row: which restored it; None for the photograph itself.
    """
    small = Image.fromarray(image)
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    if row is None:
        return Look(subject=None, shape=shape, jpeg=file.getvalue())
    return Look(
        subject=row.subject, runtime=row.runtime, device=row.device, shape=shape, jpeg=file.getvalue()
    )
