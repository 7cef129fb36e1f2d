"""Would an illumination map help: a coarse field of gains beside the one exposure that a prior gives today?

    python benchmarks/illumination_map.py --data pairs/train --validation pairs/val --photographs kodak \\
        [--weights lowlight-small] [--steps 1500] [--stride 1] [-o FILE]

Fits a small network on cached thumbnails, upon a trained student that stays as it is: from what the prior
sees, a map of log gain, sampled bilinearly at the pixels' places, multiplies the exposure. Judged whole, at
full size, trunk included: on held-out pairs; on the same pairs under mixed light, a smooth mixture of the
dark and the bright photograph, noise and all; on photographs behind a simulated backlight; and on those
photographs as they are, which are to be left alone. Compared are

    shipped       the student without a map
    gain          one more gain for the whole picture, by the same network from the same samples
    map           16×16 gains
    map-pairs     the same, fitted to the pairs alone
    best-gain     the gain that fits the clean picture best: not to be had, a ceiling
    best-map      likewise 16×16
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _map import LIGHTS, Map, Pixels, Sample, fit, fitted_to_target, restored, sample
from _results import conditions, result_path, write
from torch import Tensor

from restorect_edge.errors import RestorectError
from restorect_edge.evaluation.metrics import gt_mean, psnr
from restorect_edge.models import Student
from restorect_edge.models.weights import load_weights
from restorect_edge.quantization.quantize import levels_of, planes
from restorect_edge.training.data.folders import find_pairs
from restorect_edge.training.data.pairs import Pair, images_in
from restorect_edge.training.data.sources import open_upright

Row = dict[str, Any]
GRID = 16
SHARES = {"pairs": 0.4, "mixed": 0.25, "backlit": 0.2, "bright": 0.15}
"""Of a batch."""
OPTIONS = ("weights", "steps", "batch", "seed", "threads")
"""What the numbers depend on besides the data."""
UNCHANGED = 60.0
"""What an output that equals its target counts as, in dB."""


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    torch.set_num_threads(options.threads)
    try:
        rows = _run(options)
    except RestorectError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(table(rows))
    return 0


def _run(options: argparse.Namespace) -> list[Row]:
    student = _student(options.weights)
    training = find_pairs(options.data)[:: options.stride]
    kinds = list(zip(SHARES.values(), _kinds(student, training), strict=True))
    maps: dict[str, Map | int | None] = {"shipped": None}
    for name, grid, given in (("gain", 1, kinds), ("map", GRID, kinds), ("map-pairs", GRID, kinds[:1])):
        shares = [(share if len(given) > 1 else 1.0, kind) for share, kind in given]
        maps[name] = fit(student, shares, grid, options.steps, options.batch, options.seed)
    maps |= {"best-gain": 1, "best-map": GRID}
    scenes = _scenes(find_pairs(options.validation), options.photographs, options.shown)
    rows = list(_judged(student, maps, scenes))
    facts = {name: getattr(options, name) for name in ("weights", "steps", "batch", "seed", "threads")}
    counts = {"training_pairs": len(training), "shares": SHARES, "grid": GRID}
    write(options.output, "illumination-map", conditions(**facts, **counts), rows)
    return rows


def _student(weights: str) -> Student:
    network = load_weights(weights).network
    assert isinstance(network, Student)
    return network.deploy().requires_grad_(False)


def _kinds(student: Student, pairs: Sequence[Pair]) -> list[Sample]:
    """Return the samples of each kind of light, one of each pair."""
    made: dict[str, list[Sample]] = {name: [] for name in SHARES}
    for index, pair in enumerate(pairs):
        low, high = pair.read()
        rng = np.random.default_rng(index)
        for name in SHARES:
            made[name].append(sample(student, planes(LIGHTS[name](low, high, rng)), planes(high)))
    fields = ("view", "means", "clean", "z")
    return [Sample(*(torch.cat([getattr(s, f) for s in each]) for f in fields)) for each in made.values()]


def _scenes(pairs: Sequence[Pair], photographs: Path, shown: int) -> Iterator[tuple[str, Pixels, Pixels]]:
    """Yield what is judged: kind of light, input and target."""
    for index, pair in enumerate(pairs):
        low, high = pair.read()
        for name in ("pairs", "mixed"):
            yield name, LIGHTS[name](low, high, np.random.default_rng(10_000 + index)), high
    for index, path in enumerate(list(images_in(photographs))[:shown]):
        picture = open_upright(path)
        rng = np.random.default_rng(20_000 + index)
        yield "backlit", LIGHTS["backlit"](picture, picture, rng), picture
        yield "bright", picture, picture


def _judged(
    student: Student, maps: Mapping[str, Map | int | None], scenes: Iterable[tuple[str, Pixels, Pixels]]
) -> Iterator[Row]:
    """Yield a row per map and kind of light: means over its pictures."""
    scores: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for light, low, high in scenes:
        image, wanted = planes(low), planes(high)
        one = sample(student, image, wanted)
        target = levels_of(wanted)
        for name, given in maps.items():
            output = levels_of(restored(student, image, one.z, _gain(student, one, given)))
            both = psnr(output, target), psnr(gt_mean(output, target), target)
            scores[name, light].append((min(both[0], UNCHANGED), min(both[1], UNCHANGED)))
    for name, light in product(maps, LIGHTS):
        plain, matched = np.mean(scores[name, light], axis=0)
        yield {
            "variant": name,
            "light": light,
            "pictures": len(scores[name, light]),
            "psnr": round(float(plain), 3),
            "psnr_gt_mean": round(float(matched), 3),
        }


def _gain(student: Student, one: Sample, given: Map | int | None) -> Tensor | None:
    if given is None:
        return None
    if isinstance(given, int):
        return fitted_to_target(student, one, given)
    gain: Tensor = given(one.view, one.z)
    return gain


def page(result: Mapping[str, Any]) -> str:
    """Return a result file's content as Markdown."""
    return table(result["rows"])


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table: a line per variant, a column per kind of light."""
    lights = list(dict.fromkeys(row["light"] for row in rows))
    lines = [f"| variant | {' | '.join(lights)} |", "|---" * (len(lights) + 1) + "|"]
    for name in dict.fromkeys(row["variant"] for row in rows):
        cells = [f"{r['psnr']:.2f} / {r['psnr_gt_mean']:.2f}" for r in rows if r["variant"] == name]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "PSNR in dB / with GT-mean.", ""])


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of pairs to fit maps to")
    parser.add_argument("--validation", type=Path, required=True, help="folder of held-out pairs")
    parser.add_argument("--photographs", type=Path, required=True, help="folder of well-exposed photographs")
    parser.add_argument("--weights", default="lowlight-small", help="of the student (%(default)s)")
    parser.add_argument("--steps", type=int, default=1500, help="of each map (%(default)s)")
    parser.add_argument("--batch", type=int, default=20, help="thumbnails per step (%(default)s)")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th pair (%(default)s)")
    parser.add_argument("--shown", type=int, default=12, help="photographs, at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (%(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=result_path("illumination-map"), help="result")
    return parser


if __name__ == "__main__":
    sys.exit(main())
