"""Make vectors of the rules that every runtime computes itself.

    python spec/vectors/make_vectors.py [-o DIR]

The rules are written here once more, in float64 and as plainly as possible, and nothing of the package is
imported: a fault of the package cannot get into what it is compared with. README.md describes the files.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from brightness import BRIGHTNESS, brightness
from latent import LATENTS, latent
from numpy.typing import NDArray
from pictures import picture
from thumbnails import THUMBNAILS, thumbnail
from tiles import TILES, tiles

FOLDER = Path(__file__).parent
TOLERANCE = {"thumbnail": 2e-6, "latent": 1e-6, "brightness": 1e-4, "tiles": 0}
"""Absolute, of float32; tiles are whole numbers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all vectors into a folder and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder (default: this one)")
    folder: Path = parser.parse_args(arguments).output
    folder.mkdir(parents=True, exist_ok=True)
    rows, values = _thumbnails()
    values.astype("<f4").tofile(folder / "thumbnail.bin")
    _write(folder, "thumbnail", rows)
    _write(folder, "latent", [latent(case) for case in LATENTS])
    _write(folder, "brightness", [brightness(case) for case in BRIGHTNESS])
    _write(folder, "tiles", [tiles(case) for case in TILES])
    return 0


def _thumbnails() -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
    """Return the cases, and all their values one after the other."""
    rows, parts, offset = [], [], 0
    for case in THUMBNAILS:
        pixels = picture(case["picture"])
        planes = thumbnail(pixels, case["padded"], case["pool"], case["side"])
        rows.append({**case, "sum": int(pixels.sum(dtype=np.int64)), "offset": offset})
        parts.append(planes.ravel())
        offset += planes.size
    return rows, np.concatenate(parts)


def _write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    text = f'{{\n "schema_version": 1,\n "tolerance": {TOLERANCE[name]},\n "cases": [\n{lines}\n ]\n}}\n'
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
