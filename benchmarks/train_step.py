"""How many images a second training takes in, and where the time goes.

    python benchmarks/train_step.py [--rounds N] [--threads N] [-o FILE]

Students nano and small, without a teacher and with one of preset small (fresh weights: the cost is the
same), with batches drawn by the training thread (workers 0) and by another (workers 1), and without FLEX and
without the decomposition's losses, whose difference from the full recipe is what these cost. Each block is
12 steps, the period of the recipe; the recipes take turns, block by block. Shares are of the training
thread's own time: processor time with workers 0, so that other processes do not count, and wall time with
workers 1, where waiting is what is asked about. Images per processor second count the training thread alone.
The pairs are the photographs that the package ships.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from _options import parser
from _results import conditions, write
from PIL import Image
from tqdm import tqdm

from restorect_edge.media.photos import clean, photos
from restorect_edge.models.teacher import TEACHERS, Teacher
from restorect_edge.training.config import StudentTraining
from restorect_edge.training.data.sampling import Batch, batches
from restorect_edge.training.data.sources import Source, open_source
from restorect_edge.training.distill import StudentStage
from restorect_edge.training.engine.loop import Trainer

PERIOD = 12
"""Steps after which the recipe repeats: losses every 4 steps, rollouts in turns of 6."""
PARTS = ("data", "forward", "backward", "optimiser", "average")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is timed."""

    preset: str
    taught: bool
    workers: int = 0
    without: str = ""
    """The option whose weight is 0, if any."""

    def trainer(self, options: argparse.Namespace) -> Trainer:
        """Return a fresh trainer in the second phase of a run."""
        teacher = Teacher(TEACHERS["small"]).requires_grad_(False).eval() if self.taught else None
        changes: dict[str, Any] = {self.without: 0.0} if self.without else {}
        config = StudentTraining(
            preset=self.preset,
            batch=options.batch,
            patch=options.patch,
            phase=0.0,
            workers=self.workers,
            amp=options.amp,
            **changes,
        )
        return Trainer(StudentStage(config, teacher))


RECIPES = [
    Recipe(preset=preset, taught=taught, workers=workers, without=without)
    for preset in ("nano", "small")
    for taught in (False, True)
    for workers, without in ((0, ""), (1, ""), (0, "retinex"), *([(0, "flex")] if taught else []))
]


@dataclass(slots=True)
class Clocks:
    """Seconds that calls took, by part: wall time and the thread's processor time."""

    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    processor: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same and adds what it took."""

        def timing(*args: Any) -> Any:
            wall, processor = time.perf_counter(), time.thread_time()
            try:
                return call(*args)
            finally:
                self.wall[part] += time.perf_counter() - wall
                self.processor[part] += time.thread_time() - processor

        return timing


def main() -> int:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    facts = conditions(
        threads=options.threads,
        batch=options.batch,
        patch=options.patch,
        amp=options.amp,
        rounds=options.rounds,
        steps_per_block=PERIOD,
        order="all recipes, a block each, then all again; the first round warms up",
        teacher="small",
        data="shipped photographs, 4 pairs of 600x400, decoded in memory",
    )
    blocks = measure(options)
    rows = [summary(recipe, blocks, options.batch) for recipe in RECIPES if not recipe.without]
    write(options.output, "train_step", facts, rows)
    _report(rows, options.output)
    return 0


def measure(options: argparse.Namespace) -> dict[Recipe, list[Clocks]]:
    """Time each recipe's blocks, in turns."""
    blocks: dict[Recipe, list[Clocks]] = {recipe: [] for recipe in RECIPES}
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder), options.patch)
        trainers = {recipe: recipe.trainer(options) for recipe in RECIPES}
        with tqdm(total=(options.rounds + 1) * len(RECIPES), unit="block") as bar:
            for turn in range(options.rounds + 1):
                for recipe, trainer in trainers.items():
                    found = block(trainer, source, PERIOD if turn else 1)
                    if turn:
                        blocks[recipe].append(found)
                    bar.update()
    return blocks


def block(trainer: Trainer, source: Source, steps: int) -> Clocks:
    """Train some steps and return what they took; the first batch of the block is not timed."""
    clocks = Clocks()
    # one more than the steps: each fetches the batch of the next
    drawn = batches(
        source, trainer.step, trainer.step + steps + 1, trainer.sampling(), workers=trainer.config.workers
    )
    next_batch: Callable[[], Batch] = clocks.timed("data", drawn.__next__)
    advance = clocks.timed("step", trainer.advance)
    with _watched(trainer, clocks):
        batch = next(drawn)
        for _ in range(steps):
            advance(batch)
            batch = next_batch()
    return clocks


@contextmanager
def _watched(trainer: Trainer, clocks: Clocks) -> Iterator[None]:
    """Let the parts of a training step report to clocks."""
    hooks: list[tuple[object, str, str]] = [
        (trainer.stage, "losses", "forward"),
        (trainer, "_backward", "backward"),
        (trainer, "_optimize", "optimiser"),
        (trainer, "_update_average", "average"),
    ]
    for owner, name, part in hooks:
        setattr(owner, name, clocks.timed(part, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, _ in hooks:
            # which uncovers the method of the class again
            delattr(owner, name)


def summary(recipe: Recipe, blocks: dict[Recipe, list[Clocks]], batch: int) -> dict[str, Any]:
    """Return a recipe's row: rate, shares in percent, and what two ingredients cost."""
    found = blocks[recipe]
    walls = [clocks.wall["step"] + clocks.wall["data"] for clocks in found]
    kind = "wall" if recipe.workers else "processor"
    shares = {part: statistics.median(_share(getattr(c, kind), part) for c in found) for part in PARTS}
    return {
        "preset": recipe.preset,
        "teacher": recipe.taught,
        "workers": recipe.workers,
        "images_per_second": round(batch * PERIOD / statistics.median(walls), 2),
        "images_per_processor_second": round(batch * PERIOD / statistics.median(map(_processor, found)), 2),
        **{f"{part}_percent": round(share, 2) for part, share in shares.items()},
        "flex_percent": _cost(recipe, "flex", blocks) if recipe.taught and not recipe.workers else None,
        "decomposition_percent": None if recipe.workers else _cost(recipe, "retinex", blocks),
    }


def _share(seconds: dict[str, float], part: str) -> float:
    return 100 * seconds[part] / (seconds["step"] + seconds["data"])


def _processor(clocks: Clocks) -> float:
    return clocks.processor["step"] + clocks.processor["data"]


def _cost(recipe: Recipe, option: str, blocks: dict[Recipe, list[Clocks]]) -> float:
    """Return the median over rounds of the share of processor time that is saved without an ingredient."""
    less = Recipe(preset=recipe.preset, taught=recipe.taught, without=option)
    ratios = [_processor(b) / _processor(a) for a, b in zip(blocks[recipe], blocks[less], strict=True)]
    return round(100 * (1 - statistics.median(ratios)), 2)


def _source(folder: Path, patch: int) -> Source:
    for kind, images in (("low", photos()), ("high", clean())):
        (folder / kind).mkdir()
        for name, image in images.items():
            Image.fromarray(image).save(folder / kind / f"{name}.png")
    return open_source(folder, task="lowlight", least=patch)


def _report(rows: Sequence[dict[str, Any]], path: Path) -> None:
    for line in _lines(rows):
        print(line)
    print(path)


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    columns = list(rows[0])
    yield f"| {' | '.join(name.replace('_', ' ') for name in columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield f"| {' | '.join('' if row[name] is None else str(row[name]) for name in columns)} |"


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "train_step", rounds=3, threads=1, batch=8, patch=128)
    found.add_argument("--amp", type=float, default=1.0, help="share of the steps in bfloat16 (%(default)s)")
    return found


if __name__ == "__main__":
    sys.exit(main())
