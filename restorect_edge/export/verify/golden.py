"""Golden images: what an artifact must make of a few pictures, for every runtime in every language."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from restorect_edge.spec import ImageU8

__all__ = ["read", "write"]


def write(artifact: Path, name: str, image: ImageU8, expected: ImageU8) -> None:
    """Write ``golden/<name>-in.png`` and ``-out.png``, both (H, W, 3) uint8 RGB.

    Args:
        artifact: its directory.
        name: of the pair.
        image: (H, W, 3) uint8 RGB.
        expected: (scale·H, scale·W, 3) uint8 RGB.
    """
    folder = artifact / "golden"
    folder.mkdir(exist_ok=True)
    Image.fromarray(image).save(folder / f"{name}-in.png")
    Image.fromarray(expected).save(folder / f"{name}-out.png")


def read(artifact: Path) -> Iterator[tuple[str, ImageU8, ImageU8]]:
    """Yield (name, input, expected output) of every golden pair."""
    for source in sorted((artifact / "golden").glob("*-in.png")):
        name = source.name.removesuffix("-in.png")
        with Image.open(source) as image, Image.open(source.with_name(f"{name}-out.png")) as expected:
            yield name, np.asarray(image), np.asarray(expected)
