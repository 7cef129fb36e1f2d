"""Pass the golden vectors through the Python runtimes: a JSON line per runtime, frame layout and form.

    python runtimes/golden/run_python.py [--runtimes NAME,...] [--precision P] [--rounds N] [--work DIR]

What a line holds is in README.md. Exits with 2 where a vector fails.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from vectors import Vector, passes, read

import restorect_edge
from restorect_edge.bench.measure.timing import interleaved
from restorect_edge.media.frames import FrameFormat, from_rgb, to_rgb
from restorect_edge.media.photos import photos
from restorect_edge.targets.registry import RUNTIMES

FORMS = {"torch": ("split",), **dict.fromkeys(("litert", "mnn", "executorch", "mil"), ("whole",))}
"""Artifacts that a runtime is tested with, where that is not whole and split: PyTorch splits always, those of
phones have fixed sides, and the MIL interpreter, which stands in for Core ML, is slow."""
LARGEST = {"mil": 64 * 96}
"""Pixels of a vector, where a runtime is too slow for more."""
UNTIMED = {"mil"}
SIZE = (480, 640)
TILE = 256
"""Of the timed frame."""

Row = dict[str, Any]


def main() -> int:
    options = _parser().parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.work or Path(scratch)
        for line in lines(options.runtimes.split(","), folder, options.precision, options.rounds):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            failed |= line["passed"] < line["vectors"]
    return 2 if failed else 0


def lines(runtimes: Sequence[str], folder: Path, precision: str, rounds: int) -> Iterator[Row]:
    """Export to `folder` what each runtime runs and is not there, and yield the lines of all of them."""
    manifest, vectors = read()
    yield from converted(vectors)
    for name in runtimes:
        for form in FORMS.get(name, ("whole", "split")):
            here = [
                v for v in vectors if _suits(v, form) and v.rgb[..., 0].size <= LARGEST.get(name, 1 << 30)
            ]
            sides = sorted({v.padded for v in here if v.padded})
            sides += [SIZE] if rounds and name not in UNTIMED else []
            with _load(name, form, manifest["weights"]["name"], precision, sides, folder) as restore:
                yield from restored(restore, here, manifest["tolerance"], 0 if name in UNTIMED else rounds)


def converted(vectors: Sequence[Vector]) -> Iterator[Row]:
    """Yield the lines of the conversion to RGB alone, of every vector."""
    for layout, found in _groups(vectors, lambda v: v.frame.layout).items():
        worst = [_difference(to_rgb(v.data, v.frame), v.rgb) for v in found]
        yield _line("python", None, layout, "convert", [off == 0 for off in worst], max(worst), None)


def restored(
    restore: restorect_edge.Runtime, vectors: Sequence[Vector], tolerance: Row, rounds: int
) -> Iterator[Row]:
    """Yield the lines of a runtime whose artifact takes all of `vectors`.

    Args:
        restore: the runtime.
        vectors: of the forms that its artifact has.
        tolerance: by precision, as in the manifest.
        rounds: frames of 640×480 timed for each line, after two that are not; 0 for none.
    """
    precision = restore.info.precision
    for (layout, form), found in _groups(vectors, lambda v: (v.frame.layout, v.form)).items():
        good, worst = [], 0
        for vector in found:
            output = restore(to_rgb(vector.data, vector.frame), tile=vector.tile)
            good.append(passes(output, vector.expected, tolerance[precision]))
            worst = max(worst, _difference(output, vector.expected))
        tile = TILE if form == "tiled" else None
        yield _line(restore.name, precision, layout, form, good, worst, _timed(restore, layout, tile, rounds))


def _suits(vector: Vector, form: str) -> bool:
    return vector.form in (("whole",) if form == "whole" else ("split", "tiled"))


def _load(
    name: str, form: str, weights: str, precision: str, sides: Sequence[tuple[int, int]], folder: Path
) -> restorect_edge.Runtime:
    """Return the runtime on an artifact of the weights: whole with these sides, or split with free ones."""
    targets = RUNTIMES[name].targets
    if not targets:
        return restorect_edge.load(weights, device="cpu", threads=1)
    options: Row = {"shapes": sides} if form == "whole" else {"form": "split", "dynamic": True}
    folder = folder / precision / name / form
    found = [manifest.parent for manifest in folder.glob("*/manifest.json")]
    if not found:
        made = {"target": targets[0], "precision": precision, "output_dir": folder}
        found = [restorect_edge.export(weights, **made, **options).path]
    return restorect_edge.load(found[0], device="cpu", threads=1, runtime=name)


def _timed(restore: restorect_edge.Runtime, layout: str, tile: int | None, rounds: int) -> float | None:
    """Return the median milliseconds of conversion and restoration of a 640×480 frame."""
    if not rounds:
        return None
    frame = FrameFormat(layout=layout, width=SIZE[1], height=SIZE[0])
    data = from_rgb(next(iter(photos(SIZE).values())), frame)
    calls = {"frame": lambda: restore(to_rgb(data, frame), tile=tile)}
    return round(interleaved(calls, rounds=rounds, warm_up=2, pause_s=0)["frame"].ms.value, 1)


def _line(
    runtime: str,
    precision: str | None,
    layout: str,
    form: str,
    good: list[bool],
    worst: int,
    ms: float | None,
) -> Row:
    return {
        "runtime": runtime,
        "precision": precision,
        "format": layout,
        "form": form,
        "vectors": len(good),
        "passed": sum(good),
        "max_difference": worst,
        "ms_640x480": ms,
    }


def _groups(vectors: Sequence[Vector], key: Any) -> dict[Any, list[Vector]]:
    found = defaultdict(list)
    for vector in vectors:
        found[key(vector)].append(vector)
    return found


def _difference(output: Any, expected: Any) -> int:
    # differences of bytes would wrap around
    return int(np.abs(output.astype(np.int16) - expected).max())


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtimes", default="torch,onnxruntime,openvino", help="of these (%(default)s)")
    parser.add_argument("--precision", default="fp32", help="of the artifacts (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="timed frames; 0 for none (%(default)s)")
    parser.add_argument("--work", type=Path, help="keep artifacts here, and use those that are there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
