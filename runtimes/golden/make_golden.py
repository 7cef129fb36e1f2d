"""Make the golden vectors: frames, and what the shipped weights make of them in PyTorch, float32.

    python runtimes/golden/make_golden.py [--weights NAME] [-o DIR]

To be run again whenever the weights change; the suite says so. The pictures are the package's own dark
photographs, scaled down.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vectors import FOLDER, MANIFEST, SCHEMA_VERSION

import restorect_edge
from restorect_edge.media.frames import (
    LAYOUTS,
    MATRICES,
    RANGES,
    SHIFT,
    FrameFormat,
    coefficients,
    from_rgb,
    to_rgb,
)
from restorect_edge.media.photos import photos

KINDS = ("input", "rgb", "output")
PADDING = 0xA5
"""Byte between rows, bright enough to show where a stride is ignored."""
TOLERANCE = {
    "fp32": {"levels": 1, "share_beyond": 0.0},
    "fp16": {"levels": 1, "share_beyond": 0.001},
    "int8": {"psnr_db": 40.0},
}
"""INT8 artifacts of ONNX Runtime and OpenVINO gave 41.5 to 50.4 dB on these vectors."""
Z_TOLERANCE = 1e-4
"""Of float32, absolute."""


@dataclass(frozen=True, slots=True)
class Case:
    """A frame and the forms in which it is restored."""

    frame: FrameFormat
    forms: tuple[str, ...] = ("whole", "split")
    tile: int | None = None


def _case(layout: str, size: tuple[int, int], stride: int = 0, colours: str = "", **more: Any) -> Case:
    names = dict(zip(("matrix", "range"), colours.split(), strict=bool(colours)))
    return Case(FrameFormat(layout=layout, width=size[0], height=size[1], stride=stride, **names), **more)


CASES = (
    _case("rgb", (96, 64)),
    _case("rgb", (61, 45), stride=190),
    _case("rgb", (232, 120), stride=704, forms=("whole", "split", "tiled"), tile=48),
    _case("bgr", (96, 64)),
    _case("bgra", (96, 64), stride=400),
    _case("bgra", (61, 45), stride=247),
    _case("nv12", (96, 64), stride=128, colours="bt601 limited"),
    _case("nv12", (96, 64), colours="bt709 full"),
    _case("nv12", (62, 46), stride=67, colours="bt709 limited"),
    _case("nv12", (232, 120), stride=256, colours="bt709 limited", forms=("split", "tiled"), tile=48),
    _case("yuyv", (96, 64), stride=200, colours="bt601 limited"),
    _case("yuyv", (62, 45), colours="bt709 full"),
)
EXTREMES = [
    _case(layout, (32, 16), stride, f"{matrix} {levels}", forms=("convert",))
    for layout, stride in (("nv12", 35), ("yuyv", 67))
    for matrix in ("bt601", "bt709")
    for levels in RANGES
]
"""Random bytes, so all of what a frame can hold: sums below 0 and above 255, luma outside its range."""


def main() -> int:
    options = _parser().parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    # those too that this run does not make again
    for old in (file for kind in KINDS for file in options.output.glob(f"*.{kind}.bin")):
        old.unlink()
    with restorect_edge.load(options.weights, device="cpu", threads=1) as restore:
        manifest = make(restore, options.output)
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (options.output / MANIFEST).write_text(text, encoding="utf-8")
    size = sum(file.stat().st_size for file in options.output.glob("*.bin")) + len(text)
    sys.stdout.write(f"{len(manifest['vectors'])} vectors, {size / 1e3:.0f} kB\n")
    return 0


def make(restore: restorect_edge.Runtime, folder: Path) -> dict[str, Any]:
    """Write every file into `folder` and return the manifest.

    Args:
        restore: the weights in PyTorch, which restores by prior and body.
        folder: where to.
    """
    rows = [row for number, case in enumerate(CASES) for row in _restored(restore, case, number, folder)]
    rows += [row for number, case in enumerate(EXTREMES) for row in _converted(case, number, folder)]
    prior = restore.info.prior
    return {
        "schema_version": SCHEMA_VERSION,
        "weights": {**restore.info.weights, "steps": restore.info.steps},
        "prior": None if prior is None else asdict(prior),
        "tolerance": {**TOLERANCE, "z": Z_TOLERANCE},
        "conversion": {
            "shift": SHIFT,
            "order": ["Y in R, G, B", "Cr in R", "Cb in G", "Cr in G", "Cb in B"],
            "coefficients": {m: {r: list(coefficients(m, r)) for r in RANGES} for m in MATRICES},
        },
        "vectors": rows,
    }


def _restored(
    restore: restorect_edge.Runtime, case: Case, number: int, folder: Path
) -> Iterator[dict[str, Any]]:
    pictures = list(photos((case.frame.height, case.frame.width)).values())
    data = _padded(from_rgb(pictures[number % len(pictures)], case.frame), case.frame, number)
    rgb = to_rgb(data, case.frame)
    padded = restore.info.spec.size.padded(*rgb.shape[:2])
    files = _write(folder, _stem(case.frame), {"input": data, "rgb": rgb, "output": restore(rgb)})
    for form in case.forms:
        yield {
            **_row(case, form),
            "padded": list(padded),
            "tile": case.tile if form == "tiled" else None,
            **files,
            "z": None if form == "whole" else _latent(restore, rgb, padded),
        }


def _converted(case: Case, number: int, folder: Path) -> Iterator[dict[str, Any]]:
    data = np.random.default_rng(number).bytes(case.frame.full_size)
    files = _write(folder, f"extremes-{_stem(case.frame)}", {"input": data, "rgb": to_rgb(data, case.frame)})
    yield {**_row(case, "convert"), "padded": None, "tile": None, **files, "output": None, "z": None}


def _row(case: Case, form: str) -> dict[str, Any]:
    frame = {key: value for key, value in asdict(case.frame).items() if key not in ("slice_height", "planes")}
    frame["stride"] = case.frame.row_stride
    if not LAYOUTS[case.frame.layout].yuv:
        frame.update(matrix=None, range=None)
    return {"name": f"{_stem(case.frame)}-{form}", "form": form, "frame": frame}


def _stem(frame: FrameFormat) -> str:
    colours = f"-{frame.matrix}-{frame.range}" if LAYOUTS[frame.layout].yuv else ""
    return f"{frame.layout}{colours}-{frame.width}x{frame.height}"


def _padded(data: bytes, frame: FrameFormat, seed: int) -> bytes:
    """Fill the padding of the rows, and vary alpha, so that neither goes unnoticed where it is used."""
    rows = np.frombuffer(data, np.uint8).reshape(-1, frame.row_stride).copy()
    rows[:, frame.row_bytes :] = PADDING
    if frame.layout == "bgra":
        alpha = rows[:, 3 : frame.row_bytes : 4]
        alpha[:] = np.random.default_rng(seed).integers(0, 256, alpha.shape)
    padded: bytes = rows.tobytes()
    return padded


def _latent(restore: restorect_edge.Runtime, rgb: NDArray[np.uint8], padded: tuple[int, int]) -> list[float]:
    """Return z, with the nine digits that make a float32 again."""
    z = restore._z(restore._thumbnail(rgb, padded))
    return [float(f"{value:.9g}") for value in z.ravel()]


def _write(folder: Path, stem: str, contents: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Write ``<stem>.<key>.bin`` for each and return the manifest's entries."""
    entries = {}
    for key, content in contents.items():
        data = content if isinstance(content, bytes) else content.tobytes()
        file = f"{stem}.{key}.bin"
        (folder / file).write_bytes(data)
        entries[key] = {"file": file, "sha256": hashlib.sha256(data).hexdigest()}
    return entries


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="lowlight-small", help="name or file (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder (default: this one)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
