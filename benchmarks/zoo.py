"""Which architectures of the community reach which target, in which precision: exported or why not,
agreement, INT8 against float, milliseconds on this machine, and size.

    python benchmarks/zoo.py [--only NAMES] [--targets NAMES] [--minutes M] [-o FILE]

Networks are small and their weights random; what is shown is that graphs are taken and computed as they are,
and what is missing. Results are written after every row; rows that are there are not made again, unless they
say no: what failed may be taken by now.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _results import conditions, read, result_path, write
from _zoo import ARCHITECTURES, save
from PIL import Image

import restorect_edge
from restorect_edge.errors import RestorectError
from restorect_edge.export import ExportRequest, prepare
from restorect_edge.export.int8 import calibrate
from restorect_edge.export.jobs import Job
from restorect_edge.export.pipeline import Traced, make_one, trace
from restorect_edge.media.photos import photos
from restorect_edge.targets.registry import RUNTIMES, TARGETS, backend_class, runtime_for

SHAPE = (64, 96)
"""Height and width: small, as attention over all pixels grows with their square."""
PRECISIONS = ("fp32", "int8", "fp16")
TARGETS_SHOWN = ("onnx", "openvino", "tensorrt", "litert", "coreml")
RUNS = 10
KEYS = (
    "architecture",
    "target",
    "precision",
    "status",
    "why",
    "psnr",
    "agreement",
    "ms",
    "bytes",
    "returned",
    "seconds",
)


def main() -> int:
    """Make the rows that are missing, and write them all."""
    options = _options()
    path = Path(options.output)
    rows = _read(path)
    whole, begun = not rows, time.monotonic()
    ends = begun + 60 * options.minutes
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        data = _photographs(Path(scratch))
        for precision in PRECISIONS:
            for name in options.only:
                targets = [t for t in options.targets if precision in TARGETS[t].precisions]
                # what failed is tried again, with what has changed since
                targets = [t for t in targets if not _is_made(rows.get(f"{name} {t} {precision}"))]
                if targets and time.monotonic() < ends:
                    for row in _made(name, targets, precision, Path(scratch), data):
                        rows[f"{name} {row['target']} {precision}"] = row
                        _written(path, rows)
    run = {"rows": len(rows), "minutes": round((time.monotonic() - begun) / 60, 1)}
    return _written(path, rows, run if whole else None)


def _options() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="+", default=list(ARCHITECTURES), choices=ARCHITECTURES, metavar="NAME")
    p.add_argument("--targets", nargs="+", default=list(TARGETS_SHOWN), choices=list(TARGETS), metavar="NAME")
    p.add_argument("--minutes", type=float, default=40.0, help="begin no row after this; default 40")
    p.add_argument("-o", "--output", default=result_path("zoo"), metavar="FILE")
    return p.parse_args()


def _photographs(scratch: Path) -> Path:
    folder = scratch / "photographs"
    folder.mkdir()
    for name, pixels in photos(SHAPE).items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def _made(
    name: str, targets: list[str], precision: str, scratch: Path, data: Path
) -> Iterator[dict[str, Any]]:
    """Trace a network once, make an artifact per target, and yield what came of each."""
    facts = {"architecture": name, "precision": precision}
    try:
        request = ExportRequest(
            precision=precision,
            shapes=[SHAPE],
            calib_data=data if precision == "int8" else None,
            output_dir=scratch / "out",
        )
        plan = prepare(save(name, scratch), targets, request)
        first = plan.jobs[0]
        int8 = None
        if plan.calibration:
            int8 = calibrate(first.source, plan.calibration, _say, shape=first.layout.only_shape)
        traced = trace(first, int8, _say)
    except RestorectError as error:
        yield from ({**facts, "target": target, "status": "no", "why": str(error)} for target in targets)
        return
    for job, path in zip(plan.jobs, plan.paths, strict=True):
        yield {**facts, "target": job.target.name, **_row(traced, job, path)}


def _row(traced: Traced, job: Job, path: Path) -> dict[str, Any]:
    """Make one artifact and say what came of it."""
    started = time.monotonic()
    try:
        artifact = make_one(traced, job, path, overwrite=True, progress=_say)
    except RestorectError as error:
        return {"status": "no", "why": str(error)}
    verdict = artifact.manifest.verification
    return {
        "status": "yes",
        "psnr": verdict["psnr"],
        "agreement": verdict.get("agreement"),
        "ms": _ms(artifact),
        "bytes": artifact.bytes,
        "returned": _returned(artifact.path),
        "seconds": round(time.monotonic() - started, 1),
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _ms(artifact: restorect_edge.Artifact) -> float | None:
    """Return the median time of an image; None where this machine has no runtime that says something."""
    name = runtime_for(artifact.manifest.target)
    if RUNTIMES[name].untimed:
        return None
    try:
        backend_class(name).devices()
    except RestorectError:  # a GPU that is not here
        return None
    image = np.zeros((*SHAPE, 3), np.uint8)
    times = []
    with restorect_edge.load(artifact.path) as restore:
        restore(image)
        for _ in range(RUNS):
            restore(image)
            times.append(restore.timings["total"])
    return round(statistics.median(times), 2)


def _returned(path: Path) -> int | None:
    """Return how many layers INT8 has returned to float."""
    recipe = path / "quantization-recipe.json"
    return len(json.loads(recipe.read_text())["returned"]) if recipe.is_file() else None


def _is_made(row: dict[str, Any] | None) -> bool:
    return row is not None and row["status"] == "yes"


def _read(path: Path) -> dict[str, Any]:
    return _by_name(read(path)["rows"]) if path.is_file() else {}


def _by_name(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return rows by network, target and precision."""
    return {f"{r['architecture']} {r['target']} {r['precision']}": r for r in rows}


def _written(path: Path, rows: dict[str, Any], run: dict[str, Any] | None = None) -> int:
    """Write rows, and how long the last run took that made all of what there was."""
    known = read(path)["conditions"].get("whole_run") if path.is_file() else None
    facts = conditions(
        whole_run=run or known,
        image=f"{SHAPE[1]}x{SHAPE[0]}",
        weights="random, small configurations",
        calibration="the shipped dark photographs, cut to that size",
        note="times were taken while other work ran, and say little",
    )
    if rows:
        write(path, "zoo", facts, [{key: row.get(key) for key in KEYS} for row in rows.values()])
    return 0


def page(result: Mapping[str, Any]) -> str:
    """Return a result file's content as Markdown: a row per architecture and target, then why not."""
    facts, rows = result["conditions"], _by_name(result["rows"])
    found = list(dict.fromkeys((row["architecture"], row["target"]) for row in rows.values()))
    lines = [
        "# Networks of the community on the targets",
        "",
        f"{facts['date'][:10]}, {facts['cpu']}, images of {facts['image']}, random weights, small "
        f"configurations; INT8 calibrated on {facts['calibration']}. PSNR in dB is against the float32 "
        "network, for INT8 followed by the agreement with its own plan, as the verdict runs it; ms are "
        f"medians of {RUNS} images while other work ran, and say little; KB are of the native files.",
        *_minutes(facts["whole_run"]),
        "",
        f"| network | target | {' | '.join(PRECISIONS)} |",
        "|---|---|---|---|---|",
    ]
    for name, target in found:
        cells = [_cell(rows.get(f"{name} {target} {precision}")) for precision in PRECISIONS]
        lines.append(f"| {name} | {target} | {' | '.join(cells)} |")
    failed = [row for row in rows.values() if row["status"] == "no"]
    if failed:
        lines += ["", "## Why not", ""]
        lines += [f"- {r['architecture']} {r['target']} {r['precision']}: {r['why']}" for r in failed]
    return "\n".join(lines) + "\n"


def _minutes(run: dict[str, Any] | None) -> list[str]:
    if run is None:
        return []
    told = f"`make zoo` made {run['rows']} rows in one run of {run['minutes']} minutes."
    return ["", " ".join(filter(None, (told, run.get("since"))))]


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    if row["status"] == "no":
        return "no"
    agreement = f" / {row['agreement']:.0f}" if row["agreement"] is not None else ""
    returned = f", {row['returned']} in float" if row["returned"] else ""
    ms = f", {row['ms']} ms" if row["ms"] is not None else ""
    return f"{row['psnr']:.0f}{agreement} dB{returned}{ms}, {row['bytes'] / 1000:.0f} KB"


if __name__ == "__main__":
    sys.exit(main())
