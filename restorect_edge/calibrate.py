"""Command line: ``python -m restorect_edge.calibrate --weights lowlight-small``."""

import argparse
import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from restorect_edge._command import Parser, run
from restorect_edge._files import replacing
from restorect_edge.calibration.dataset import CalibrationSet, calibration_images, tasks
from restorect_edge.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from restorect_edge.calibration.plan import QuantPlan
    from restorect_edge.models.weights import Weights

EXAMPLES = """  python -m restorect_edge.calibrate --weights lowlight-small
  python -m restorect_edge.calibrate --weights lowlight-small --data photographs --num 64 -o plan.json
  python -m restorect_edge.calibrate --weights mine.safetensors --data set.json --json

DATA is a folder of photographs as the network will be given them, a folder of pairs (low/ or input/ is
used), or a manifest (.json) with the sha256 of each image; by default the set that is shipped for the task
of the weights. The plan has every scale, and what stays float and why. It is the same for the same weights,
data and seed.
"""


def parser() -> Parser:
    """Return the parser."""
    p = Parser("calibrate", "Calibrate a student to INT8 once for all targets, and write the plan.", EXAMPLES)
    p.add_argument(
        "-w", "--weights", default="lowlight-small", metavar="NAME|PATH", help="default lowlight-small"
    )
    p.add_argument("--data", type=Path, metavar="DIR|MANIFEST", help="default: the shipped set of the task")
    p.add_argument("--num", type=int, default=128, metavar="N", help="photographs at most, default 128")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of their choice, default 0")
    p.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the plan; default out/NAME-int8-plan.json"
    )
    p.add_argument("--json", action="store_true", help="the plan on standard output, and in FILE if given")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_calibrate, parser(), argv)


def _calibrate(args: argparse.Namespace) -> int:
    weights = _weights(args.weights)
    path = _output(args, weights)
    chosen = _photographs(args, weights)
    for note in chosen.notes:
        _say(f"warning: {note}")
    _say(f"calibrating {weights.name} on {chosen.count} photographs, {chosen.source}")
    plan = _plan(weights, chosen, args.seed)
    if path is not None:
        _write(path, plan)
    sys.stdout.write(plan.to_json() if args.json else "".join(f"{line}\n" for line in _text(plan, chosen)))
    if path is not None and not args.json:
        print(path)
    return 0


def _weights(source: str) -> "Weights":
    for library in ("torch", "safetensors", "nncf", "torchao"):
        if importlib.util.find_spec(library) is None:
            raise MissingDependencyError("INT8 calibration", "calibrate", detail=f"no module '{library}'")
    from restorect_edge.models.weights import load_weights

    weights = load_weights(source)
    if weights.student is None:
        raise UsageError(f"'{weights.name}' has no prior and local body; only such students are quantised")
    return weights


def _output(args: argparse.Namespace, weights: "Weights") -> Path | None:
    """Return where the plan goes; what is wrong with it is said before minutes of calibration."""
    if args.output is None:
        return None if args.json else Path("out") / f"{weights.name}-int8-plan.json"
    path: Path = args.output
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not there.is_dir():
        raise UsageError(f"cannot write '{path}': '{path if path.is_dir() else there}' is in the way")
    return path


def _photographs(args: argparse.Namespace, weights: "Weights") -> CalibrationSet:
    task = str(weights.card.get("task", "custom"))
    if args.data is None and task not in tasks():
        raise UsageError(
            f"'{weights.name}' is for the task '{task}', which no calibration set is shipped for "
            f"(there is: {', '.join(tasks())}); give photographs with --data"
        )
    return calibration_images(args.data, num=args.num, seed=args.seed, task=task)


def _plan(weights: "Weights", chosen: CalibrationSet, seed: int) -> "QuantPlan":
    from restorect_edge.calibration.plan import QuantPlan
    from restorect_edge.calibration.quantize import quantize_student

    network = quantize_student(weights.body_owner(), chosen.images)
    return QuantPlan.of(network, images=chosen.count, sha256=chosen.sha256, source=chosen.source, seed=seed)


def _write(path: Path, plan: "QuantPlan") -> None:
    try:
        with replacing(path) as stream:
            stream.write(plan.to_json().encode())
    except OSError as error:
        raise UsageError(f"cannot write '{path}': {error.strerror}") from error


def _text(plan: "QuantPlan", chosen: CalibrationSet) -> Iterator[str]:
    stored = sum(tensor.arithmetic == "float" for tensor in plan.tensors)
    kinds = Counter("weight" if tensor.kind == "weight" else "activation" for tensor in plan.tensors)
    yield f"{kinds['weight']} weights and {kinds['activation']} activations in int8, {plan.scheme}"
    if stored:
        yield f"  {stored} of the weights are stored in int8 and computed with in float"
    for reason, count in Counter(row["why"] for row in plan.excluded).items():
        yield f"  float: {count} {'operation' if count == 1 else 'operations'}: {reason}"
    asked = f", {chosen.requested} asked for" if chosen.count < chosen.requested else ""
    yield f"calibrated on {chosen.count} of {chosen.available} photographs{asked}, {chosen.source}"
    yield f"  seed {plan.seed}, sha256 {plan.calibration_sha256}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
