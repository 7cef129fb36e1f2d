"""An artifact's files in the layout that a server reads: ``models/NAME/1/model.*``, and its configuration.

A split artifact becomes several models, its prior and each body; the client beside them runs them in turn,
with the same padding, tiles and thumbnail as `restorect_edge.load`.
"""

import json
import shutil
from pathlib import Path

from restorect_edge.artifact import Artifact, GraphFile, Manifest
from restorect_edge.errors import UsageError
from restorect_edge.targets.base import Target
from restorect_edge.targets.registry import TARGETS

__all__ = ["SERVERS", "check_servable", "model_name", "model_repository"]

SERVERS = ("triton", "ovms")
"""NVIDIA Triton Inference Server, and OpenVINO Model Server."""
CLIENT = Path(__file__).with_name("client.py")
CONFIG = """\
name: "{name}"
backend: "{backend}"
max_batch_size: 0
instance_group [
  {{
    count: 1
    kind: {kind}
  }}
]
"""
"""Inputs and outputs are completed by Triton, which reads them off the file."""
COMMANDS = {
    "triton": "docker run --rm -p 8000:8000 -v $PWD/models:/models nvcr.io/nvidia/tritonserver:25.06-py3 "
    "tritonserver --model-repository=/models",
    "ovms": "docker run --rm -p 8000:8000 -v $PWD:/repository openvino/model_server:latest "
    "--config_path /repository/config.json --rest_port 8000",
}
"""What starts the servers; neither image is run by this project's tests."""


def check_servable(target: Target, server: str) -> None:
    """Raise `UsageError` for a `target` whose files a `server` does not read, or an unknown server."""
    if server not in SERVERS:
        raise UsageError(f"unknown server '{server}'; known: {', '.join(SERVERS)}")
    if not _backend(target, server):
        able = ", ".join(name for name, row in TARGETS.items() if _backend(row, server))
        raise UsageError(f"{server} does not serve --target {target.name} as it is exported; choose {able}")


def model_repository(artifact: Artifact, server: str) -> Path:
    """Write a server's model repository beside an artifact, as ``ARTIFACT-SERVER``, over the one there.

    Args:
        artifact: one of a target that `check_servable` takes.
        server: one of `SERVERS`.

    Returns:
        The folder: ``models``, the configuration, ``client.py`` and a README with the commands.

    Raises:
        UsageError: the server does not read the artifact's files.
    """
    manifest = artifact.manifest
    target = TARGETS[manifest.target]
    check_servable(target, server)
    if manifest.levels:
        raise UsageError(f"{server}'s client sends float32: export '{manifest.name}' without --io uint8")
    folder = artifact.path.with_name(f"{artifact.path.name}-{server}")
    shutil.rmtree(folder, ignore_errors=True)
    for graph in manifest.graphs:
        _write_model(artifact.path / graph.file, folder / "models" / model_name(manifest, graph))
    _configure(folder, manifest, target, server)
    shutil.copy(CLIENT, folder / "client.py")
    (folder / "README.md").write_text(_readme(artifact.path, server), encoding="utf-8")
    return folder


def model_name(manifest: Manifest, graph: GraphFile) -> str:
    """Return what a graph is called on the server: ``lowlight-small-body``, with its sides if fixed.

    Args:
        manifest: of the artifact.
        graph: one of its files.
    """
    role = "" if graph.role == "whole" else f"-{graph.role}"
    sides = "" if graph.shape is None else f"-{graph.shape[0]}x{graph.shape[1]}"
    return f"{manifest.name}{role}{sides}"


def _backend(target: Target, server: str) -> str:
    return {"triton": target.triton, "ovms": "ovms" if target.ovms else ""}[server]


def _write_model(file: Path, model: Path) -> None:
    """Copy a graph's file, and weights of its own beside it, as version 1."""
    version = model / "1"
    version.mkdir(parents=True)
    for part in sorted(file.parent.glob(f"{file.stem}.*")):
        shutil.copy(part, version / f"model{part.suffix}")


def _configure(folder: Path, manifest: Manifest, target: Target, server: str) -> None:
    names = [model_name(manifest, graph) for graph in manifest.graphs]
    if server == "ovms":
        rows = [{"config": {"name": name, "base_path": f"/repository/models/{name}"}} for name in names]
        text = json.dumps({"model_config_list": rows}, indent=1) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")
        return
    for name in names:
        config = CONFIG.format(name=name, backend=target.triton, kind=target.triton_kind)
        (folder / "models" / name / "config.pbtxt").write_text(config, encoding="utf-8")


def _readme(artifact: Path, server: str) -> str:
    return (
        f"# {artifact.name} on {server}\n\n```text\n{COMMANDS[server]}\n"
        f"python client.py {artifact.resolve()} --url http://localhost:8000 dark.jpg -o bright.png\n```\n\n"
        "The server was not run where this was made; the client was, against its protocol (KServe v2).\n"
    )
