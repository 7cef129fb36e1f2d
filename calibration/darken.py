"""Make the dark photographs of `restorect_edge/photos` from the Kodak set.

python calibration/darken.py KODAK_DIR restorect_edge/photos

A physical model of a short exposure: linearise, scale the exposure, shift the white balance, add shot
and read noise, encode, quantise. Deterministic. The results are synthetic, and say so wherever shown.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

CHOSEN = {"04": 0.030, "07": 0.022, "15": 0.045, "23": 0.016}
"""Number in the Kodak set → share of the exposure that is left."""
SIZE = (600, 400)
FULL_WELL = 3000.0
READ_NOISE = 2.0


def darken(image: np.ndarray, exposure: float, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) uint8 as a camera would record it with `exposure` of the light."""
    linear = ((image / 255.0 + 0.055) / 1.055) ** 2.4 * exposure * rng.uniform(0.9, 1.1, 3)
    electrons = rng.poisson(linear * FULL_WELL) + rng.normal(0.0, READ_NOISE, image.shape)
    linear = np.clip(electrons / FULL_WELL, 0.0, 1.0)
    encoded = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.clip(np.rint(encoded * 255.0), 0, 255).astype(np.uint8)


def main(source: Path, target: Path) -> None:
    """Write one dark photograph per chosen number."""
    for number, exposure in CHOSEN.items():
        with Image.open(next(source.glob(f"*{number}.*"))) as file:
            photo = file.convert("RGB")
        left, top = ((a - b) // 2 for a, b in zip(photo.size, SIZE, strict=True))
        pixels = np.asarray(photo.crop((left, top, left + SIZE[0], top + SIZE[1])))
        dark = darken(pixels, exposure, np.random.default_rng(int(number)))
        Image.fromarray(dark).save(target / f"kodak{number}-dark.webp", quality=90, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
