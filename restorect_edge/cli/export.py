"""Command line: ``python -m restorect_edge.export --target coreml``."""

import json
from dataclasses import dataclass, replace
from typing import Any

from restorect_edge.artifact import Artifact
from restorect_edge.cli.command import run, say
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json, Network, Overwrite
from restorect_edge.errors import UsageError, unknown_name
from restorect_edge.export import TARGETS, ExportRequest, Plan, prepare
from restorect_edge.export.options import UINT8
from restorect_edge.export.serve import SERVERS, check_servable, model_repository
from restorect_edge.spec import ImageSpec, SizeRequirements
from restorect_edge.targets.models import is_model, spec_of, starting_at
from restorect_edge.targets.registry import labels
from restorect_edge.targets.running import OWN, VALUE_OPTIONS, Values
from restorect_edge.utils.options import option
from restorect_edge.weights import license
from restorect_edge.weights.kinds import is_program

EXAMPLES = """  python -m restorect_edge.export --target coreml
  python -m restorect_edge.export --target all --shapes 720x1280 -o out
  python -m restorect_edge.export --target onnx
  python -m restorect_edge.export --target openvino --precision int8
  python -m restorect_edge.export --target all --precision auto
  python -m restorect_edge.export --recipe export/jetson-orin-nano.toml
  python -m restorect_edge.export --target openvino --weights mine.pt2 --halo 8 --multiple-of 4

Each artifact is run and compared with the float32 network before it is handed over.
Exit codes: 0 ok, 1 usage, 2 quality gate, 3 missing dependency, 4 incompatible file, 5 backend failure.
"""


@dataclass(frozen=True, kw_only=True)
class Export(Network, ExportRequest, Values, Overwrite, Json):
    """Options of `export`; most defaults depend on the target."""

    target: str | None = option(None, metavar="NAME", more=lambda: f"{', '.join(TARGETS)} or all")
    """What the artifact is for."""
    serve: str | None = option(None, choices=SERVERS)
    """Also write a server's model repository beside it: NVIDIA Triton, OpenVINO Model Server."""
    dry_run: bool = option(False)
    """Check everything, say what would be made, and stop."""
    scale: int = option(1, metavar="N", group=OWN)
    """Output side over input side."""
    multiple_of: int = option(1, metavar="N", group=OWN)
    """Image sides it takes."""
    halo: int | None = option(None, metavar="N", group=OWN)
    """Pixels of context it needs, if strictly local."""


def parser() -> Parser:
    """Return the parser."""
    description = f"Export a network to {labels('or')}, and verify what was made."
    return Parser("export", description, EXAMPLES, Export, config=("--config", "--recipe"))


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_export, parser(), argv)


def _export(args: Export) -> int:
    plan = _plan(args)
    if args.serve and args.io == UINT8:
        raise UsageError(f"--serve {args.serve} writes a client of float32 planes: leave out --io uint8")
    if args.serve:
        for job in plan.jobs:
            check_servable(job.target, args.serve)
    artifacts: list[Artifact] = []
    if args.dry_run:
        rows = [_planned(plan, index) for index in range(len(plan.paths))]
    else:
        artifacts = plan.run(overwrite=args.overwrite, progress=say)
        rows = [_made(artifact) for artifact in artifacts]
        if args.serve:
            for artifact in artifacts:
                say(f"served from: {model_repository(artifact, args.serve)}")
    if args.json:
        print(json.dumps({"artifacts": rows}))
        return 0
    if told := license.line(plan.jobs[0].source.weights, option=not args.product):
        say(told)
    for artifact in artifacts:
        for step in TARGETS[artifact.manifest.target].next_commands(artifact):
            say(f"next: {step}")
    for row in rows:
        print(row["path"])
    return 0


def _plan(args: Export) -> Plan:
    target, weights = args.target, license.chosen(args.weights, product=args.product)
    if target is None:
        raise UsageError(f"--target is missing; choose {', '.join(TARGETS)} or all")
    if target != "all" and target not in TARGETS:
        raise unknown_name("target", target, [*TARGETS, "all"])
    request = replace(args, spec=_spec(args, weights))
    able = starting_at(weights) if is_model(weights) else list(TARGETS)
    # all is all that can: a target that is named is refused instead, with the reason
    every = [
        name
        for name in able
        if (TARGETS[name].free_sides or not request.dynamic) and (TARGETS[name].levels or request.io != UINT8)
    ]
    return prepare(weights, every if target == "all" else [target], request)


def _spec(args: Export, weights: str) -> ImageSpec | None:
    """Return the contract of a network of one's own; None for what brings its own."""
    values = args.values
    described = args.scale != 1 or args.multiple_of != 1 or args.halo is not None
    own, model = is_program(weights), is_model(weights)
    if values and not (own or model):
        raise UsageError(f"{VALUE_OPTIONS} describe a .pt2 or .onnx network, of whose graph they become part")
    if own or (described and model):
        multiple = args.multiple_of
        size = SizeRequirements(minimum=multiple, multiple_of=multiple)
        return ImageSpec(scale=args.scale, size=size, halo=args.halo, **values)
    if described:
        raise UsageError("--scale, --multiple-of and --halo describe a .pt2 or .onnx network of your own")
    return spec_of(weights, values)


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
