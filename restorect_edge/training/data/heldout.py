"""Held-out pairs for validation: as they are, or made once from clean photographs."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from restorect_edge.spec import ImageU8
from restorect_edge.training.data.degradations import degradation
from restorect_edge.training.data.folders import Pair, find_pairs, has_pairs
from restorect_edge.training.data.pairs import images_in
from restorect_edge.training.data.sources import open_upright
from restorect_edge.utils.files import replacing

__all__ = ["VIEWS", "held_out"]

VIEWS = 4
"""Degradations of each photograph, drawn from seeds 0 to 3."""
GREATEST_SIDE = 600
"""Photographs are reduced to this long side, in pixels."""


def held_out(folder: Path, *, task: str, made: Path) -> Sequence[Pair]:
    """Return the pairs that a run is validated on.

    Args:
        folder: pairs, or clean photographs, of which each is degraded `VIEWS` times as the task says.
        task: which degradation.
        made: folder for pairs that are made (``input`` and ``target``, PNG); pairs that are there stay, so
            that a run that goes on is validated on the same.

    Raises:
        UsageError: neither pairs nor photographs, or a task without a degradation.
    """
    photos = [] if has_pairs(folder) else list(images_in(folder))
    if not photos:
        return find_pairs(folder)
    degrade = degradation(task)
    for path in tqdm(photos, unit="photo", desc="degrading", file=sys.stderr, disable=None, leave=False):
        clean = open_upright(path, GREATEST_SIDE)
        for view in range(VIEWS):
            name = f"{path.stem}-{view}.png"
            if (made / "target" / name).is_file():
                continue
            degraded = degrade(clean * np.float32(1 / 255), np.random.default_rng([view, *os.fsencode(name)]))
            _save(np.rint(degraded * np.float32(255)).astype(np.uint8), made / "input" / name)
            _save(clean, made / "target" / name)
    return find_pairs(made)


def _save(pixels: ImageU8, path: Path) -> None:
    with replacing(path) as stream:
        Image.fromarray(pixels).save(stream, "PNG")
