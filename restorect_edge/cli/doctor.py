"""Command line: ``python -m restorect_edge.doctor``."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from restorect_edge.artifact import UNVERIFIED, Artifact
from restorect_edge.cli.command import run
from restorect_edge.cli.options.parser import Parser
from restorect_edge.cli.options.shared import Json
from restorect_edge.errors import BackendError, MissingDependencyError
from restorect_edge.targets.registry import RUNTIMES, TARGETS, backend_class, labels
from restorect_edge.utils.cpu import cpu_name, has_vnni
from restorect_edge.utils.options import argument
from restorect_edge.weights import card, license_of, locate, names, ready

EXAMPLES = """  python -m restorect_edge.doctor
  python -m restorect_edge.doctor --json
  python -m restorect_edge.doctor out/lowlight-small-onnx-fp32-split-dynamic

Lists what runs here, on which devices, and what each backend and export target that is missing needs.
The exit code is 0 whatever is found.
"""

VERDICTS = {"pass": "verified", "fail": "FAILED its verification", UNVERIFIED: "NOT verified"}
"""What is said of an artifact by what its manifest has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendReport:
    """What was found of one backend."""

    name: str
    available: bool
    version: str | None
    """Of its library, None where that is not installed or was not looked at."""
    devices: tuple[str, ...]
    runs: tuple[str, ...]
    """Targets whose artifacts it runs; ``weights`` for PyTorch."""
    needs: str
    """What to do to make it available; empty where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """Whether one export target can be made here."""

    name: str
    ready: bool
    summary: str
    verified_by: str
    needs: str


@dataclass(frozen=True, kw_only=True)
class Doctor(Json):
    """Options of `doctor`."""

    artifacts: tuple[Path, ...] = argument((), metavar="ARTIFACT")
    """Say whether these were verified, and what runs them here."""


def parser() -> Parser:
    """Return the parser."""
    return Parser("doctor", "Show what runs on this machine, and what the rest needs.", EXAMPLES, Doctor)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_doctor, parser(), argv)


def _doctor(args: Doctor) -> int:
    found = examine()
    if args.artifacts:
        found["artifacts"] = [_artifact(path) for path in args.artifacts]
    print(json.dumps(found, indent=2) if args.json else _text(found))
    return 0


def examine() -> dict[str, Any]:
    """Return everything found as JSON-able values: system, runtimes, targets and weights."""
    return {
        "system": system(),
        "runtimes": [asdict(examine_backend(name)) for name in RUNTIMES],
        "targets": [asdict(examine_target(name)) for name in TARGETS],
        "weights": [_weights(name) for name in names()],
    }


def system() -> dict[str, Any]:
    """Return versions of the package, Python and its base libraries, the system and the CPU."""
    return {
        "restorect_edge": metadata.version("restorect-edge"),
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "pillow": metadata.version("pillow"),
        "os": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "vnni": has_vnni(),
        "cores": os.cpu_count(),
    }


def examine_backend(name: str) -> BackendReport:
    """Ask a backend for its devices; whatever goes wrong is what it needs."""
    devices: tuple[str, ...] = ()
    needs = ""
    try:
        devices = backend_class(name).devices()
    except MissingDependencyError as error:
        needs = RUNTIMES[name].advice(f"pip install 'restorect-edge[{error.extra}]'")
    except BackendError as error:
        needs = str(error)
    except Exception as error:  # a broken installation raises anything, and saying so is this verb's job
        needs = f"its library is installed but fails: {type(error).__name__}: {error}"
    return BackendReport(
        name=name,
        available=bool(devices),
        version=_version(name),
        devices=devices,
        runs=RUNTIMES[name].targets or ("weights",),
        needs=needs or ("" if devices else "its library finds no device"),
    )


def _version(name: str) -> str | None:
    """Return the version of a backend's library if it has been imported."""
    loaded = (sys.modules.get(library) for library in RUNTIMES[name].import_names())
    versions = (getattr(module, "__version__", None) for module in loaded if module)
    # without the build, with which OpenVINO's goes on
    return next((str(version).partition("-")[0] for version in versions if version), None)


def examine_target(name: str) -> TargetReport:
    """Look for the libraries that exporting to a target needs, without importing them."""
    target = TARGETS[name]
    extras = dict.fromkeys(need.extra for need in target.missing())
    needs = f"pip install 'restorect-edge[{','.join(extras)}]'" if extras else ""
    return TargetReport(
        name=name, ready=not needs, summary=target.summary, verified_by=target.verified_by, needs=needs
    )


def _weights(name: str) -> dict[str, Any]:
    facts = card(locate(name))
    found = {precision: ready.find(name, precision) for precision in ready.available(name)}
    verdicts = {
        precision: Artifact.open(path, check=False).manifest.verification.get("status")
        for precision, path in found.items()
        if path is not None
    }
    return {"name": name, "task": facts.get("task"), "license": license_of(facts), "ready": verdicts}


def _artifact(path: Path) -> dict[str, Any]:
    """Say what an artifact is, whether it was verified, and what runs it here."""
    manifest = Artifact.open(path).manifest
    runtimes = [name for name in RUNTIMES if manifest.target in RUNTIMES[name].targets]
    return {
        "path": str(path),
        "target": manifest.target,
        "precision": manifest.precision,
        "verification": manifest.verification.get("status"),
        "runs_here": [name for name in runtimes if examine_backend(name).available],
    }


def _ready(verdicts: dict[str, str]) -> str:
    """Return which precisions the package carries, and any that nobody verified."""
    shown = [p if status == "pass" else f"{p} (not verified)" for p, status in verdicts.items()]
    return f"ready in {' and '.join(shown)} without PyTorch, " if shown else "by PyTorch, "


def _vnni(present: bool | None) -> str:
    if present is None:
        return ""
    x86 = labels("and", among={name: target for name, target in TARGETS.items() if target.x86})
    return ", VNNI" if present else f", no VNNI: INT8 for {x86} made with --cpu vnni saturates here"


def _text(found: dict[str, Any]) -> str:
    base = found["system"]
    lines = [
        f"restorect-edge {base['restorect_edge']}, Python {base['python']}, numpy {base['numpy']}, "
        f"Pillow {base['pillow']}",
        f"{base['os']}, {base['machine']}",
        f"{base['cpu']}, {base['cores']} logical cores{_vnni(base['vnni'])}",
        "",
        "Backends",
    ]
    for row in found["runtimes"]:
        state = ", ".join(row["devices"]) if row["available"] else f"needs: {row['needs']}"
        lines.append(f"  {row['name']:<12} {row['version'] or '-':<14} {state}")
    lines += ["", "Export targets"]
    for row in found["targets"]:
        state = "ready" if row["ready"] else f"needs: {row['needs']}"
        lines.append(f"  {row['name']:<12} {state:<14} {row['summary']}")
    lines += ["", "Weights"]
    lines += [
        f"  {w['name']:<27} {w['task'] or '-'}, {_ready(w['ready'])}license: {w['license'] or 'not stated'}"
        for w in found["weights"]
    ]
    if "artifacts" in found:
        lines += ["", "Artifacts"]
    for a in found.get("artifacts", ()):
        here = f"runs here by {', '.join(a['runs_here'])}" if a["runs_here"] else "nothing here runs it"
        verdict = VERDICTS.get(a["verification"], a["verification"])
        lines.append(f"  {a['path']}: {a['target']} {a['precision']}, {verdict}; {here}")
    return "\n".join(lines)
