"""Make the photographs of the tasks besides low light: for verification and for calibration.

python calibration/degrade.py verification TASK KODAK_DIR restorect_edge/media/photos
python calibration/degrade.py calibration TASK KODAK_DIR calibration

TASK is backlit or underwater. The scenes are those of darken.py, the degradation is of the kind that students
of the task are trained with, `restorect_edge.training.data.degradations`. Deterministic. The results are
synthetic, and say so wherever shown.
"""

import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from darken import CHOSEN, cut, file_hash, kodak, middle, save, scenes, write_manifest
from PIL import Image

from restorect_edge.training.data.degradations import Degradation, Underwater, degradation

VIEWS = (1.0, 0.6)
"""Calibration: side of each view as a share of the photograph's."""
LONGEST = 480
"""Greatest side of a view, in pixels: brighter pictures take more bytes than dark ones."""
WATERS = ("I", "IA", "IB", "II", "III", "1C", "3C")
"""Types of water of the set: training has since seen murkier ones, and other draws make other pictures."""


def generator(task: str, seed: int) -> np.random.Generator:
    """Return the generator of everything that is drawn for one picture."""
    return np.random.default_rng([zlib.crc32(task.encode()), seed])


def degradation_of(task: str) -> Degradation:
    """Return what degrades the photographs of a task."""
    return Underwater(waters=WATERS) if task == "underwater" else degradation(task)


def degrade(photo: Image.Image, task: str, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) uint8 as a camera would have stored it."""
    clean = np.asarray(photo, np.float32) / np.float32(255)
    return np.rint(degradation_of(task)(clean, rng) * 255).astype(np.uint8)


def verification(task: str, source: Path, target: Path) -> None:
    """Write ``<task>/kodakNN-<task>.webp`` of the scenes whose clean cuts are in ``clean``."""
    for number in CHOSEN:
        rng = generator(task, 1000 + int(number))
        pixels = degrade(middle(kodak(source, number)), task, rng)
        save(pixels, target / task / f"kodak{number}-{task}.webp")


def calibration(task: str, source: Path, target: Path) -> None:
    """Write ``<task>/`` and its manifest ``<task>.json``."""
    entries = []
    for index, (stem, photo, origin) in enumerate(scenes(source)):
        for number, share in enumerate(VIEWS):
            path = target / task / f"{stem}-{number}.webp"
            made = view(task, photo, share, index * len(VIEWS) + number, path)
            entries.append({"file": path.relative_to(target).as_posix(), **made, **origin})
    write_manifest(target, task, made_by(task), entries)


def view(task: str, photo: Image.Image, share: float, seed: int, path: Path) -> dict[str, Any]:
    """Write a degraded part of a photograph and return how it was made."""
    rng = generator(task, seed)
    part, crop = cut(photo, share, rng, LONGEST)
    save(degrade(part, task, rng), path)
    return {"sha256": file_hash(path), "seed": seed, "crop": crop}


def made_by(task: str) -> str:
    """Say how a set was made."""
    name = type(degradation_of(task)).__name__
    return (
        f"views of photographs, scaled to at most {LONGEST} pixels, degraded by calibration/degrade.py "
        f"(restorect_edge.training.data.degradations.{name}, a physical model), WebP quality 90; synthetic"
    )


if __name__ == "__main__":
    make = {"verification": verification, "calibration": calibration}[sys.argv[1]]
    make(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
