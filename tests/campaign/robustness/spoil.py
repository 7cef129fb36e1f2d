"""Ways in which an artifact's files and manifest are damaged."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from restorect_edge.artifact import hash_files

__all__ = ["DAMAGES", "MANIFEST", "hashes", "spoil"]

VALUES = (
    *(0, 1, 2, 3, 8, 16, 64, 4096, 2**31, 2**53 + 1, 10**22, -1, 0.5, 1e300, True, False, None),
    *("", "8", "whole", "split", "prior", "body", "fp32", "int8", "onnx", "torch", "coreml", "model.onnx"),
    *("../x", "/etc/passwd", "a/../b", "nul\0", "\ud800", "x" * 5000, [], {}, [8, 8], [[]], {"a": {}}),
)
"""What an entry of a manifest is replaced by: every type, numbers at limits, words of other entries."""


def spoil(rng: random.Random, folder: Path) -> tuple[str, bool]:
    """Damage a copy of an artifact.

    Args:
        rng: decides how.
        folder: the copy.

    Returns:
        What was done, and whether an honest check of the hashes has to notice.
    """
    name = rng.choice(sorted(DAMAGES))
    before = hash_files(folder)
    DAMAGES[name](rng, folder)
    plain = (folder / "manifest.json").is_file() and not (folder / "manifest.json").is_symlink()
    signed = plain and name not in MANIFEST and rng.random() < 0.7
    if signed:
        _sign(folder)
    changed = name not in MANIFEST and hashes(folder) != before
    return f"{name}{' and signed' if signed else ''}", changed and not signed


def hashes(folder: Path) -> dict[str, str] | None:
    """Return the sha256 of each file; None where one cannot be read."""
    try:
        return hash_files(folder)
    except OSError:
        return None


def _sign(folder: Path) -> None:
    """Make the hashes of the manifest fit what is there."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] = hashes(folder) or manifest["files"]
    path.write_text(json.dumps(manifest), encoding="utf-8")


def _file(rng: random.Random, folder: Path) -> Path:
    """Return a file of the artifact, more often one that a backend reads."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    native = [path for path in files if path.parent.name != "golden" and path.name != "report.json"]
    return rng.choice(native if native and rng.random() < 0.8 else files)


def _bytes(change: Callable[[random.Random, bytes], bytes]) -> Callable[[random.Random, Path], None]:
    def damage(rng: random.Random, folder: Path) -> None:
        path = _file(rng, folder)
        path.write_bytes(change(rng, path.read_bytes()))

    return damage


def _flip(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 1, 4, 32, 256))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _head(rng: random.Random, content: bytes) -> bytes:
    """Change bytes at the start or the end, where formats keep their tables."""
    data, length = bytearray(content or b"\0"), min(400, max(1, len(content)))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(length)
        data[at if rng.random() < 0.6 else len(data) - 1 - at] = rng.randrange(256)
    return bytes(data)


def _truncate(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _hole(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    stop = min(len(content), start + rng.choice((1, 64, 4096, len(content))))
    return content[:start] + bytes(stop - start) + content[stop:]


def _number(rng: random.Random, content: bytes) -> bytes:
    """Replace one number of a text, as in OpenVINO's XML; of other files, one byte."""
    digits = [at for at, byte in enumerate(content[:200_000]) if 48 <= byte <= 57]
    if not digits:
        return content
    at = rng.choice(digits)
    return (
        content[:at] + rng.choice((b"0", b"9", b"-1", b"99999999999", b"1.5", b"x", b"")) + content[at + 1 :]
    )


def _insert(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(rng.choice((1, 16, 1000))) + content[at:]


def _swap(rng: random.Random, folder: Path) -> None:
    one, other = _file(rng, folder), _file(rng, folder)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def _delete(rng: random.Random, folder: Path) -> None:
    _file(rng, folder).unlink()


def _add(rng: random.Random, folder: Path) -> None:
    (folder / rng.choice(("extra.bin", "model.bin.bak", ".hidden", "a b"))).write_bytes(rng.randbytes(40))


def _folder(rng: random.Random, folder: Path) -> None:
    path = _file(rng, folder)
    path.unlink()
    path.mkdir()


def _pipe(rng: random.Random, folder: Path) -> None:
    path = rng.choice((_file(rng, folder), folder / "manifest.json"))
    path.unlink()
    os.mkfifo(path)


def _link(rng: random.Random, folder: Path) -> None:
    """Replace a file or the manifest by a link: outside, to nothing, to itself, to a device, beside."""
    path = rng.choice((_file(rng, folder), _file(rng, folder), folder / "manifest.json"))
    moved = folder.with_name(folder.name + "-moved")
    shutil.copyfile(path, moved)
    path.unlink()
    target = rng.choice(
        (moved, Path("nothing"), path, Path("/dev/zero"), Path("/etc/passwd"), Path("/"), Path())
    )
    path.symlink_to(target)


def _values(rng: random.Random, folder: Path) -> None:
    """Change one to three entries of the manifest by type."""
    path = folder / "manifest.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(rng.randint(1, 3)):
        _change(rng, data)
    path.write_text(json.dumps(data), encoding="utf-8")


def _change(rng: random.Random, data: Any) -> None:
    keys = list(range(len(data)) if isinstance(data, list) else data)
    key = rng.choice(keys) if keys else None
    if key is not None and isinstance(data[key], (dict, list)) and rng.random() < 0.7:
        _change(rng, data[key])
    elif key is None or rng.random() < 0.1:
        extra = rng.choice(VALUES)
        data.append(extra) if isinstance(data, list) else data.update({"extra": extra})
    elif rng.random() < 0.15:
        del data[key]
    else:
        data[key] = rng.choice(VALUES)


def _text(rng: random.Random, folder: Path) -> None:
    path = folder / "manifest.json"
    change = rng.choice((_flip, _truncate, _hole, _number, _insert))
    path.write_bytes(change(rng, path.read_bytes()))


def _graphs(rng: random.Random, folder: Path) -> None:
    """Let the manifest tell of other graphs than there are, in valid words."""
    path = folder / "manifest.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    graph = rng.choice(data["graphs"])
    change: Any = rng.choice(
        (
            {"shape": rng.choice(([8, 8], [64, 64], [96, 64], [4096, 4096], None))},
            {"role": rng.choice(("whole", "prior", "body"))},
            {"file": _file(rng, folder).relative_to(folder).as_posix()},
        )
    )
    graph.update(change)
    if rng.random() < 0.3:
        data["graphs"].append(dict(graph))
    path.write_text(json.dumps(data), encoding="utf-8")


def _spec(rng: random.Random, folder: Path) -> None:
    """Let the manifest tell of another picture, in valid words."""
    path = folder / "manifest.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    part = rng.choice([data["spec"], data["spec"]["size"], data, *filter(None, [data.get("prior")])])
    key = rng.choice([key for key, value in part.items() if isinstance(value, (int, str)) and value != ""])
    others = (
        1,
        2,
        3,
        4,
        8,
        16,
        32,
        64,
        255,
        "onnx",
        "openvino",
        "tensorrt",
        "coreml",
        "litert",
        "fp16",
        "int8",
        "split",
    )
    part[key] = rng.choice([value for value in others if type(value) is type(part[key])] or others)
    path.write_text(json.dumps(data), encoding="utf-8")


DAMAGES: dict[str, Callable[[random.Random, Path], None]] = {
    "bits flipped": _bytes(_flip),
    "bits flipped at an end": _bytes(_head),
    "truncated": _bytes(_truncate),
    "hole": _bytes(_hole),
    "number changed": _bytes(_number),
    "bytes inserted": _bytes(_insert),
    "swapped": _swap,
    "deleted": _delete,
    "file added": _add,
    "folder for a file": _folder,
    "pipe for a file": _pipe,
    "link for a file": _link,
    "manifest: values": _values,
    "manifest: bytes": _text,
    "manifest: graphs": _graphs,
    "manifest: picture": _spec,
}
MANIFEST = {name for name in DAMAGES if name.startswith("manifest")} | {"file added"}
"""Damages that leave the files that are hashed as they are."""
