"""Command line: ``python -m restorect_edge.calibrate --weights lowlight-small``."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restorect_edge.cli.command import run, say
from restorect_edge.cli.network import licenses
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.quantization import calibrate
from restorect_edge.quantization.data.dataset import CalibrationSet
from restorect_edge.utils.destination import require_writable, written
from restorect_edge.utils.options import option

if TYPE_CHECKING:
    from restorect_edge.models.weights import Weights
    from restorect_edge.quantization.calibrated import Calibrated

EXAMPLES = """  python -m restorect_edge.calibrate --weights lowlight-small
  python -m restorect_edge.calibrate --weights lowlight-small --data photographs --num 64 -o plan.json
  python -m restorect_edge.calibrate --weights mine.safetensors --data set.json --json
  python -m restorect_edge.calibrate --weights mine.safetensors --validation pairs --max-psnr-drop 0.05

DATA is a folder of photographs as the network will be given them, a folder of pairs (low/ or input/ is
used), or a manifest (.json) with the sha256 of each image; by default the set that is shipped for the task
of the weights. The plan has every scale, and what stays float and why. The recipe has what INT8 costs in dB
of PSNR on the validation pairs, and which blocks were returned to float so that it costs no more than it may.
Both are the same for the same weights, data and seed, but for --qat, which does what it can in its time.
"""


@dataclass(frozen=True, kw_only=True)
class Calibrate(Json, calibrate.Calibrate):
    """Options of `calibrate`."""

    output: Path | None = option(None, "-o", metavar="FILE")
    """The plan; by default out/NAME-int8-plan.json, or nowhere with --json."""
    recipe: Path | None = option(None, metavar="FILE")
    """The recipe; by default beside the plan."""


def parser() -> Parser:
    """Return the parser."""
    description = "Calibrate a student to INT8 once for all targets, and write the plan."
    return Parser("calibrate", description, EXAMPLES, Calibrate)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_calibrate, parser(), argv)


def _calibrate(args: Calibrate) -> int:
    for given in filter(None, (args.output, args.recipe)):
        require_writable(given)  # before minutes of calibration
    weights = calibrate.student_weights(str(args.weights))
    for line in licenses([str(args.weights)]):
        say(line)
    path = _output(args, weights)
    recipe = _recipe_path(args, path)
    wanted = calibrate.calibration_for(weights, args)
    chosen = wanted.photographs
    for note in chosen.notes:
        say(f"warning: {note}")
    say(f"calibrating {weights.name} on {chosen.count} photographs, {chosen.source}")
    made = calibrate.quantized(weights, wanted, say)
    texts = {path: made.plan.to_json(), recipe: made.recipe.to_json()}
    files = [written(file, text.encode("utf-8", "surrogateescape")) for file, text in texts.items() if file]
    if args.json:
        say(made.recipe.summary())
        sys.stdout.write(made.plan.to_json())
    else:
        sys.stdout.write("".join(f"{line}\n" for line in (*_text(made, chosen), *files)))
    return 0


def _output(args: Calibrate, weights: "Weights") -> Path | None:
    """Return where the plan goes."""
    if args.output is None:
        return None if args.json else _writable(Path("out") / f"{weights.name}-int8-plan.json")
    return args.output


def _recipe_path(args: Calibrate, plan: Path | None) -> Path | None:
    return args.recipe or (plan and plan.with_name(f"{plan.stem.removesuffix('-plan')}-recipe.json"))


def _writable(path: Path) -> Path:
    require_writable(path)
    return path


def _text(made: "Calibrated", chosen: CalibrationSet) -> Iterator[str]:
    plan = made.plan
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
    yield made.recipe.summary()
