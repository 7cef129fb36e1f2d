"""Make dark photographs from freely licensed ones: for verification and for calibration.

python calibration/darken.py verification KODAK_DIR restorect_edge/media/photos
python calibration/darken.py calibration KODAK_DIR calibration

KODAK_DIR holds the Kodak set, 01 to 24 in any format; four more photographs come with scikit-image. A
physical model of a short exposure: linearise, scale the exposure, shift the white balance, add shot and
read noise, encode, quantize. Deterministic. The results are synthetic, and say so wherever shown.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

CHOSEN = {"04": 0.030, "07": 0.022, "15": 0.045, "23": 0.016}
"""Verification: number in the Kodak set → share of the exposure that is left."""
SIZE = (600, 400)
FULL_WELL = 3000.0
READ_NOISE = 2.0

VIEWS = (1.0, 0.75, 0.6, 0.5)
"""Calibration: side of each view as a share of the photograph's."""
SIDES = (320, 600)
"""Least and greatest long side of a view, in pixels."""
EXPOSURES = (0.010, 0.300)
GOLDEN = 0.6180339887
KODAK = {
    "source": "Kodak Lossless True Color Image Suite, image {}",
    "license": "released by the Eastman Kodak Company for unrestricted use",
}
SKIMAGE = {
    "astronaut": ("NASA, Eileen Collins", "public domain"),
    "chelsea": ("Stefan van der Walt, Chelsea the cat", "CC0-1.0"),
    "coffee": ("Rachel Michetti, coffee cup", "CC0-1.0"),
    "rocket": ("SpaceX, launch of DSCOVR on Falcon 9", "public domain"),
}
"""Photographs in scikit-image → who made them and under what terms, as its documentation states."""


def darken(image: np.ndarray, exposure: float, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) uint8 as a camera would record it with `exposure` of the light."""
    linear = ((image / 255.0 + 0.055) / 1.055) ** 2.4 * exposure * rng.uniform(0.9, 1.1, 3)
    electrons = rng.poisson(linear * FULL_WELL) + rng.normal(0.0, READ_NOISE, image.shape)
    linear = np.clip(electrons / FULL_WELL, 0.0, 1.0)
    encoded = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.clip(np.rint(encoded * 255.0), 0, 255).astype(np.uint8)


def save(pixels: np.ndarray, path: Path) -> None:
    """Write a WebP."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=90, method=6)


def verification(source: Path, target: Path) -> None:
    """Write a dark photograph per chosen number below `lowlight`, and below `clean` what it was made from."""
    for number, exposure in CHOSEN.items():
        photo = kodak(source, number)
        pixels = np.asarray(middle(photo))
        dark = darken(pixels, exposure, np.random.default_rng(int(number)))
        save(dark, target / "lowlight" / f"kodak{number}-dark.webp")
        save(pixels, target / "clean" / f"kodak{number}.webp")


def middle(photo: Image.Image) -> Image.Image:
    """Cut `SIZE` from the middle; a portrait, which is too narrow for it, is scaled up first."""
    if photo.width < SIZE[0]:
        return ImageOps.fit(photo, SIZE, Image.Resampling.LANCZOS, centering=(0.5, 0.3))
    left, top = ((a - b) // 2 for a, b in zip(photo.size, SIZE, strict=True))
    return photo.crop((left, top, left + SIZE[0], top + SIZE[1]))


def calibration(source: Path, target: Path) -> None:
    """Write `lowlight/` and its manifest `lowlight.json`."""
    entries = []
    for index, (stem, photo, origin) in enumerate(scenes(source)):
        for number, share in enumerate(VIEWS):
            seed = index * len(VIEWS) + number
            path = target / "lowlight" / f"{stem}-{number}.webp"
            made = view(photo, share, seed, path)
            entries.append({"file": path.relative_to(target).as_posix(), **made, **origin})
    write_manifest(target, "lowlight", MADE, entries)


def write_manifest(target: Path, task: str, made: str, entries: list[dict[str, Any]]) -> None:
    """Write ``<task>.json``, an image to a line."""
    head = json.dumps({"schema": 1, "task": task, "made": made}, indent=1).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    text = f'{head},\n "images": [\n  {lines}\n ]\n}}\n'
    (target / f"{task}.json").write_text(text, encoding="utf-8")


MADE = (
    "views of photographs, scaled to at most 600 pixels, darkened by calibration/darken.py (exposure in "
    "linear light, white-balance shift, shot and read noise), WebP quality 90; synthetic darkness"
)


def scenes(source: Path) -> Iterator[tuple[str, Image.Image, dict[str, str]]]:
    """Yield stem, photograph and origin, without the scenes that verification uses."""
    from skimage import data

    for number in (f"{n:02d}" for n in range(1, 25)):
        if number not in CHOSEN:
            origin = {key: text.format(number) for key, text in KODAK.items()}
            yield f"kodak{number}", kodak(source, number), origin
    for name, (author, license) in SKIMAGE.items():
        photo = Image.fromarray(getattr(data, name)())
        yield name, photo, {"source": f"{author}; scikit-image data.{name}", "license": license}


def view(photo: Image.Image, share: float, seed: int, path: Path) -> dict[str, Any]:
    """Write a darkened part of a photograph and return how it was made."""
    rng = np.random.default_rng(seed)
    part, crop = cut(photo, share, rng)
    exposure = round(EXPOSURES[0] * (EXPOSURES[1] / EXPOSURES[0]) ** ((seed * GOLDEN) % 1.0) ** 1.5, 4)
    save(darken(np.asarray(part), exposure, rng), path)
    return {"sha256": file_hash(path), "exposure": exposure, "seed": seed, "crop": crop}


def cut(
    photo: Image.Image, share: float, rng: np.random.Generator, longest: int = SIDES[1]
) -> tuple[Image.Image, list[int]]:
    """Return a random part with `share` of the sides, at most `longest` pixels, and where it was."""
    share = min(1.0, max(share, SIDES[0] / max(photo.size)))
    width, height = (round(side * share) for side in photo.size)
    left, top = (int(rng.integers(a - b + 1)) for a, b in zip(photo.size, (width, height), strict=True))
    part = photo.crop((left, top, left + width, top + height))
    part.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return part, [left, top, width, height]


def file_hash(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kodak(source: Path, number: str) -> Image.Image:
    """Decode a photograph of the Kodak set."""
    with Image.open(next(source.glob(f"*{number}.*"))) as file:
        return file.convert("RGB")


if __name__ == "__main__":
    {"verification": verification, "calibration": calibration}[sys.argv[1]](
        Path(sys.argv[2]), Path(sys.argv[3])
    )
