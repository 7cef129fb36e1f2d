"""The artifact: a directory with the native files, a manifest that describes and hashes them, and
golden images. No backend is imported here."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from restorect_edge import contract
from restorect_edge.contract import SCHEMA_VERSION
from restorect_edge.errors import IncompatibleError, UsageError
from restorect_edge.spec import VALUE_FIELDS, ImageSpec, SizeRequirements

__all__ = [
    "MANIFEST",
    "SCHEMA_VERSION",
    "UNVERIFIED",
    "Artifact",
    "GraphFile",
    "Manifest",
    "PriorSpec",
    "file_hash",
    "hash_files",
]

MANIFEST = "manifest.json"
UNVERIFIED = "unverified"
"""What `Manifest.verification` has as its status where an artifact was kept without a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFile:
    """One native file of an artifact."""

    role: str
    """`whole`, `prior` or `body`."""
    file: str
    """Path inside the artifact."""
    shape: tuple[int, int] | None = None
    """(height, width) of its image input; None where both may vary, or for a prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSpec:
    """How the split form computes what the prior looks at: block statistics, then area resampling."""

    thumbnail: int
    """Side of the square thumbnail, in pixels."""
    pool: int
    """Side of the blocks that are averaged first, in pixels."""
    deviation: bool = False
    """Whether the standard deviations inside the blocks follow the means: 6 channels instead of 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about an artifact that a program or a person must know to use it."""

    name: str
    """Weights or module it was made from."""
    task: str
    target: str
    precision: str
    form: str
    """`whole` (one graph) or `split` (prior and body)."""
    spec: ImageSpec
    graphs: tuple[GraphFile, ...]
    prior: PriorSpec | None = None
    steps: int | None = None
    """Euler steps of the flows; None for a network without."""
    input: Mapping[str, Any] = field(default_factory=dict)
    """Type, layout, color order and range of the native graph's image input and output."""
    weights: Mapping[str, Any] = field(default_factory=dict)
    """Name, sha256 and license of the weights; empty for a network of one's own."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Versions of what made it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    toolkit_version: str = ""
    verification: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 of every other file of the directory, by path."""
    schema_version: int = SCHEMA_VERSION

    @property
    def levels(self) -> bool:
        """Whether its graphs take and give images as uint8 levels, (1, H, W, 3), not as float32 planes."""
        image = self.input.get("image")
        return isinstance(image, Mapping) and (image.get("dtype"), image.get("layout")) == ("uint8", "NHWC")

    def to_json(self) -> str:
        """Return the manifest as stable, indented JSON."""
        data = asdict(self)
        for name in VALUE_FIELDS:  # folded into the graph: a runtime has nothing to do for them
            del data["spec"][name]
        return json.dumps(data, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, content: str | bytes, source: Path) -> "Manifest":
        """Parse a manifest.

        Args:
            content: the JSON; as bytes, its encoding is checked too.
            source: its path, for errors.

        Raises:
            IncompatibleError: it is no manifest, a newer one, or damaged (see `restorect_edge.contract`).
        """
        # half a surrogate passes here, and is refused below like any other damage
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        data = contract.read(raw, source)
        spec = data["spec"]
        data["spec"] = ImageSpec(**{**spec, "size": SizeRequirements(**spec["size"])})
        data["graphs"] = tuple(_graph_file(g) for g in data["graphs"])
        data["prior"] = PriorSpec(**data["prior"]) if data.get("prior") else None
        return cls(**data)


def _around(path: Path) -> str:
    """Say which artifact a path lies in, such as a package or graph; empty where it does not."""
    return f"; it is part of the artifact '{path.parent}'" if _there((path.parent / MANIFEST).is_file) else ""


def _graph_file(data: dict[str, Any]) -> GraphFile:
    shape = data.get("shape")
    return GraphFile(role=data["role"], file=data["file"], shape=(shape[0], shape[1]) if shape else None)


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact on disk, its manifest read and its files found whole."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str, *, check: bool = True) -> "Artifact":
        """Read and check an artifact directory.

        Args:
            path: the directory.
            check: compare every file's sha256 with the manifest.

        Raises:
            UsageError: there is no such directory.
            IncompatibleError: no manifest, a damaged one, a newer schema, or a file that is missing, not
                as it was written, or a link to outside the directory.
        """
        path = Path(path)
        if not _there(path.is_dir):
            found = f"'{path}' is a file" if _there(path.is_file) else f"no artifact at '{path}'"
            raise UsageError(f"{found}: expected a directory made by restorect_edge.export{_around(path)}")
        source = path / MANIFEST
        if not _there(source.is_file):
            raise IncompatibleError(
                f"'{path}' has no {MANIFEST}: it is not an artifact, or its export was interrupted"
                f"{_around(path)}"
            )
        _check_inside(source, path)
        artifact = cls(path, Manifest.from_json(_content(source), source))
        if check:
            artifact.check_files()
        return artifact

    def check_files(self) -> None:
        """Raise `IncompatibleError` naming the first file that is missing, not as written, or no file."""
        for file in _listed(self.path):
            _check_inside(file, self.path)
            if not file.is_symlink() and not file.is_file():
                raise IncompatibleError(
                    f"'{file}' is no file but a pipe, socket or device, which whoever reads it would wait "
                    "for; export or copy the artifact again"
                )
        for name, expected in self.manifest.files.items():
            file = self.path / name
            _check_inside(file, self.path)
            if not _there(file.is_file):
                raise IncompatibleError(f"'{file}' is missing from the artifact; export or copy it again")
            actual = _hash(file)
            if actual != expected:
                raise IncompatibleError(
                    f"'{file}' was changed after the export: sha256 {actual[:12]}…, "
                    f"the manifest says {expected[:12]}…; export or copy the artifact again"
                )

    def files(self, role: str) -> list[GraphFile]:
        """Return the native files of a role, smallest image first."""
        found = [g for g in self.manifest.graphs if g.role == role]
        return sorted(found, key=lambda g: g.shape or (0, 0))

    @property
    def bytes(self) -> int:
        """Size of the native files, in bytes."""
        return sum(f.stat().st_size for g in self.manifest.graphs for f in native_files(self.path / g.file))


def _there(test: Callable[[], bool]) -> bool:
    """Return what a test of a path says; a path too long or too secret to be tested is not there."""
    try:
        return test()
    except OSError:
        return False


def _listed(folder: Path) -> Iterator[Path]:
    """Yield what lies below a folder and is no folder itself, whether a manifest tells of it or not."""
    for root, folders, files in os.walk(folder):
        yield from (Path(root, name) for name in files)
        # os.walk takes a link to a folder for a folder, and does not enter it
        yield from (link for link in (Path(root, name) for name in folders) if link.is_symlink())


def _check_inside(file: Path, folder: Path) -> None:
    # realpath, and not resolve, which raises for links that lead to themselves.
    real, root = Path(os.path.realpath(file)), Path(os.path.realpath(folder))
    if not real.is_relative_to(root):
        raise IncompatibleError(
            f"'{file}' is a link to outside the artifact; copy the artifact with the files that it links to"
        )


def _content(source: Path) -> bytes:
    """Return a manifest's bytes, or so many that its reader calls it too large."""
    try:
        with source.open("rb") as stream:
            return stream.read(contract.LARGEST + 1)
    except OSError as error:
        raise IncompatibleError(f"cannot read '{source}': {error.strerror}") from None


def _hash(file: Path) -> str:
    try:
        return file_hash(file)
    except OSError as error:
        raise IncompatibleError(f"cannot read '{file}': {error.strerror}; copy the artifact again") from None


def native_files(path: Path) -> list[Path]:
    """Return the files of a native model: itself, its folder's content, or an .xml with its .bin."""
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file())
    weights = path.with_suffix(".bin")
    return [path, weights] if path.suffix == ".xml" and weights.is_file() else [path]


def file_hash(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_files(directory: Path) -> dict[str, str]:
    """Return the sha256 of every file below `directory` but its manifest, by relative path."""
    files = sorted(p for p in directory.rglob("*") if p.is_file() and p != directory / MANIFEST)
    return {p.relative_to(directory).as_posix(): file_hash(p) for p in files}
