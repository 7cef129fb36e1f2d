"""Expose a set of photographs as a light meter would: what is learnt from them is then not too bright.

    python training/meter.py photographs metered [--luminance 0.127]

One factor for the whole set, in linear light: its mean of log luminance becomes the given share of white, and
photographs stay as bright or dark against each other as their authors made them. The default is where
ISO 12232 puts the mean of a metered scene, 12.7 % of saturation; published photographs tend to be brighter.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.training.data.degradations.optics import Planes, linearise, luminance, srgb
from restorect_edge.training.data.pairs import images_in
from restorect_edge.training.data.sources import open_upright

LEAST = 1e-3
"""Added to the luminance before its logarithm: black has none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the photographs of a folder anew, all brighter or darker by one factor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path)
    parser.add_argument("metered", type=Path, help="folder to write to, lossless WebP")
    parser.add_argument("--luminance", type=float, default=0.127, help="mean to reach, white is 1")
    args = parser.parse_args(arguments)
    paths = list(images_in(args.photographs))
    if not paths or not 0.0 < args.luminance < 1.0:
        parser.error("needs photographs, and a luminance between 0 and 1")
    factor = args.luminance / float(np.exp(np.mean([log_mean(linear(path)) for path in paths])))
    args.metered.mkdir(parents=True, exist_ok=True)
    for path in paths:
        made = Image.fromarray(exposed(linear(path), factor))
        made.save(args.metered / f"{path.stem}.webp", lossless=True)
    print(f"{len(paths)} photographs in {args.metered}, {factor:.3f} times as much light", file=sys.stderr)
    return 0


def linear(path: Path) -> Planes:
    """Return linear planes (3, H, W) of a photograph as training reads it."""
    return linearise(open_upright(path) / np.float32(255))


def log_mean(planes: Planes) -> float:
    """Return the mean of log luminance."""
    return float(np.log(luminance(planes) + LEAST).mean())


def exposed(planes: Planes, factor: float) -> NDArray[np.uint8]:
    """Return (H, W, 3) sRGB levels of linear planes, multiplied by a factor and clipped at white."""
    light = np.clip(planes.transpose(1, 2, 0).astype(np.float64) * factor, 0.0, 1.0)
    levels: NDArray[np.uint8] = np.rint(srgb(light) * 255).astype(np.uint8)
    return levels


if __name__ == "__main__":
    sys.exit(main())
