"""Command line: ``python -m restorect_edge.inspect ARTIFACT``."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorect_edge.artifact import UNVERIFIED, Artifact, Manifest
from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.targets.registry import TARGETS
from restorect_edge.utils.options import argument
from restorect_edge.weights import license_of

EXAMPLES = """  python -m restorect_edge.inspect out/lowlight-small-onnx-fp32-split-dynamic
  python -m restorect_edge.inspect ARTIFACT --json

Shows an artifact's input and output, what it was made from and how it was verified. Every file's hash is
checked; no backend is needed.
"""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class Inspect(Json):
    """Options of `inspect`."""

    artifact: Path = argument(metavar="ARTIFACT")
    """Directory that an export made."""


def parser() -> Parser:
    """Return the parser."""
    description = "Show what an artifact is, its input and output, and how it was verified."
    return Parser("inspect", description, EXAMPLES, Inspect)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_inspect, parser(), argv)


def _inspect(args: Inspect) -> int:
    artifact = Artifact.open(args.artifact)
    if args.json:
        print(json.dumps(as_json(artifact), indent=2))
        return 0
    manifest = artifact.manifest
    print(f"{manifest.name} for {manifest.target}, {manifest.precision}, {manifest.form}")
    for label, text in describe(artifact):
        # Nothing holds the text of an artifact to letters: an escape sequence would play with the terminal.
        print(f"  {label:<10} {CONTROL.sub('?', text)}")
    print("next:")
    for command in next_commands(artifact):
        print(f"  {command}")
    return 0


def as_json(artifact: Artifact) -> dict[str, Any]:
    """Return the manifest with its path, the bytes of its native files, and the size of every file."""
    sizes = {name: (artifact.path / name).stat().st_size for name in artifact.manifest.files}
    manifest: dict[str, Any] = json.loads(artifact.manifest.to_json())
    return {"path": str(artifact.path), "bytes": artifact.bytes, "sizes": sizes, "manifest": manifest}


def describe(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line of the summary."""
    manifest = artifact.manifest
    yield "path", str(artifact.path)
    yield "task", manifest.task
    yield "takes", takes(manifest)
    for direction in ("image", "restored"):
        if tensor := manifest.input.get(direction):
            yield ("input" if direction == "image" else "output"), _described(tensor, _tensor)
    if manifest.steps is not None:
        yield "steps", f"{manifest.steps} Euler steps of the flow"
    yield "weights", _described(manifest.weights, _weights)
    yield "verified", _described(manifest.verification, _verification)
    for graph in manifest.graphs:
        yield graph.role, f"{graph.file}{' ' + _size(graph.shape) if graph.shape else ''}"
    yield "size", f"{artifact.bytes:,} bytes of native files"
    for option, value in manifest.options.items():
        yield "option", f"{option} {value}"
    made_with = ", ".join(f"{tool} {version}" for tool, version in manifest.tools.items())
    yield "made", f"{manifest.created} by restorect-edge {manifest.toolkit_version} ({made_with})"


def takes(manifest: Manifest) -> str:
    """Say which image sizes an artifact takes, height first."""
    graphs = [graph for graph in manifest.graphs if graph.role != "prior"]
    multiple = manifest.spec.size.multiple_of
    fixed = ", ".join(_size(graph.shape) for graph in graphs if graph.shape)
    if not fixed:
        sizes = "any size" + (", large ones by tiles" if manifest.spec.tileable else "")
    elif manifest.spec.tileable:
        sizes = f"any size, by tiles of {fixed}"
    else:
        sizes = f"images of up to {fixed} (height x width)"
    return sizes + (
        f"; the runtime pads sides to multiples of {multiple} and crops back" if multiple > 1 else ""
    )


def _tensor(facts: dict[str, Any]) -> str:
    low, high = facts["range"]
    scale = facts.get("scale", 1)
    larger = f", {scale} times as large" if scale != 1 else ""
    return f"{facts['name']}: {facts['dtype']} {facts['layout']}, {facts['color']}, {low} to {high}{larger}"


def _described(facts: Any, write: Callable[[Any], str]) -> str:
    """Describe entries that the contract leaves free; those of another form are shown as they are."""
    try:
        return write(facts)
    except (LookupError, TypeError, ValueError, AttributeError):
        return json.dumps(facts)


def _weights(facts: Mapping[str, Any]) -> str:
    if not facts:
        return "a network of one's own, kept in the artifact for verification"
    return f"{facts['name']}, sha256 {facts['sha256'][:12]}…, license: {license_of(facts)}"


def _verification(facts: Mapping[str, Any]) -> str:
    if not facts:
        return "not verified"
    if facts["status"] == UNVERIFIED:
        return f"not verified: {facts['reason']}"
    return (
        f"{facts['status']}: {facts['psnr']:.1f} dB from {facts['reference']} (gate {facts['gate']:.0f} dB), "
        f"max {facts['max_abs']:.2g}, {facts['images']} images, by {facts['by']}"
    )


def next_commands(artifact: Artifact) -> Iterator[str]:
    """Yield the command lines that come next."""
    yield f"restorect-edge verify {shlex.quote(str(artifact.path))}"
    if target := TARGETS.get(artifact.manifest.target):
        yield from target.next_commands(artifact)


def _size(shape: tuple[int, int] | None) -> str:
    return f"{shape[0]}x{shape[1]}" if shape else "any size"
