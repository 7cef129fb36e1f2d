"""Does a restorer leave well-exposed photographs alone, and what does it make of darkness without noise?

    python benchmarks/damage.py [--data DIR] [--weights NAME] [-o FILE]

Each photograph is given as it is, darkened by the physical model of low light, and darkened and then
softened: filtered, reduced by half, or blurred and compressed, as phones and messengers do, so that no noise
is left that tells how dark the scene was. Exits with 2 where a well-exposed one changes more than the limits
allow.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, write
from numpy.typing import NDArray

from restorect_edge import Runtime, load
from restorect_edge.evaluation.metrics import GREY, psnr
from restorect_edge.media.photos import clean
from restorect_edge.training.data.degradations import DEGRADATIONS
from restorect_edge.training.data.pairs import images_in
from restorect_edge.training.data.sources import open_upright
from restorect_edge.training.prior import softened

Pixels = NDArray[np.uint8]
EQUAL = 100.0
"""What stands for the PSNR of a photograph that comes back as it was, which is infinite."""
BRIGHTNESS, PSNR = 0.05, 30.0
"""Greatest change of mean brightness, and least PSNR to the input in dB, of a well-exposed photograph."""


def main() -> int:
    options = parser(__doc__, "damage", weights="lowlight-small")
    options.add_argument(
        "--data", type=Path, help="folder of well-exposed photographs (default: the package's)"
    )
    args = options.parse_args()
    found = {p.stem: open_upright(p) for p in images_in(args.data)} if args.data else clean()
    with load(args.weights) as runtime:
        rows = list(measured(runtime, found))
    facts = {**summary(rows), "brightness": BRIGHTNESS, "least_psnr": PSNR}
    write(args.output, "damage", conditions(weights=args.weights, photographs=len(found), **facts), rows)
    for name, value in facts.items():
        print(f"{name:28} {value}")
    print(args.output)
    return 2 if facts["left_alone"] < len(rows) else 0


def measured(runtime: Runtime, found: Mapping[str, Pixels]) -> Iterator[dict[str, Any]]:
    """Yield a row per photograph: factor of brightness, PSNR to the input, errors of log brightness."""
    for index, (name, image) in enumerate(sorted(found.items())):
        rng = np.random.default_rng(index)
        dark = DEGRADATIONS["lowlight"](image / np.float32(255), rng)
        dark = np.rint(dark * np.float32(255)).astype(np.uint8)
        restored = runtime(image)
        yield {
            "photograph": name,
            "brightness": round(_mean(restored) / _mean(image), 3),
            "psnr": round(min(float(psnr(restored, image)), EQUAL), 2),
            "darkened": round(float(np.log(_mean(runtime(dark)) / _mean(image))), 3),
            "softened": round(float(np.log(_mean(runtime(softened(dark, rng))) / _mean(image))), 3),
        }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many photographs are left alone, the median and extremes, and rms errors in the dark."""
    factors = np.array([row["brightness"] for row in rows])
    decibels = np.array([row["psnr"] for row in rows])
    near = np.abs(factors - 1) <= BRIGHTNESS
    return {
        "left_alone": int((near & (decibels >= PSNR)).sum()),
        "within_brightness": int(near.sum()),
        "brightness_median": round(float(np.median(factors)), 3),
        "brightness_extremes": [float(factors.min()), float(factors.max())],
        "psnr_median": round(float(np.median(decibels)), 2),
        "psnr_least": float(decibels.min()),
        **{f"{kind}_rms": round(_rms([row[kind] for row in rows]), 3) for kind in ("darkened", "softened")},
    }


def _mean(image: Pixels) -> float:
    return max(float((image @ np.array(GREY)).mean()), 1.0)


def _rms(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


if __name__ == "__main__":
    sys.exit(main())
