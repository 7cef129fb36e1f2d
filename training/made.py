"""Write pictures that no photograph stands in for, to train a body on beside photographs.

    python training/made.py made

Noise of four grains, gray noise, ramps, patches of pure colors, and flat frames. A body that was trained on
photographs alone may answer some of them with activations far larger than any photograph's, which INT8
cannot hold.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restorect_edge.media.photos import generated

SIZE = (384, 576)
GRAINS = (1, 2, 4, 8)
"""Sides of a grain of noise in pixels."""
LEVELS = (32, 128, 224)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures into a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("made", type=Path, help="folder to write to, PNG")
    args = parser.parse_args(arguments)
    args.made.mkdir(parents=True, exist_ok=True)
    for name, levels in pictures():
        Image.fromarray(levels).save(args.made / f"{name}.png")
    return 0


def pictures() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield names and (384, 576, 3) levels, the same at every call."""
    rng = np.random.default_rng(1)
    for grain in GRAINS:
        small = rng.integers(0, 256, (SIZE[0] // grain, SIZE[1] // grain, 3), dtype=np.uint8)
        yield f"noise-{grain}", small.repeat(grain, axis=0).repeat(grain, axis=1)
    yield "gray-noise", rng.integers(0, 256, (*SIZE, 1), dtype=np.uint8).repeat(3, axis=2)
    for name, levels in (("ramps", generated.gradient(SIZE)), ("pure-colors", generated.saturated(SIZE))):
        yield name, levels
        yield f"{name}-upside-down", levels[::-1].copy()
    for level in LEVELS:
        yield f"flat-{level}", generated.flat(SIZE, level)


if __name__ == "__main__":
    sys.exit(main())
