"""What each ingredient of the distillation is worth: the same steps for all, several seeds, one table.

    python benchmarks/ablation.py --teacher training/teachers/lowlight.safetensors --data pairs/train \\
        --validation pairs/val [--preset small] [--steps 5000] [--seeds 0,1] [--only NAME,...] [-o FILE]

A student is trained as the shipped ones are: the prior alone, on cached thumbnails, then the body upon it.
Every variant of the prior is trained with every seed, and judged by the exposure and colors that it gives
to the held-out photographs at full size, before the body's trunk. Variants of the body are trained upon the
prior of `flow` of the same seed, and judged whole. Protocol ``standard``; the averaged weights of the last
step, none chosen by its score.

A run leaves its rows in the work folder and is not repeated; one that was interrupted goes on from its last
checkpoint. So it can be left alone, and started again with the same command:

    nohup nice python benchmarks/ablation.py --teacher … --data … --validation … > ablation.log 2>&1 &

The result file is rewritten after every run, and its table is printed at the end (`render.py` makes it of the
file). A run whose loss is no number is reported, the others go on, and the exit code is 5. Minutes are those
of the training steps alone, on however busy a machine.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from _prior_variants import SHARED, TaughtPriorTraining
from _results import conditions, result_path, write
from _variants import COMPARISONS, EXTRA_STEPS, VARIANTS, Comparison, Variant
from _verdict import RULE, pooled, verdict

from restorect_edge.errors import BackendError, RestorectError, UsageError, unknown_name
from restorect_edge.models import Student
from restorect_edge.models.teacher import Teacher
from restorect_edge.training.config import StudentTraining, TeacherTraining, Training
from restorect_edge.training.data.folders import find_pairs
from restorect_edge.training.data.pairs import Pair
from restorect_edge.training.data.sources import Source, open_source
from restorect_edge.training.engine import checkpoint
from restorect_edge.training.engine.loop import BEST, LAST, fit
from restorect_edge.training.engine.stage import Restore, Stage
from restorect_edge.training.engine.validation import validate
from restorect_edge.training.prior import PriorStage
from restorect_edge.training.teacher import TeacherStage, load_teacher
from restorect_edge.weights import card

Row = dict[str, Any]
SCORES = {"psnr": "PSNR", "psnr_gt_mean": "GT-mean PSNR", "ssim": "SSIM"}
JUDGED = ("psnr", "psnr_gt_mean")
CPU = torch.device("cpu")
SIZES = ("preset", "steps", "batch", "views", "lessons", "body_batch", "patch", "threads")
"""Options that the numbers depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all runs share."""

    teacher: Teacher
    teacher_facts: dict[str, Any]
    source: Source
    validation: Sequence[Pair]
    multiple: int
    """Sides are cropped to multiples of this for all, the teacher included."""

    def score(self, restore: Restore) -> Row:
        """Validate by protocol ``standard``."""
        return {k: round(v, 4) for k, v in validate(restore, self.validation, self.multiple, CPU).items()}


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except RestorectError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _run(options: argparse.Namespace) -> int:
    chosen = _chosen(options.only)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    torch.set_num_threads(options.threads)
    SHARED.folder = options.work
    bench, ceiling = _prepare(options)
    facts = _facts(options, seeds, bench)
    rows = [ceiling]
    status = 0
    for seed, name in product(seeds, chosen):
        try:
            rows += run(name, VARIANTS[name], _config(options, VARIANTS[name], seed), bench, options.work)
        except BackendError as error:
            _say(f"failed: {name}, seed {seed}: {error}")
            status = error.exit_code
        write(options.output, "ablation", facts, rows)
    print(table(rows))
    print(options.output)
    return status


def run(name: str, variant: Variant, config: Training, bench: Bench, work: Path) -> list[Row]:
    """Train and validate a variant, or read what an earlier run left; one row per number of steps."""
    folder = work / name / f"seed-{config.seed}"
    kept = folder / "rows.json"
    settings = {"config": asdict(config), "teacher": bench.teacher_facts if variant.taught else {}}
    if kept.is_file():
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["settings"] != settings:
            raise UsageError(f"'{folder}' is of a run with other options; give another --work folder")
        rows: list[Row] = found["rows"]
        return rows
    teaching = (bench.teacher, bench.teacher_facts) if variant.taught else ()
    stage = variant.stage(config, *teaching)  # type: ignore[arg-type]
    initial = _prior(work / variant.upon / folder.name) if variant.upon else None
    resume = (folder / LAST).is_file()
    best = fit(stage, bench.source, folder, initial=initial, resume=resume, log=_say)
    stage.network.load_state_dict(checkpoint.read(best))
    rows = _validated(name, stage, bench, {"seed": config.seed, "minutes": card(best)["training_minutes"]})
    _say(f"{name}, seed {config.seed}: {rows[0]}")
    kept.write_text(json.dumps({"settings": settings, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    return rows


def _prior(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the student whose prior a body is trained upon."""
    if not (folder / "rows.json").is_file():
        raise UsageError(f"bodies are trained upon the prior in '{folder}', which is not trained yet: run it")
    return checkpoint.read(folder / BEST)


def _validated(name: str, stage: Stage, bench: Bench, facts: Row) -> list[Row]:
    """Return a row for the usual number of steps, and for the others where the variant is `flow`."""
    assert isinstance(stage.network, Student)
    usual = stage.network.prior.steps
    counts = {name: usual} | ({f"{name}-n{n}": n for n in EXTRA_STEPS} if name == "flow" else {})
    return [
        {"variant": row, **facts, **bench.score(_restorer(stage, steps))} for row, steps in counts.items()
    ]


def _restorer(stage: Stage, steps: int) -> Restore:
    assert isinstance(stage.network, Student)
    stage.network.set_steps(steps)
    if isinstance(stage, PriorStage):
        return stage.restorer(stage.network)
    network = stage.network.deploy()
    return lambda degraded, clean: network(degraded)


def _prepare(options: argparse.Namespace) -> tuple[Bench, Row]:
    """Return what all runs share, and the teacher's own row: it sees the clean image, a ceiling."""
    teacher, facts = load_teacher(options.teacher)
    stage = TeacherStage(TeacherTraining(preset=facts["preset"]))
    bench = Bench(
        teacher=teacher,
        teacher_facts=facts,
        source=open_source(options.data, task="lowlight", least=options.patch),
        validation=find_pairs(options.validation),
        multiple=stage.multiple,
    )
    about = card(options.teacher)
    row = {"variant": "teacher", "seed": about["seed"], "minutes": about["training_minutes"]}
    return bench, {**row, **bench.score(stage.restorer(teacher))}


def _config(options: argparse.Namespace, variant: Variant, seed: int) -> Training:
    shared = {
        "preset": options.preset,
        "threads": options.threads,
        "seed": seed,
        "iterations": options.steps,
        "validate_every": max(1, options.steps // 5),
    }
    config: Training
    if variant.upon:
        body = {"batch": options.body_batch, "patch": options.patch, "prior_rate": 0.0, "window": 1.0}
        config = StudentTraining(**{**shared, **body, **variant.changes})
    else:
        prior = {"batch": options.batch, "views": options.views, "lessons": options.lessons}
        config = TaughtPriorTraining(**{**shared, **prior, **variant.changes})
    return config


def _facts(options: argparse.Namespace, seeds: list[int], bench: Bench) -> dict[str, Any]:
    return conditions(
        **{name: getattr(options, name) for name in SIZES},
        seeds=seeds,
        teacher=bench.teacher_facts,
        data="/".join(options.data.resolve().parts[-2:]),
        pairs=len(bench.source),
        validation="/".join(options.validation.resolve().parts[-2:]),
        validation_pairs=len(bench.validation),
        protocol=f"standard, sides cropped to multiples of {bench.multiple}",
        validated="averaged weights of the last step; priors by exposure and colors alone, bodies whole",
        variants={
            n: dict(v.changes) | {"stage": v.stage.__name__, "taught": v.taught, "upon": v.upon}
            for n, v in VARIANTS.items()
        },
        rule=RULE,
    )


def page(result: Mapping[str, Any]) -> str:
    """Return a result file's content as Markdown."""
    return table(result["rows"])


def table(rows: Sequence[Row]) -> str:
    """Return two Markdown tables: means and spreads of each variant, verdicts on each ingredient."""
    by_variant: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_variant[row["variant"]].append(row)
    lines = [f"| variant | seeds | {' | '.join(SCORES.values())} | minutes |", "|---|---|---|---|---|---|"]
    for name, found in by_variant.items():
        cells = [_spread([row[key] for row in found]) for key in SCORES]
        minutes = statistics.fmean(row["minutes"] for row in found)
        lines.append(f"| {name} | {len(found)} | {' | '.join(cells)} | {minutes:.1f} |")
    return "\n".join([*lines, "", *_verdicts(by_variant), "", f"Rule: {RULE}.", ""])


def _verdicts(by_variant: dict[str, list[Row]]) -> list[str]:
    lines = [
        f"| ingredient | variants | {' | '.join(f'Δ {title}' for title in SCORES.values())} | "
        f"{' | '.join(f'verdict by {SCORES[key]}' for key in JUDGED)} |",
        "|---|---|---|---|---|---|---|",
    ]
    known = [c for c in COMPARISONS if _common(c, by_variant)]
    for c in known:
        means = [f"{statistics.fmean(differences(c, by_variant, key)):+.3f}" for key in SCORES]
        judged = []
        for key in JUDGED:
            alike = [differences(other, by_variant, key) for other in known if other.kind == c.kind]
            judged.append(verdict(differences(c, by_variant, key), pooled(alike)))
        pair = f"{c.having} − {c.lacking}"
        lines.append(f"| {c.ingredient} | {pair} | {' | '.join(means)} | {' | '.join(judged)} |")
    return lines


def differences(comparison: Comparison, by_variant: dict[str, list[Row]], key: str) -> list[float]:
    """Return the differences of a score, seed by seed, over the seeds that both variants have."""
    having, lacking = (
        {row["seed"]: row[key] for row in by_variant[name]}
        for name in (comparison.having, comparison.lacking)
    )
    return [having[seed] - lacking[seed] for seed in _common(comparison, by_variant)]


def _common(comparison: Comparison, by_variant: dict[str, list[Row]]) -> list[int]:
    having, lacking = (
        {row["seed"] for row in by_variant.get(name, ())} for name in (comparison.having, comparison.lacking)
    )
    return sorted(having & lacking)


def _spread(values: list[float]) -> str:
    """Return the mean and, of several, the lowest and the highest."""
    mean = f"{statistics.fmean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def _chosen(only: str | None) -> list[str]:
    names = only.split(",") if only else list(VARIANTS)
    for name in names:
        if name not in VARIANTS:
            raise unknown_name("variant", name, VARIANTS)
    return names


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", type=Path, required=True, help="best.safetensors of a teacher's run")
    parser.add_argument("--data", type=Path, required=True, help="folder of pairs to train on")
    parser.add_argument("--validation", type=Path, required=True, help="folder of held-out pairs")
    parser.add_argument("--preset", default="small", choices=("nano", "small", "base"), help="%(default)s")
    parser.add_argument("--steps", type=int, default=5000, help="of each run (%(default)s)")
    parser.add_argument("--seeds", default="0,1", help="comma-separated (%(default)s)")
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(VARIANTS)}; default all")
    parser.add_argument("--batch", type=int, default=4, help="thumbnails per step (%(default)s)")
    parser.add_argument("--views", type=int, default=2, help="framings of each photograph (%(default)s)")
    parser.add_argument(
        "--lessons", type=int, default=300, help="steps of the decomposition, before (%(default)s)"
    )
    parser.add_argument("--body-batch", type=int, default=4, help="patches per step (%(default)s)")
    parser.add_argument("--patch", type=int, default=64, help="side in pixels (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (%(default)s)")
    parser.add_argument(
        "--work", type=Path, default=Path("out/ablation"), help="folder of the runs (%(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, default=result_path("ablation"), help="result file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
