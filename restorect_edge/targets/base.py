"""What a target is: one class, in a room of its own.

A room is a package below `restorect_edge.targets` whose ``__init__`` holds one subclass of `Target`. Beside
it lie the converter, its graph passes, the runtime and whatever else belongs to this target alone. Everything
outside (export, verification, commands, benchmarks) asks the class, so that a new target is a new room.

An ``__init__`` is imported to list the targets: it imports no library and none of the room's modules.
"""

import importlib
import importlib.util
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from restorect_edge.artifact import Artifact, Manifest
from restorect_edge.targets.options import ExportOptions
from restorect_edge.utils.extras import require

if TYPE_CHECKING:
    from restorect_edge.models.tracing.graph import Graph

__all__ = ["CAMERA", "TILES", "Backend", "Need", "PhoneTarget", "Target"]

CAMERA = ((720, 1280), (1280, 720))
"""(height, width) of camera frames, and of the same device held upright."""
TILES = ((512, 512),)
"""(height, width) of the tiles that restore pictures of any size where sides are fixed."""


class Need(NamedTuple):
    """A library that exporting needs."""

    module: str
    """Its import name."""
    extra: str
    """The extra of this package that installs it."""
    distribution: str = ""
    """Its name on PyPI, where that differs from the import name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A backend that runs artifacts, described without importing it.

    What a backend of a room leaves out is its target's: the name, the label, the extra and the format.
    """

    class_name: str
    """The `Runtime` subclass in `module`."""
    name: str = ""
    label: str = ""
    """Its name in prose."""
    module: str = ""
    """Where the class is; by default the room's module ``runtime``."""
    extra: str = ""
    """The extra that installs its library."""
    reads: tuple[str, ...] = ()
    """File formats that it runs, `Target.format`; none for one that runs weights."""
    targets: tuple[str, ...] = ()
    """Targets whose artifacts it runs, its own first; follows from `reads`."""
    libraries: tuple[str, ...] = ()
    """Import names of its library, for the version; by default its own name."""
    profiler: str = ""
    """``module:Class`` of the runtime that also profiles; empty where there is none."""
    profile_hint: str = ""
    """Where its profile can be had instead, for one without `profiler`."""
    untimed: str = ""
    """Why its time says nothing of the target's devices; empty where it does."""
    units: str = ""
    """A module with `DEVICES`, the devices by compute unit where each is measured by itself, `absent`, which
    says what measuring lacks here, and `planned`, which says where operations are meant to run."""
    advice: Callable[[str], str] = lambda install: install
    """Returns what it needs on this machine, given the command that installs its extra."""

    def within(self, target: "type[Target]") -> "Backend":
        """Return it with what it leaves out taken from the target whose room it is in."""
        return replace(
            self,
            name=self.name or target.name,
            label=self.label or target.label,
            module=self.module or f"{target.__module__}.runtime",
            extra=self.extra or target.name,
            reads=self.reads or (target.format,),
        )

    def import_names(self) -> tuple[str, ...]:
        """Return the import names of its library, the preferred one first."""
        return self.libraries or (self.name,)


class Target:
    """A kind of artifact. Subclasses set the attributes; the room's module ``converter`` does the work."""

    name: ClassVar[str]
    """As on the command line, of its room, its recipe and its extra."""
    label: ClassVar[str]
    """Its name in prose."""
    summary: ClassVar[str]
    """One line: the file, and what runs it."""
    format: ClassVar[str]
    """Format of its native files: a backend that reads it runs its artifacts."""
    needs: ClassVar[tuple[Need, ...]]
    """What exporting needs besides PyTorch."""
    backends: ClassVar[tuple[Backend, ...]]
    """Backends of this room, the preferred one first."""
    verified_by: ClassVar[str] = ""
    """The backend that runs an artifact for its verdict; by default the preferred one."""
    leaves_open: ClassVar[str] = ""
    """What that verification cannot show; part of every verdict."""
    precision: ClassVar[str] = "fp32"
    """The default."""
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "fp16", "int8")
    free_sides: ClassVar[bool] = True
    """Whether height and width may stay free in its files (``--dynamic``)."""
    starts_from: ClassVar[tuple[str, ...]] = ()
    """Kinds of foreign model that an artifact can be made of, besides PyTorch's; see `weights.kinds`."""
    x86: ClassVar[bool] = False
    """Whether its INT8 artifacts run on x86 CPUs, with VNNI or without."""
    form: ClassVar[str] = "split"
    """What an export of a student makes unless it is asked for a form or sides; `split` takes any picture."""
    sides: ClassVar[tuple[tuple[int, int], ...]] = ()
    """(height, width) of each fixed size, unless it is asked for others; none where sides are free."""
    triton: ClassVar[str] = ""
    """NVIDIA Triton's backend that serves its files as they are; empty where there is none."""
    triton_kind: ClassVar[str] = "KIND_AUTO"
    """Triton's kind of instances: by default the GPU where there is one."""
    ovms: ClassVar[bool] = False
    """Whether OpenVINO Model Server serves its files as they are."""
    levels: ClassVar[bool] = False
    """Whether ``--io uint8`` is offered: images as 8-bit levels, channels last, at inputs and outputs."""
    eight_bit: ClassVar[bool] = False
    """Whether images are 8-bit levels at its inputs and outputs, rather than float32."""
    agreement: ClassVar[float] = 45.0
    """Least PSNR in dB of an INT8 artifact against the quantized network, as verification runs it."""

    def __init_subclass__(cls) -> None:
        # not in subclasses that inherit them, whose backends are complete by then
        if "backends" in vars(cls):
            cls.backends = tuple(backend.within(cls) for backend in cls.backends)
            cls.verified_by = cls.verified_by or cls.backends[0].name

    def convert(self, graph: "Graph", directory: Path, options: ExportOptions) -> Path:
        """Write a graph as a native file.

        Args:
            graph: a traced program, batch 1, see `Graph`.
            directory: where the file goes, under the name ``graph.stem``.
            options: precision, sizes and metadata.

        Returns:
            The file's path.

        Raises:
            BackendError: the converter refuses the graph.
        """
        path: Path = self._converter().convert(graph, directory, options)
        return path

    def finish(self, directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
        """Complete an artifact after all graphs are written, by ``finish`` of the converter.

        Args:
            directory: the artifact's.
            files: the native files of its graphs.
            options: precision, sizes and metadata.

        Returns:
            Notes for report.json; ``verified`` among them goes to the verdict instead. Of a converter without
            ``finish``, what the stored weights are.
        """
        finish = getattr(self._converter(), "finish", None)
        if finish is None:
            return {"weights": options.precision, "placement": "not measured"}
        notes: dict[str, Any] = finish(directory, files, options)
        return notes

    def check(self, options: ExportOptions) -> None:
        """Raise `UsageError` for a combination of options that this target does not have."""

    def default_backend(self) -> str:
        """Return the name of the backend that runs its artifacts on this system."""
        return self.backends[0].name

    def manifest_options(self, options: ExportOptions) -> dict[str, Any]:
        """Return the options that matter to whoever runs the artifact, for its manifest."""
        return {}

    def next_commands(self, artifact: Artifact) -> Iterator[str]:
        """Yield what a user of this target does with an artifact: command lines, or a sentence."""
        yield f"restorect-edge run {shlex.quote(str(artifact.path))} {_picture(artifact.manifest)}"

    def missing(self) -> list[Need]:
        """Return the libraries that exporting lacks here; nothing is imported."""
        needs = (Need("torch", "export"), Need("safetensors", "export"), *self.needs)
        return [need for need in needs if importlib.util.find_spec(need.module) is None]

    def require(self) -> None:
        """Raise `MissingDependencyError` naming the extra of the first library that is missing."""
        for need in self.missing():
            require(f"--target {self.name}", need.extra, need.module)

    def _converter(self) -> Any:
        return importlib.import_module(f"{type(self).__module__}.converter")


def _picture(manifest: Manifest) -> str:
    """Return the name of a picture that an artifact takes: a frame of its sides, where it does not tile."""
    sides = [graph.shape for graph in manifest.graphs if graph.role != "prior"]
    if manifest.spec.tileable or None in sides:
        return "photo.jpg"
    height, width = next(side for side in sides if side)
    return f"frame-{width}x{height}.jpg"


class PhoneTarget(Target):
    """A target whose files become assets of a phone's app."""

    leaves_open = "not run on device"

    def next_commands(self, artifact: Artifact) -> Iterator[str]:
        """Yield how to look at its result here, and where the files go."""
        yield from super().next_commands(artifact)
        yield f"copy '{artifact.path}' to the assets of your app; runtimes/android says how to call it"
