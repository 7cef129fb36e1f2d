"""The images of an evaluation as files, and how each is read for a network's scale."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from restorect_edge.errors import UsageError
from restorect_edge.media.decoding import read_rgb
from restorect_edge.media.folders import images_in
from restorect_edge.spec import ImageU8
from restorect_edge.training.data.folders import find_pairs, has_pairs

__all__ = ["ImageU8", "Item", "find", "fitted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One image to restore, as files."""

    name: str
    degraded: Path
    clean: Path | None

    def read(self) -> tuple[ImageU8, ImageU8 | None]:
        """Decode it as (H, W, 3) uint8 RGB, with its clean image if it has one, of any size."""
        return read_rgb(self.degraded), None if self.clean is None else read_rgb(self.clean)


def find(folder: Path) -> list[Item]:
    """List the pairs below a folder, or the images in it and its sub-folders if it holds no pairs.

    Raises:
        UsageError: neither.
    """
    if folder.is_dir() and not has_pairs(folder) and (found := images_in(folder, recursive=True)):
        return [Item(name=p.relative_to(folder).as_posix(), degraded=p, clean=None) for p in found]
    return [Item(name=p.name, degraded=p.degraded, clean=p.clean) for p in find_pairs(folder)]


def fitted(name: str, clean: ImageU8, degraded: ImageU8, scale: int) -> ImageU8:
    """Return the clean image as large as `scale` times the degraded one.

    A clean image may have up to scale - 1 rows and columns more at its end, which the making of the degraded
    one left out: sets for super-resolution are published so.

    Args:
        name: of the pair, for errors.
        clean: (H, W, 3).
        degraded: (h, w, 3).
        scale: the output's side over the input's.

    Returns:
        (scale·h, scale·w, 3).

    Raises:
        UsageError: it has another size.
    """
    height, width = (scale * side for side in degraded.shape[:2])
    more = clean.shape[0] - height, clean.shape[1] - width
    if all(0 <= extra < scale for extra in more):
        return np.ascontiguousarray(clean[:height, :width])
    (h, w), (ch, cw) = degraded.shape[:2], clean.shape[:2]
    wanted = "both must have the same size" if scale == 1 else f"it must be {scale} times as large"
    ratio = ch / h
    other = int(ratio) if ratio == cw / w and ratio == int(ratio) and ratio != scale else None
    hint = f"; these pairs are for a network that enlarges by {other}" if other else ""
    raise UsageError(
        f"pair '{name}': the degraded image is {w}×{h} and the clean one {cw}×{ch}; {wanted}{hint}"
    )
