"""Checkpoints: tensors and JSON in one safetensors file, written whole or not at all, never pickled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from restorect_edge.errors import BackendError
from restorect_edge.utils.files import replacing

__all__ = ["metadata", "nested", "part", "read", "write", "writing"]


def write(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON-able facts atomically.

    Args:
        path: a ``.safetensors`` file.
        tensors: by name.
        facts: what JSON can hold, by name; they become its metadata.

    Raises:
        BackendError: the disk is full or cannot be written; what `path` held before is still there.
    """
    text = {key: json.dumps(value) for key, value in facts.items()}
    whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    kept = f"; the last good checkpoint is still at '{path}'" if path.is_file() else ""
    with writing(f"the checkpoint '{path}'", kept), replacing(path) as stream:
        stream.write(_ordered(save(whole, metadata=text)))


@contextmanager
def writing(what: str, more: str = "") -> Iterator[None]:
    """Turn what the storage says, such as that the disk is full, into a `BackendError`.

    Args:
        what: is being written, for the message.
        more: to end the message with.
    """
    try:
        yield
    except OSError as error:
        raise BackendError(f"cannot write {what}: {error.strerror or error}{more}") from error


def _ordered(content: bytes) -> bytes:
    """Return a safetensors file with its facts in order.

    safetensors writes them in another order each time, and equal checkpoints would have other hashes.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    facts = dict(sorted(header.pop("__metadata__", {}).items()))
    text = json.dumps({"__metadata__": facts, **header}, separators=(",", ":"), ensure_ascii=False).encode()
    padded = text.ljust(-(-len(text) // 8) * 8)  # tensors begin at a multiple of 8 bytes
    return len(padded).to_bytes(8, "little") + padded + content[8 + length :]


def read(path: Path) -> dict[str, Tensor]:
    """Return every tensor of a checkpoint."""
    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def metadata(path: Path) -> dict[str, Any]:
    """Return the facts of a checkpoint."""
    with safe_open(path, framework="pt") as file:
        return {key: json.loads(value) for key, value in (file.metadata() or {}).items()}


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return those of `tensors` whose names begin with ``prefix.``, without it; `prefix` has no point."""
    return {k.removeprefix(prefix + "."): v for k, v in tensors.items() if k.startswith(prefix + ".")}


def nested(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Return optimizer state, keyed ``<index>.<field>``, by index."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, field = key.split(".")
        state.setdefault(int(index), {})[field] = value
    return state
