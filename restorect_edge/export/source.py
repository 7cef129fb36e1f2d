"""What is exported: shipped or trained weights, a module of one's own, or a saved program."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restorect_edge.artifact import PriorSpec, file_hash
from restorect_edge.errors import IncompatibleError, UsageError, users_level
from restorect_edge.export.foreign import ModelNetwork
from restorect_edge.export.naming import check_name
from restorect_edge.export.own import OwnNetwork
from restorect_edge.models.blocks import POOL
from restorect_edge.models.community.checkpoint import from_checkpoint
from restorect_edge.models.student import SplitNetwork, Student
from restorect_edge.models.tracing.graph import Graph, check_shapes, trace_split, trace_whole
from restorect_edge.models.weights import load_weights
from restorect_edge.quantization.qdq import store_weights
from restorect_edge.spec import ImageSpec, Shape
from restorect_edge.utils.foreign import reason
from restorect_edge.weights import license_of

__all__ = ["Source", "from_community", "from_model", "from_module", "from_program", "from_weights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A network for inference and what the manifest says of it."""

    name: str
    network: nn.Module
    form: str
    spec: ImageSpec
    task: str = "custom"
    steps: int | None = None
    """Euler steps of the flows; None for a network without."""
    weights: dict[str, Any] = field(default_factory=dict)
    carried: bool = False
    """Whether the artifact must hold the network it is judged by, for weights alone do not say what it is."""
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """The ranges, means and standard deviations that became part of the network."""
    only_shape: Shape | None = None
    """The one (H, W) that a saved program with fixed sides takes."""

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def own(self) -> bool:
        """Whether the network is none of this package: the artifact must carry its reference along."""
        return self.carried or not self.weights

    @property
    def is_student(self) -> bool:
        """Whether it has a prior and a local body, as the networks of this package have."""
        return isinstance(self.network, Student)

    @property
    def is_model(self) -> bool:
        """Whether it is a model of another format than PyTorch's."""
        return isinstance(self.network, ModelNetwork)

    def require_student(self) -> Student:
        """Return the network as a student; raise `UsageError` for others, whose weights cannot be int8."""
        if not isinstance(self.network, Student):
            raise UsageError(
                f"w8 is for students with a prior and a local body; '{self.name}' is none: use fp16 or fp32"
            )
        return self.network

    def stored(self) -> SplitNetwork:
        """Return a copy of the student with its weights stored as int8 and all arithmetic in float."""
        network = copy.deepcopy(self.require_student())
        store_weights(network, pointwise=True)
        return network

    @property
    def prior(self) -> PriorSpec | None:
        """How the runtime makes the thumbnail of a split form."""
        if self.form != "split":
            return None
        assert isinstance(self.network, SplitNetwork)
        return PriorSpec(thumbnail=self.network.prior.size, pool=POOL, deviation=self.network.prior.deviation)

    def shapes(
        self, wanted: Sequence[Shape], usual: Sequence[Shape], dynamic: bool = False
    ) -> tuple[Shape, ...]:
        """Return the (H, W) to trace: those wanted, or else the usual ones rounded up to what it takes.

        Args:
            wanted: (H, W) asked for; none leaves it to this.
            usual: the target's.
            dynamic: whether sides are to stay free.

        Raises:
            UsageError: it does not take a size that is wanted.
        """
        shapes = list(wanted) or ([self.only_shape] if self.only_shape else list(usual))
        if self.only_shape and (dynamic or set(shapes) != {self.only_shape}):
            h, w = self.only_shape
            raise UsageError(
                f"'{self.name}' was saved with fixed sides {h}x{w}; save it with dynamic_shapes for others"
            )
        if not wanted and not self.only_shape:
            shapes = [self.spec.size.padded(*shape) for shape in shapes]
        check_shapes(shapes, self.spec)
        return tuple(dict.fromkeys(shapes))

    def graphs(self, shapes: Sequence[Shape], dynamic: bool, *, levels: bool = False) -> Iterator[Graph]:
        """Trace the graphs of the chosen form, with images as float32 planes or 8-bit levels.

        Args:
            shapes: (H, W) of each graph.
            dynamic: H and W stay free.
            levels: images are uint8, channels last.

        Raises:
            UsageError: levels of a model that is another's.
        """
        if self.form == "split":
            assert isinstance(self.network, SplitNetwork)
            return trace_split(self.network, self.spec, shapes, dynamic, levels=levels)
        if isinstance(self.network, ModelNetwork):
            if levels:
                raise UsageError(
                    f"--io uint8 is for networks that PyTorch traces; '{self.name}' is a model with its own "
                    "inputs and outputs: leave it out, or export the module that it was made from"
                )
            return self.network.graphs(shapes, dynamic)
        return trace_whole(self.network, self.spec, shapes, dynamic, levels=levels)


def from_weights(source: str | Path, *, steps: int | None, form: str) -> Source:
    """Take weights by `source`, a name or file, with so many `steps` of the flows, in a `form`."""
    weights = load_weights(source, steps=steps)
    return Source(
        name=weights.name,
        network=weights.network,
        form=form,
        spec=weights.spec(split=form == "split"),
        task=str(weights.card.get("task", "custom")),
        steps=weights.steps,
        weights={
            "name": weights.name,
            "sha256": weights.sha256,
            "license": license_of(weights.card),
        },
    )


def from_community(path: Path, *, name: str | None) -> Source:
    """Take a checkpoint whose architecture spandrel knows; sizes, scale and halo are its own.

    Args:
        path: of the checkpoint.
        name: of the artifact.
    """
    found = from_checkpoint(path)
    facts = {"name": found.name, "sha256": found.sha256, "license": license_of(found.card)}
    return Source(
        name=name or found.name,
        network=found.network,
        form="whole",
        spec=found.spec(split=False),
        weights=facts,
        carried=True,
    )


def from_model(path: Path, spec: ImageSpec | None, *, name: str | None) -> Source:
    """Take a model of another format, whose own graph is converted.

    Args:
        path: of the file.
        spec: what it takes; None to find its sides by running it.
        name: of the artifact.
    """
    network = ModelNetwork(path, spec)
    return Source(
        name=name or path.stem,
        network=network,
        form="whole",
        spec=network.spec,
        weights={"name": path.stem, "sha256": file_hash(path), "license": "not stated"},
        carried=True,
        values=network.values,
        only_shape=network.only_shape,
    )


def from_module(module: nn.Module, spec: ImageSpec, *, name: str | None) -> Source:
    """Take any image → image module.

    Args:
        module: in evaluation mode or not; a copy is made.
        spec: its scale and the sides that it takes.
        name: of the artifact.
    """
    label = name or type(module).__name__.lower()
    _announce_cast(module, label)
    return _own(label, copy.deepcopy(module).eval().float(), spec)


def _announce_cast(module: nn.Module, label: str) -> None:
    """Warn where weights are not float32, which is what is traced and what artifacts are compared with."""
    kinds = {tensor.dtype for tensor in chain(module.parameters(), module.buffers())}
    others = [str(kind).removeprefix("torch.") for kind in kinds if kind.is_floating_point]
    if names := sorted(set(others) - {"float32"}):
        warnings.warn(
            f"'{label}' has weights in {' and '.join(names)}: a float32 copy of it is exported and compared "
            "with; precision fp16 makes it half again",
            stacklevel=users_level(),
        )


def from_program(path: Path, spec: ImageSpec, *, name: str | None) -> Source:
    """Take a program saved by `torch.export.save` (``.pt2``).

    A program with fixed sides is exported for those; one with dynamic sides for any.

    Args:
        path: of the file.
        spec: its scale, sides and values.
        name: of the artifact.

    Raises:
        UsageError: no such file.
        IncompatibleError: it is no such program, or another torch wrote it.
    """
    if not path.is_file():
        raise UsageError(f"no saved program at '{path}'")
    try:
        program = torch.export.load(path)
    except Exception as error:  # zip, JSON and torch errors share no base
        raise IncompatibleError(
            f"'{path}' is not a program that torch.export.save wrote with this torch: {reason(error)}"
        ) from error
    return _own(name or path.stem, program.module(), spec, only_shape=_fixed_sides(program, path))


def _own(label: str, network: nn.Module, spec: ImageSpec, *, only_shape: Shape | None = None) -> Source:
    """Return the source of a network of one's own; a student as it is, for it keeps the contract."""
    if not isinstance(network, SplitNetwork):
        network = OwnNetwork(network, spec, label)
    return Source(
        name=label,
        network=network,
        form="whole",
        spec=spec.of_artifact,
        values=spec.values,
        only_shape=only_shape,
    )


def _fixed_sides(program: torch.export.ExportedProgram, path: Path) -> Shape | None:
    names = set(program.graph_signature.user_inputs)
    values = [n.meta["val"] for n in program.graph.nodes if n.op == "placeholder" and n.name in names]
    images = [v for v in values if isinstance(v, torch.Tensor)]
    shapes = [tuple(v.shape) for v in images]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][:2] != (1, 3):
        raise IncompatibleError(
            f"'{path}' takes {shapes}; expected one image input of shape (1, 3, H, W), RGB in [0, 1]"
        )
    if images[0].dtype != torch.float32:
        raise IncompatibleError(
            f"'{path}' takes an image in {str(images[0].dtype).removeprefix('torch.')}; save module.float() "
            "traced with a float32 image: export --precision fp16 makes it half"
        )
    # a side that was traced as dynamic is a symbol and no int
    sides = shapes[0][2:]
    return (sides[0], sides[1]) if all(type(side) is int for side in sides) else None
