"""Checkpoints: tensors and JSON in one safetensors file, written whole or not at all, never pickled."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from restorect_edge.errors import BackendError
from restorect_edge.utils.files import replacing

__all__ = ["metadata", "nested", "part", "read", "write"]


def write(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON-able facts atomically.

    Raises:
        BackendError: the disk is full or cannot be written; what `path` held before is still there.
    """
    text = {key: json.dumps(value) for key, value in facts.items()}
    whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    try:
        with replacing(path) as stream:
            stream.write(save(whole, metadata=text))
    except OSError as error:
        kept = f"; the last good checkpoint is still at '{path}'" if path.is_file() else ""
        raise BackendError(f"cannot write the checkpoint '{path}': {error.strerror}{kept}") from error


def read(path: Path) -> dict[str, Tensor]:
    """Return every tensor of a checkpoint."""
    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def metadata(path: Path) -> dict[str, Any]:
    """Return the facts of a checkpoint."""
    with safe_open(path, framework="pt") as file:
        return {key: json.loads(value) for key, value in (file.metadata() or {}).items()}


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors below ``prefix.``, without it."""
    return {k.removeprefix(prefix + "."): v for k, v in tensors.items() if k.startswith(prefix + ".")}


def nested(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return optimizer state, keyed ``<index>.<field>``, by index."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, field = key.split(".")
        state.setdefault(int(index), {})[field] = value
    return state
