"""What can be timed: artifacts, weights and other people's ONNX models, behind one interface."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Protocol

from restorect_edge.artifact import Artifact, Manifest, file_hash
from restorect_edge.bench.measure.protocol import FREE_SHAPES
from restorect_edge.bench.measure.record import Subject, Work
from restorect_edge.bench.measure.subject import quality_of, subject_of
from restorect_edge.bench.measure.work import count_graph, total
from restorect_edge.bench.peer import Prepared, peer_subject
from restorect_edge.errors import (
    BackendError,
    MissingDependencyError,
    RestorectError,
    UsageError,
    unknown_name,
)
from restorect_edge.spec import Shape
from restorect_edge.targets.loading import load, ready_for, require_weights_runtime
from restorect_edge.targets.models import is_model
from restorect_edge.targets.registry import RUNTIMES, WEIGHTS, backend_class, runtime_for
from restorect_edge.weights import card, locate, names

__all__ = ["Candidate", "Opened", "candidates"]


class Opened(Protocol):
    """What is ready to run, such as a `Runtime`."""

    device: str

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of each stage of the last call."""

    @property
    def provider(self) -> str:
        """What really runs."""

    def __call__(self, image: Any, /) -> Any:
        """Restore a (H, W, 3) uint8 image."""

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(ABC):
    """Something to time, on one device of one backend; nothing is loaded yet."""

    source: str
    """As the user named it."""
    subject: Subject
    runtime: str
    device: str
    sizes: tuple[Shape, ...] = ()
    """(height, width) that it is made for; empty where sides are free."""
    task: str | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    """Of these files, as they say themselves; see `Row.quality`."""
    place: str = ""
    """What is loaded, where that is not the source itself."""

    def __post_init__(self) -> None:
        if not self.place:
            object.__setattr__(self, "place", self.source)

    def shapes(self, wanted: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return what to measure it at: what is asked for, else its own sizes, else `FREE_SHAPES`."""
        return tuple(wanted) or self.sizes or FREE_SHAPES

    def absent(self) -> RestorectError | None:
        """Say why it cannot run on this machine, None where it can."""
        try:
            here = backend_class(self.runtime).devices()
        except (MissingDependencyError, BackendError) as error:
            return error
        if self.device not in ("auto", *here):
            return BackendError(
                f"device '{self.device}' is not available to the {self.runtime} runtime; "
                f"here: {', '.join(here)}"
            )
        return None

    def refusal(self, shape: Shape) -> str:
        """Say why it is not measured at a size, empty where it is."""
        if not self.sizes or shape in self.sizes:
            return ""
        made = ", ".join(f"{h}x{w}" for h, w in self.sizes)
        return f"made for {made} (height x width), which is not {shape[0]}x{shape[1]}"

    @abstractmethod
    def open(self, threads: int | None) -> Opened:
        """Load it; raises as `restorect_edge.load` does."""

    def work(self, shape: Shape) -> Work | None:
        """Count what one image asks of the machine; None where there is no graph that can be counted."""
        return None

    def provider(self, opened: Opened) -> str:
        """Say what really runs it."""
        return opened.provider

    def device_name(self, opened: Opened | None = None) -> str | None:
        """Return the device or compute unit for the record; None where that is not decided yet."""
        if opened is not None:
            return opened.device
        return None if self.device == "auto" else self.device


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactCandidate(Candidate):
    """An artifact."""

    manifest: Manifest

    def open(self, threads: int | None) -> Opened:
        return load(self.place, device=self.device, threads=threads, runtime=self.runtime)

    def work(self, shape: Shape) -> Work | None:
        padded = self.manifest.spec.size.padded(*shape)
        graphs = [g for g in self.manifest.graphs if g.role == "prior" or g.shape in (None, padded)]
        found = [count_graph(Path(self.place, graph.file), padded) for graph in graphs]
        counted = [work for work in found if work is not None]
        # the work of some graphs only would pass for less work
        return total(counted) if counted and len(counted) == len(found) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCandidate(ArtifactCandidate):
    """An artifact on one compute unit of a backend that decides by itself what runs where."""

    unit: str
    units: Any
    """The backend's module `Backend.units`."""

    def absent(self) -> RestorectError | None:
        lacking: RestorectError | None = self.units.absent()
        return lacking or ArtifactCandidate.absent(self)

    def provider(self, opened: Opened) -> str:
        package = Path(self.source, self.manifest.graphs[0].file)
        return f"{opened.provider}; {self.units.planned(package, self.unit)}"

    def device_name(self, opened: Opened | None = None) -> str | None:
        return self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsCandidate(Candidate):
    """Weights, which PyTorch runs."""

    def open(self, threads: int | None) -> Opened:
        return load(self.source, device=self.device, threads=threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCandidate(ArtifactCandidate):
    """Someone else's model, as an artifact."""

    prepared: Prepared
    """Whose folder lives as long as this."""

    def refusal(self, shape: Shape) -> str:
        sides = self.prepared.sides
        if all(side in (None, asked) for side, asked in zip(sides, shape, strict=True)):
            return self._too_small(shape)
        made = "x".join(str(side or "any") for side in sides)
        return f"made for {made} (height x width), which is not {shape[0]}x{shape[1]}"

    def _too_small(self, shape: Shape) -> str:
        """Say where padding would be more than the picture, empty where it would not."""
        padded = self.manifest.spec.size.padded(*shape)
        return (
            ""
            if padded[0] < 2 * shape[0] and padded[1] < 2 * shape[1]
            else f"takes {padded[0]}x{padded[1]} at least"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfitCandidate(Candidate):
    """What was named and cannot be timed: a row that says why."""

    fault: RestorectError

    def absent(self) -> RestorectError | None:
        return self.fault

    def open(self, threads: int | None) -> Opened:
        raise self.fault


def candidates(
    sources: Sequence[str],
    peers: Sequence[Path] = (),
    *,
    runtime: str | None = None,
    device: str = "auto",
    values: Mapping[str, Any] = MappingProxyType({}),
) -> list[Candidate]:
    """Look at what is to be timed.

    Args:
        sources: artifacts' folders, weights by name or file, and models.
        peers: other people's ``.onnx`` files.
        runtime: the backend of artifacts and models, if not their own.
        device: one of the runtime's devices; a backend with compute units has one candidate for each instead.
        values: of models' inputs and outputs, by field of `ImageSpec`.

    Returns:
        In that order, two of the same kind told apart by their path.

    Raises:
        UsageError: an unknown name, path or runtime, or nothing to time.

    What is there and cannot be timed, such as a damaged artifact, is a candidate that says why.
    """
    if runtime is not None and runtime not in RUNTIMES:
        raise unknown_name("runtime", runtime, RUNTIMES)
    found: list[Candidate] = []
    for source in sources:
        found += _of_source(source, runtime, device, values)
    found += [_of_peer(path, runtime, device, values) for path in peers]
    if not found:
        raise UsageError("nothing to time: give an ARTIFACT, weights by name, or --onnx FILE")
    return _told_apart(found)


def _of_source(source: str, runtime: str | None, device: str, values: Mapping[str, Any]) -> list[Candidate]:
    """Look at an artifact, weights or a model; what is there and unfit has a row that says why."""
    try:
        if Path(source).is_dir():
            return _of_artifact(source, runtime, device)
        if is_model(source):
            return [_of_peer(Path(source), runtime, device, values)]
        found = _ready(source, runtime)
        return (
            [_of_weights(source, device)] if found is None else _of_artifact(str(found[0]), found[1], device)
        )
    except UsageError:
        raise
    except RestorectError as error:
        subject = Subject(name=Path(source).name, target="unknown", precision="unknown", form="whole")
        return [_unfit(source, subject, runtime, device, error)]


def _ready(source: str, runtime: str | None) -> tuple[Path, str] | None:
    """Return the artifact that the package carries of weights, and what runs it; None where PyTorch does."""
    if source in names():
        return ready_for(source, runtime)
    if not Path(source).is_file():
        locate(source)  # a name that is none is said before what would be needed to run it
    require_weights_runtime(source, runtime)
    return None


def _unfit(
    source: str, subject: Subject, runtime: str | None, device: str, fault: RestorectError
) -> Candidate:
    return UnfitCandidate(source=source, subject=subject, runtime=runtime or "", device=device, fault=fault)


def _of_artifact(source: str, runtime: str | None, device: str) -> list[Candidate]:
    artifact = Artifact.open(source)
    manifest = artifact.manifest
    chosen = runtime_for(manifest.target, runtime, timed=True)
    made = [g.shape for g in manifest.graphs if g.shape is not None]
    facts: dict[str, Any] = {
        "source": source,
        "subject": subject_of(artifact),
        "runtime": chosen,
        # tiles of one size make up images of any
        "sizes": () if manifest.spec.tileable and manifest.form == "split" else tuple(made),
        "task": manifest.task,
        "quality": quality_of(manifest),
        "manifest": manifest,
    }
    if RUNTIMES[chosen].units:
        units = importlib.import_module(RUNTIMES[chosen].units)
        return [
            UnitCandidate(**facts, device=name, unit=unit, units=units)
            for unit, name in units.DEVICES.items()
        ]
    return [ArtifactCandidate(**facts, device=device)]


def _of_weights(source: str, device: str) -> Candidate:
    from restorect_edge.models.community.checkpoint import is_checkpoint

    foreign = is_checkpoint(source)
    path = Path(source) if foreign else locate(source)
    facts = card(path)
    subject = Subject(
        name=path.stem,
        target=WEIGHTS.name,
        precision="fp32",
        form="whole" if foreign else "split",
        weights_sha256=file_hash(path),
        bytes=path.stat().st_size,
    )
    return WeightsCandidate(
        source=source,
        subject=subject,
        runtime=WEIGHTS.name,
        device=device,
        task=facts.get("task"),
    )


def _of_peer(path: Path, runtime: str | None, device: str, values: Mapping[str, Any]) -> Candidate:
    subject = peer_subject(path)
    try:
        prepared = Prepared(path, values)
        manifest, folder = prepared.artifact.manifest, str(prepared.artifact.path)
        chosen = runtime_for(manifest.target, runtime, timed=True)
    except RestorectError as error:
        return _unfit(str(path), subject, runtime, device, error)
    shape = manifest.graphs[0].shape
    return PeerCandidate(
        source=str(path),
        place=folder,
        subject=subject,
        runtime=chosen,
        device=device,
        sizes=() if shape is None else (shape,),
        manifest=manifest,
        prepared=prepared,
    )


def _told_apart(found: Sequence[Candidate]) -> list[Candidate]:
    kinds = [(c.subject.name, c.subject.target, c.subject.precision, c.subject.form, c.device) for c in found]
    return [
        replace(c, subject=replace(c.subject, name=f"{c.subject.name} ({c.source})"))
        if kinds.count(kind) > 1
        else c
        for c, kind in zip(found, kinds, strict=True)
    ]
