"""Photographs that every export is verified on (600×400, Kodak, degraded synthetically, a set per task)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from restorect_edge.errors import UsageError
from restorect_edge.media.decoding import read_rgb
from restorect_edge.media.folders import images_in
from restorect_edge.media.formats import READABLE_WORDS

__all__ = ["TASKS", "clean", "of_task", "open_rgb", "photo_paths", "photos"]

TASKS = ("backlit", "lowlight", "underwater")
"""Tasks that photographs with clean targets are shipped for."""
HERE = Path(__file__).parent
FOLDER = HERE / "lowlight"


def photo_paths(folder: Path = FOLDER) -> list[Path]:
    """List the images of a folder, by default the shipped dark photographs, sorted by name.

    Raises:
        UsageError: no such folder, or no images in it.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder of images at '{folder}'")
    found = images_in(folder)
    if not found:
        raise UsageError(f"no images in '{folder}'; readable: {READABLE_WORDS}")
    return found


def photos(size: tuple[int, int] | None = None, folder: Path = FOLDER) -> dict[str, NDArray[np.uint8]]:
    """Decode the images of a folder as (H, W, 3) uint8 RGB, by name.

    Args:
        size: (height, width) to cut and scale each to, keeping proportions; None leaves them as they are.
        folder: where they are, such as `of_task` returns; by default the dark ones.
    """
    return {path.stem: _decode(path, size) for path in photo_paths(folder)}


def of_task(task: str) -> Path:
    """Return the folder of the shipped photographs for a task; for one that has none, of the dark ones."""
    return HERE / task if task in TASKS else FOLDER


def clean(size: tuple[int, int] | None = None, task: str = "lowlight") -> dict[str, NDArray[np.uint8]]:
    """Decode what the shipped photographs of a task were made from, as (H, W, 3) uint8 RGB.

    The names are those of `photos`, so that ``clean()[name]`` is the target of ``photos()[name]``.

    Args:
        size: as for `photos`.
        task: of `TASKS`.
    """
    names = (path.stem for path in photo_paths(of_task(task)))
    return {name: _decode(HERE / "clean" / f"{name.split('-')[0]}.webp", size) for name in names}


def open_rgb(path: Path) -> Image.Image:
    """Decode an image file as RGB, turned upright; raises what `read_rgb` does."""
    return Image.fromarray(read_rgb(path))


def _decode(path: Path, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    image = open_rgb(path)
    if size is not None and image.size != (size[1], size[0]):
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)
