"""Command line: ``python -m restorect_edge.drift ARTIFACT|WEIGHTS``."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from restorect_edge.artifact import Artifact
from restorect_edge.cli.command import run, say
from restorect_edge.cli.network import licenses
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.errors import MissingDependencyError, UsageError
from restorect_edge.quantization.calibrate import student_weights
from restorect_edge.quantization.data.dataset import CalibrationSet
from restorect_edge.quantization.options import CalibrationData
from restorect_edge.utils.destination import require_writable, written
from restorect_edge.utils.options import argument, option

if TYPE_CHECKING:
    from restorect_edge.models.student import Student
    from restorect_edge.quantization.drift.measure import ModuleDrift
    from restorect_edge.quantization.quantize import QuantizedStudent

EXAMPLES = """  python -m restorect_edge.drift lowlight-small --plot drift.png
  python -m restorect_edge.drift out/lowlight-small-openvino-int8-split-dynamic --data photographs
  python -m restorect_edge.drift mine.safetensors --data pairs --num 32 --json -o report

Weights are calibrated first, on the same photographs; an INT8 artifact is rebuilt from its plan. SNR is the
energy of the float32 output over that of the difference, in dB: accumulated, with inputs that have drifted
already, and alone, with the float network's inputs. Modules have their names in the source; the body gets z
of the float prior, and 'student' is the whole network. A flow's row is its latent after a step.
"""

FULL = 60.0
"""SNR in dB at which a bar is empty; at 0 dB it is full."""
BAR = 20
HEADINGS = {
    "prior": "prior: float arithmetic, weights stored as int8 (3×3) or float16 (1×1)",
    "flow": "flow steps: the latent after each; float arithmetic, conditions that have drifted",
    "body": "body: int8, but for what the plan leaves in float",
    "output": "restored image: of the body with the float z, and of the whole student",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was compared, and what came out."""

    name: str
    how: str
    """Where the quantized network came from, in words."""
    photographs: CalibrationSet
    rows: "tuple[ModuleDrift, ...]"

    @property
    def worst(self) -> "ModuleDrift":
        """The module of the least accumulated SNR."""
        return min(self._modules, key=lambda row: row.snr)

    @property
    def worst_alone(self) -> "ModuleDrift":
        """The module that adds most by itself."""
        return min(self._modules, key=lambda row: math.inf if row.alone_snr is None else row.alone_snr)

    @property
    def _modules(self) -> "list[ModuleDrift]":
        return [row for row in self.rows if row.stage in ("prior", "body")]

    def to_dict(self) -> dict[str, Any]:
        """Return what a program may read; decibels are null where they are infinite."""
        return {
            "name": self.name,
            "quantised": self.how,
            "photographs": self.photographs.count,
            "photographs_source": self.photographs.source,
            "photographs_sha256": self.photographs.sha256,
            "worst": self.worst.name,
            "worst_alone": self.worst_alone.name,
            "modules": [_row(row) for row in self.rows],
        }


@dataclass(frozen=True, kw_only=True)
class Drift(Json, CalibrationData):
    """Options of `drift`."""

    source: str = argument(metavar="ARTIFACT|WEIGHTS")
    """INT8 artifact, or weights by name or file."""
    weights: str | None = option(None, "-w", metavar="NAME|PATH")
    """What the artifact was made from, if that is not shipped."""
    plot: Path | None = option(None, metavar="FILE")
    """Draw the table as a PNG image."""
    output: Path | None = option(None, "-o", metavar="DIR")
    """Write drift.json and drift.png there."""


def parser() -> Parser:
    """Return the parser."""
    description = "Show how far INT8 takes each module and flow step from its float32 form."
    return Parser("drift", description, EXAMPLES, Drift)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_drift, parser(), argv)


def _drift(args: Drift) -> int:
    plots = _plots(args)
    report = _from_artifact(args) if Path(args.source).is_dir() else _from_weights(args)
    content = json.dumps(report.to_dict(), indent=2)
    if args.output:
        written(args.output / "drift.json", f"{content}\n".encode())
    for path in plots:
        _draw(path, report)
    sys.stdout.write(f"{content}\n" if args.json else "".join(f"{line}\n" for line in table(report)))
    return 0


def _plots(args: Drift) -> list[Path]:
    """Return where plots go; what is wrong with it is said before minutes of measuring."""
    paths: list[Path] = [args.plot] if args.plot else []
    if paths and paths[0].suffix.lower() != ".png":
        raise UsageError(f"--plot writes a PNG image, got '{paths[0]}'; name it .png")
    if args.output:
        require_writable(args.output, folder=True)
        paths.append(args.output / "drift.png")
    for path in paths:
        require_writable(path, option="--plot" if path == args.plot else "-o")
    if paths:
        from restorect_edge.quantization.drift.plot import require_matplotlib

        require_matplotlib()
    return paths


def _from_weights(args: Drift) -> Report:
    if args.weights is not None:
        raise UsageError("--weights is for artifacts; name the weights as the source")
    weights = student_weights(args.source)
    for line in licenses([args.source]):
        say(line)
    chosen = args.photographs(str(weights.card.get("task", "custom")))
    from restorect_edge.quantization.quantize import quantize_student

    for note in chosen.notes:
        say(f"warning: {note}")
    say(f"calibrating {weights.name} on {chosen.count} photographs, {chosen.source}")
    student = weights.body_owner()
    # the portable form, as `calibrate` and `export` give it unless asked for another
    quantized = quantize_student(student, chosen.images, saturation_safe=True)
    return _measured(weights.name, "calibrated on the same photographs", student, quantized, chosen)


def _from_artifact(args: Drift) -> Report:
    artifact = Artifact.open(args.source)
    manifest = artifact.manifest
    if manifest.precision != "int8":
        raise UsageError(
            f"'{artifact.path}' is {manifest.precision}; drift is between float32 and int8: "
            "export with --precision int8, or name the weights"
        )
    chosen = args.photographs(manifest.task)
    for line in licenses([args.source]):
        say(line)
    student, quantized = _rebuilt(artifact, args.weights)
    return _measured(artifact.path.name, "rebuilt from its plan", student, quantized, chosen)


def _rebuilt(artifact: Artifact, weights: str | None) -> "tuple[Student, QuantizedStudent]":
    try:
        from restorect_edge.export.verify.reference import weights_of
        from restorect_edge.quantization.plan import PLAN_FILE, QuantPlan
        from restorect_edge.quantization.rebuild import rebuild
        from restorect_edge.quantization.recipe import RECIPE_FILE
    except ImportError as error:
        raise MissingDependencyError("measuring drift", "export", detail=str(error)) from error
    recipe = artifact.path / RECIPE_FILE
    if recipe.is_file() and json.loads(recipe.read_text(encoding="utf-8"))["qat_steps"]:
        raise UsageError(
            f"'{artifact.path}' was fine-tuned with --qat, so it has other weights than those it was made "
            "from, and cannot be rebuilt: measure an export without --qat, or name the weights"
        )
    student = weights_of(artifact, weights).body_owner()
    return student, rebuild(student, QuantPlan.read(artifact.path / PLAN_FILE))


def _measured(
    name: str, how: str, student: "Student", quantized: "QuantizedStudent", chosen: CalibrationSet
) -> Report:
    from restorect_edge.quantization.drift.measure import measure

    images = tqdm(chosen.images, unit="image", file=sys.stderr, disable=None)
    return Report(name=name, how=how, photographs=chosen, rows=measure(student, quantized, images))


def table(report: Report) -> Iterator[str]:
    """Yield the lines of the table, in the order of the network, with a mark at the worst module."""
    chosen = report.photographs
    width = max(len(row.name) for row in report.rows)
    yield f"{report.name}: INT8, {report.how}, against float32, {chosen.count} photographs, {chosen.source}"
    yield f"{'':<{width}}  SNR dB    cosine   alone dB"
    stage = ""
    for row in report.rows:
        if row.stage != stage:
            stage = row.stage
            yield f"# {HEADINGS[stage]}"
        yield _line(row, width, _mark(row, report)).rstrip()


def _line(row: "ModuleDrift", width: int, mark: str) -> str:
    alone = "" if row.alone_snr is None else _decibels(row.alone_snr)
    numbers = f"{_decibels(row.snr)}  {row.cosine:.6f}  {alone:>8}"
    return f"{row.name:<{width}}  {numbers}  {_bar(row.snr):<{BAR}}{mark}"


def _mark(row: "ModuleDrift", report: Report) -> str:
    worst = ((report.worst, "worst"), (report.worst_alone, "worst alone"))
    marks = [words for found, words in worst if found is row]
    return f" ← {', '.join(marks)}" if marks else ""


def _decibels(snr: float) -> str:
    return f"{snr:6.1f}" if math.isfinite(snr) else ("  same" if snr > 0 else "  lost")


def _bar(snr: float) -> str:
    return "█" * round(BAR * (1 - min(max(snr, 0.0), FULL) / FULL))


def _row(row: "ModuleDrift") -> dict[str, Any]:
    return {
        "name": row.name,
        "stage": row.stage,
        "snr_db": _finite(row.snr),
        "cosine": row.cosine,
        "alone_snr_db": _finite(row.alone_snr),
        "alone_cosine": row.alone_cosine,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _draw(path: Path, report: Report) -> None:
    from restorect_edge.quantization.drift.plot import plot

    chosen = report.photographs
    written(path, plot(report.rows, title=f"{report.name}: {chosen.count} photographs, {chosen.source}"))
    say(f"wrote {path}")
