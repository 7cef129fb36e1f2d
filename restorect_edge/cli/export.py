"""Command line: ``python -m restorect_edge.export --target coreml``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from restorect_edge.artifact import Artifact
from restorect_edge.cli.command import Parser, run
from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.export import TARGETS, ExportRequest, Plan, prepare
from restorect_edge.export.options import ALIASES, AUTO, CPUS, FORMS, INT8_ONLY, IOS, PRECISIONS, UINT8
from restorect_edge.export.serve import SERVERS, check_servable, model_repository
from restorect_edge.export.shapes import parse_shapes
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.base import Target
from restorect_edge.targets.models import is_model, starting_at
from restorect_edge.targets.registry import labels
from restorect_edge.weights import licence
from restorect_edge.weights.kinds import is_program

EXAMPLES = """  python -m restorect_edge.export --target coreml
  python -m restorect_edge.export --target all --shapes 720x1280 -o out
  python -m restorect_edge.export --target onnx
  python -m restorect_edge.export --target openvino --precision int8
  python -m restorect_edge.export --target all --precision auto
  python -m restorect_edge.export --recipe export/jetson-orin-nano.toml
  python -m restorect_edge.export --target openvino --weights mine.pt2 --halo 8 --multiple-of 4

Each artifact is run and compared with the float32 network before it is handed over.
Exit codes: 0 ok, 1 usage, 2 quality gate, 3 missing dependency, 4 incompatible file, 5 back-end failure.
"""
REQUESTED = ("precision", "steps", "dynamic", "form", "io", "minimum_deployment_target", *INT8_ONLY)
"""Options that are fields of `ExportRequest` as they stand; those left out depend on target and network."""

RANGE, CHANNELS = ("LOW", "HIGH"), ("R", "G", "B")
VALUES = (
    ("input-range", RANGE, "what it takes for black and white, such as 0 255; default 0 1"),
    ("output-range", RANGE, "what it gives for black and white, such as -1 1; default 0 1"),
    ("mean", CHANNELS, "subtracted from the input, in units of --input-range"),
    ("std", CHANNELS, "divides what is left of the input"),
    ("output-mean", CHANNELS, "added to the output, in units of --output-range"),
    ("output-std", CHANNELS, "multiplies the output before that"),
)
"""Options that say which values a network has as inputs and outputs, each a field of `ImageSpec`."""


def parser() -> Parser:
    """Return the parser; most defaults depend on the target, so that options left out are None."""
    p = Parser(
        "export",
        f"Export a network to {labels('or')}, and verify what was made.",
        EXAMPLES,
        config=("--config", "--recipe"),
    )
    p.add_argument("--target", metavar="NAME", help=f"{', '.join(TARGETS)} or all")
    p.add_argument(
        "-w",
        "--weights",
        metavar="NAME|PATH",
        help=f"default {licence.DEFAULT}; a .safetensors, .pth, .pt2 or .onnx file",
    )
    p.add_argument(
        "--product",
        action="store_true",
        help=f"only weights that may be shipped; default {licence.PRODUCT} then",
    )
    p.add_argument(
        "--precision",
        choices=(*PRECISIONS, AUTO),
        help=f"{_default_precisions()}; int8 is calibrated; w8: weights alone, {_having('w8')}; "
        "auto: measured and chosen",
    )
    p.add_argument(
        "--shapes", metavar="HxW[,HxW]", help=f"fixed image sizes, height first; default: {_default_sides()}"
    )
    p.add_argument(
        "--dynamic", action=argparse.BooleanOptionalAction, help="leave height and width free instead"
    )
    p.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="Euler steps of the flow: 1, 2, 4 (default) or 8; weights are trained for 4, and lose by others",
    )
    p.add_argument(
        "--form",
        choices=FORMS,
        help="whole: one graph; split: prior and body, any size by tiles; "
        "default split, where sides are given whole",
    )
    p.add_argument(
        "--io",
        choices=IOS,
        help="what images are at the graph's input and output: float32 planes in [0, 1] (default), or uint8 "
        f"levels with channels last, for {', '.join(t.name for t in TARGETS.values() if t.levels)}",
    )
    p.add_argument(
        "--minimum-deployment-target", metavar="IOS", help="Core ML: ios16, ios17 (default), ios18"
    )
    p.add_argument(
        "--calib-data",
        "--data",
        metavar="DIR|MANIFEST",
        help="int8: photographs or pairs to calibrate on; default the shipped set of the task",
    )
    p.add_argument(
        "--num-calib", "--num", type=int, metavar="N", help="int8: the most photographs; default 128"
    )
    p.add_argument(
        "--calib-seed", "--seed", type=int, metavar="N", help="int8: seed of their choice; default 0"
    )
    p.add_argument(
        "--max-psnr-drop", type=float, metavar="DB", help="int8: the most it may cost; default 0.10 dB"
    )
    p.add_argument(
        "--validation",
        metavar="DIR",
        help="int8: pairs that the cost is measured on; default those of the task",
    )
    p.add_argument("--qat", type=float, metavar="MINUTES", help="int8: fine-tune under quantization first")
    p.add_argument(
        "--cpu",
        choices=(*CPUS, *ALIASES),
        metavar="|".join(CPUS),
        help="int8: portable (default), exact on every x86, or vnni, for CPUs that have it",
    )
    p.add_argument(
        "--serve",
        choices=SERVERS,
        help="also write a server's model repository beside it: NVIDIA Triton, OpenVINO Model Server",
    )
    own = p.add_argument_group("networks of your own (.pt2, .onnx)")
    own.add_argument("--scale", type=int, default=1, metavar="N", help="output side over input side")
    own.add_argument("--multiple-of", type=int, default=1, metavar="N", help="image sides it takes")
    own.add_argument("--halo", type=int, metavar="N", help="pixels of context it needs, if strictly local")
    for name, metavar, words in VALUES:
        count = len(metavar)
        own.add_argument(f"--{name}", type=float, nargs=count, metavar=metavar, help=words)
    p.add_argument(
        "--allow-unverified",
        action="store_true",
        help="keep what cannot be run here for a verdict, and say so in its manifest",
    )
    p.add_argument("-o", "--output-dir", type=Path, default=Path("out"), metavar="DIR", help="default out")
    p.add_argument("--overwrite", action="store_true", help="replace an artifact of the same name")
    p.add_argument("--dry-run", action="store_true", help="check everything, say what would be made, stop")
    p.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return p


def _default_precisions() -> str:
    """Return the help text of the targets' default precisions, the base class's first."""
    others = dict.fromkeys(t.precision for t in TARGETS.values() if t.precision != Target.precision)
    named = {p: [name for name, t in TARGETS.items() if t.precision == p] for p in others}
    return ", ".join(
        [f"default {Target.precision}", *(f"{' and '.join(names)} {p}" for p, names in named.items())]
    )


def _default_sides() -> str:
    """Return the help text of the targets' default sides."""
    sized = {name: t.sides for name, t in TARGETS.items() if t.sides}
    named = {sides: [n for n in sized if sized[n] == sides] for sides in dict.fromkeys(sized.values())}
    told = (f"{' and '.join(n)} {','.join(f'{h}x{w}' for h, w in sides)}" for sides, n in named.items())
    return ", ".join(["any size", *told])


def _having(precision: str) -> str:
    return labels("and", among={name: t for name, t in TARGETS.items() if precision in t.precisions})


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_export, parser(), argv)


def _export(args: argparse.Namespace) -> int:
    plan = _plan(args)
    if args.serve and args.io == UINT8:
        raise UsageError(f"--serve {args.serve} writes a client of float32 planes: leave out --io uint8")
    for job in plan.jobs if args.serve else ():
        check_servable(job.target, args.serve)
    if args.dry_run:
        rows = [_planned(plan, index) for index in range(len(plan.paths))]
    else:
        artifacts = plan.run(overwrite=args.overwrite, progress=_say)
        rows = [_made(artifact) for artifact in artifacts]
        for artifact in artifacts if args.serve else ():
            _say(f"served from: {model_repository(artifact, args.serve)}")
    if args.json:
        print(json.dumps({"artifacts": rows}))
        return 0
    if told := licence.line(plan.jobs[0].source.weights, option=not args.product):
        _say(told)
    if not args.dry_run:
        for row in rows:
            for step in TARGETS[row["target"]].next_commands(Path(row["path"])):
                _say(f"next: {step}")
    for row in rows:
        print(row["path"])
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    target, weights = args.target, licence.chosen(args.weights, product=args.product)
    if target is None:
        raise UsageError(f"--target is missing; choose {', '.join(TARGETS)} or all")
    if target != "all" and target not in TARGETS:
        raise unknown_name("target", target, [*TARGETS, "all"])
    # --dynamic on the command line is instead of a recipe's sizes
    sized = args.shapes and not (args.dynamic and "shapes" in args.configured)
    given = {name: getattr(args, name) for name in REQUESTED if getattr(args, name) is not None}
    request = ExportRequest(
        spec=_spec(args, weights),
        shapes=parse_shapes(args.shapes) if sized else None,
        output_dir=args.output_dir,
        allow_unverified=args.allow_unverified,
        **given,
    )
    able = starting_at(weights) if is_model(weights) else list(TARGETS)
    every = [
        name
        for name in able
        if (TARGETS[name].free_sides or not request.dynamic) and (TARGETS[name].levels or request.io != UINT8)
    ]
    return prepare(weights, every if target == "all" else [target], request)


def _spec(args: argparse.Namespace, weights: str) -> ImageSpec | None:
    """Return the contract of a network of one's own; None for what brings its own."""
    fields = [name.replace("-", "_") for name, *_ in VALUES]
    values = {name: tuple(getattr(args, name)) for name in fields if getattr(args, name) is not None}
    described = args.scale != 1 or args.multiple_of != 1 or args.halo is not None
    own = is_program(weights)
    if values and not own:
        given = ", ".join(f"--{name}" for name, *_ in VALUES)
        raise UsageError(f"{given} describe a .pt2 network of your own, of whose graph they become part")
    if own or (described and is_model(weights)):
        multiple = args.multiple_of
        size = SizeRequirements(minimum=multiple, multiple_of=multiple)
        return ImageSpec(scale=args.scale, size=size, halo=args.halo, **values)
    if described:
        raise UsageError("--scale, --multiple-of and --halo describe a .pt2 or .onnx network of your own")
    return None


def _planned(plan: Plan, index: int) -> dict[str, Any]:
    job = plan.jobs[index]
    return {
        "target": job.target.name,
        "precision": job.options.precision,
        "form": job.layout.form,
        "path": str(plan.paths[index]),
        "bytes": None,
        "verification": {"status": "not-run", "by": None, "psnr": None, "max_abs": None},
        "auto": None,
    }


def _made(artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    report = json.loads((artifact.path / "report.json").read_text(encoding="utf-8"))
    return {
        "target": manifest.target,
        "precision": manifest.precision,
        "form": manifest.form,
        "path": str(artifact.path),
        "bytes": artifact.bytes,
        "verification": {key: manifest.verification[key] for key in ("status", "by", "psnr", "max_abs")},
        "auto": report.get("auto"),
    }


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
