"""The kit: one archive that measures on a Jetson with what JetPack has (Python, TensorRT and numpy).

It carries the very files of this package that load artifacts, build engines and take measurements, so
that there is one implementation of each. Engines are not in it: they are built on the board.
"""

import ast
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import restorect_edge
from restorect_edge.artifact import MANIFEST, Artifact
from restorect_edge.bench.measure.protocol import FREE_SHAPES
from restorect_edge.errors import UsageError
from restorect_edge.export.verify import golden
from restorect_edge.export.verify.check import GATES
from restorect_edge.media.photos import photos
from restorect_edge.targets.registry import RUNTIMES
from restorect_edge.utils.files import replacing

__all__ = ["FOLDER", "LARGEST_BYTES", "Kit", "bundle", "carried", "device_files"]

SCHEMA_VERSION = 1
RUNTIME = "tensorrt"
"""What runs artifacts on the board."""
FOLDER = "restorect-kit"
"""Top folder of the archive."""
LARGEST_BYTES = 30_000_000

PACKAGE = Path(__file__).resolve().parents[3]
INSTALLED = Path(__file__).resolve().parent / "device"
"""Where an installed package has the device side; a checkout has it in `runtimes/jetson`."""
CHECKOUT = PACKAGE.parent / "runtimes" / "jetson"

RUN_THERE = (
    "restorect_edge",
    "restorect_edge.bench.measure.protocol",
    "restorect_edge.bench.measure.record",
    "restorect_edge.bench.measure.statistics",
    "restorect_edge.bench.measure.subject",
    "restorect_edge.bench.measure.system",
    "restorect_edge.errors",
    "restorect_edge.targets.tensorrt.build_engine",
    "restorect_edge.evaluation.metrics",
    "restorect_edge.inference",
    "restorect_edge.targets.loading",
    "restorect_edge.targets.onnx",
    "restorect_edge.targets.tensorrt",
    "restorect_edge.targets.tensorrt.runtime",
)
"""What the device side imports of this package; the kit carries it with all that it imports in turn."""
ROUNDING_PSNR = 60.0
"""Golden images are 8-bit: where arithmetic differs in the last bits, a few levels are rounded the other
way, and float32 itself comes to 65 to 80 dB. A stricter gate would judge the rounding."""

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kit:
    """An archive that was written."""

    path: Path
    id: str
    """sha256 of its content in hex: kits of equal content have equal ids, and equal bytes."""
    bytes: int
    artifacts: tuple[str, ...]


def bundle(artifacts: Sequence[Path | str], output: Path, *, shapes: Sequence[Shape] = FREE_SHAPES) -> Kit:
    """Write the kit for some artifacts as a ``.tar.gz``.

    Args:
        artifacts: directories made for TensorRT (or ONNX).
        output: where to write; a file of that name is replaced.
        shapes: (height, width) to measure artifacts of dynamic shape at.

    Raises:
        UsageError: no artifact, one that TensorRT does not run, two of one name, or too many for a kit.
        IncompatibleError: an artifact is damaged.
    """
    opened = [_opened(path) for path in artifacts]
    if not opened:
        raise UsageError("a kit needs at least one artifact: export one with --target tensorrt")
    names = [artifact.path.resolve().name for artifact in opened]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two artifacts are called '{twice[0]}'; rename a folder")
    # sorted, so that equal content has an equal id
    files = dict(sorted(_content(dict(zip(names, opened, strict=True)), shapes)))
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    kit_id = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()
    files["kit.json"] = _json(
        {
            "schema_version": SCHEMA_VERSION,
            "id": kit_id,
            "toolkit_version": restorect_edge.__version__,
            "files": hashes,
        }
    )
    archive = _archive(files)
    if len(archive) > LARGEST_BYTES:
        raise UsageError(
            f"the kit would have {len(archive) / 1e6:.1f} MB, {LARGEST_BYTES / 1e6:.0f} are allowed: "
            "take fewer artifacts or sizes"
        )
    with replacing(output) as stream:
        stream.write(archive)
    return Kit(output, kit_id, len(archive), tuple(names))


def device_files() -> dict[str, bytes]:
    """Return the device side, by path in the kit: the script, its modules, the boards and the guide.

    Raises:
        UsageError: it is not there.
    """
    folder = INSTALLED if INSTALLED.is_dir() else CHECKOUT
    kept = {".py", ".json", ".md"}
    found = sorted(path for path in folder.rglob("*") if path.suffix in kept)
    if not found:
        raise UsageError(f"the device side of the kit is not at '{folder}': install restorect-edge again")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def carried() -> list[Path]:
    """Return the files of this package that the kit runs, which need the standard library and numpy.

    They are `RUN_THERE` and what those import at module level; the ``__init__`` of a package that none of
    them imports by name stays out, and with it what only the makers of artifacts need.
    """
    found: dict[str, Path] = {}
    waiting = list(RUN_THERE)
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if name not in found and file is not None:
            found[name] = file
            waiting += _imported(file)
    return sorted(found.values())


def _file_of(module: str) -> Path | None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _imported(file: Path) -> Iterator[str]:
    """Yield the modules of this package that a file imports when it is imported."""
    # at module level alone: imports inside functions are of what the board does not do
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE.name:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if _file_of(whole) is not None else str(node.module)


def _opened(path: Path | str) -> Artifact:
    artifact = Artifact.open(path)
    target, able = artifact.manifest.target, RUNTIMES[RUNTIME].targets
    if target not in able:
        raise UsageError(f"'{path}' is for {target}; a Jetson runs artifacts for {' or '.join(able)}")
    return artifact


def _content(artifacts: dict[str, Artifact], shapes: Sequence[Shape]) -> Iterator[tuple[str, bytes]]:
    yield from device_files().items()
    for file in carried():
        yield file.relative_to(PACKAGE.parent).as_posix(), file.read_bytes()
    entries, sizes = [], set()
    for name, artifact in artifacts.items():
        for part in (MANIFEST, *artifact.manifest.files):
            yield f"artifacts/{name}/{part}", (artifact.path / part).read_bytes()
        pairs = list(golden.read(artifact.path))
        for pair, image, expected in pairs:
            yield f"golden/{name}/{pair}-in.npy", _npy(image)
            yield f"golden/{name}/{pair}-out.npy", _npy(expected)
        measured = _shapes(artifact, shapes)
        sizes.update(measured)
        entries.append(_entry(name, artifact, [pair for pair, *_ in pairs], measured))
    for height, width in sorted(sizes):
        yield f"inputs/{height}x{width}.npy", _npy(next(iter(photos((height, width)).values())))
    yield "artifacts.json", _json(entries)


def _shapes(artifact: Artifact, shapes: Sequence[Shape]) -> list[Shape]:
    fixed = [g.shape for role in ("whole", "body") for g in artifact.files(role) if g.shape is not None]
    return fixed or list(shapes)


def _entry(name: str, artifact: Artifact, pairs: list[str], shapes: list[Shape]) -> dict[str, object]:
    return {
        "name": name,
        "precision": artifact.manifest.precision,
        "golden": pairs,
        "least_psnr": min(GATES[artifact.manifest.precision], ROUNDING_PSNR),
        "shapes": shapes,
    }


def _npy(image: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(image), allow_pickle=False)
    return stream.getvalue()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _archive(files: dict[str, bytes]) -> bytes:
    """Pack files so that equal content gives equal bytes: sorted, without times or owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mode = len(data), 0o755 if name == "restorect_bench.py" else 0o644
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), compresslevel=9, mtime=0)
