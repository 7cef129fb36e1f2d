"""Command line: ``python -m restorect_edge.verify ARTIFACT``."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from restorect_edge.artifact import Artifact
from restorect_edge.cli.command import run
from restorect_edge.cli.network import licenses
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.errors import QualityError
from restorect_edge.export.verify import check

EXAMPLES = """  python -m restorect_edge.verify out/lowlight-small-onnx-fp32-split-dynamic
  python -m restorect_edge.verify out/mine-openvino-fp32-split-dynamic --weights runs/mine/best.safetensors
  python -m restorect_edge.verify ARTIFACT --images photos --json

Checks every file's hash, runs the artifact and compares it with the float32 network on photographs, or
with its golden images where PyTorch or the weights are not there.
Exit codes: 0 it passes its gate, 2 it falls short, 3 what runs it is not installed, 4 a file is damaged, was
edited, or has something that cannot be run here, 5 running it fails.
"""


@dataclass(frozen=True, kw_only=True)
class Verify(Json, check.Verify):
    """Options of `verify`."""


def parser() -> Parser:
    """Return the parser."""
    return Parser(
        "verify", "Check an artifact's files, run it, and compare it with its network.", EXAMPLES, Verify
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_verify, parser(), argv)


def _verify(args: Verify) -> int:
    artifact = Artifact.open(args.artifact)
    result = check.judged(artifact, images=args.images, weights=args.weights)
    for line in licenses([str(artifact.path)]):
        print(line, file=sys.stderr)
    if args.json:
        print(json.dumps({"artifact": str(artifact.path), **result.to_dict()}, indent=2))
    else:
        print(result.summary())
    if result.status != "pass":
        raise QualityError(f"'{artifact.path}' is not close enough to its network; export it again")
    return 0
