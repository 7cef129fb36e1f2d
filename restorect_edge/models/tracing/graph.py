"""The graphs of a network, traced once with `torch.export` and shared by all targets."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from restorect_edge.errors import BackendError, UsageError
from restorect_edge.models.student import SplitNetwork
from restorect_edge.models.tracing.scalars import fold_scalars, is_convertible, made_convertible
from restorect_edge.models.tracing.untraceable import why_untraceable
from restorect_edge.spec import ImageSpec, Shape
from restorect_edge.utils.foreign import hushed

__all__ = ["Graph", "in_levels", "stems", "trace_split", "trace_whole"]

Role = Literal["whole", "prior", "body"]
WHITE = 255
"""The largest level of a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One inference graph, float32, batch 1.

    whole: image (1, 3, H, W) → restored (1, 3, scale·H, scale·W); prior: thumbnail (1, C, S, S) →
    z (1, Z, 1, 1); body: image and z → restored. Images are RGB in [0, 1]; with `levels` they are 8-bit
    levels instead, (1, H, W, 3) → (1, scale·H, scale·W, 3).
    """

    role: Role
    stem: str
    """Name of its file, without suffix."""
    program: torch.export.ExportedProgram
    inputs: tuple[str, ...]
    output: str
    shape: Shape | None
    """(H, W) of the image; None where both may vary, or for a prior."""
    levels: bool = False
    """Whether images are uint8 at its input and output, with channels last."""
    model: Any = None
    """The graph in the format of a model that somebody else made, in which case there is no program."""


def in_levels(module: nn.Module) -> nn.Module:
    """Return an image → image module of 8-bit levels, (1, H, W, 3), that shares its weights.

    They are x/255 inside, and the nearest level of the result, halves to even, as in
    `restorect_edge.media.images`. The module keeps its structure: names of layers go into plans and files.
    """
    if isinstance(module, torch.fx.GraphModule):
        return _graph_in_levels(copy.deepcopy(module))
    network = type(module)

    class Levels(network):  # type: ignore[valid-type, misc]
        def forward(self, image: Tensor, z: Tensor | None = None) -> Tensor:
            planes = image.permute(0, 3, 1, 2).to(torch.float32) * (1 / WHITE)
            restored = network.forward(self, planes, *(() if z is None else (z,)))
            restored = restored.clamp(0.0, 1.0) * WHITE
            return torch.round(restored).to(torch.uint8).permute(0, 2, 3, 1)

    made = copy.copy(module)
    made.__class__ = Levels
    return made


def _graph_in_levels(module: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Write the same into a graph, which torch.export runs node by node, whatever `forward` there is."""
    graph, ops = module.graph, torch.ops.aten
    image = next(node for node in graph.nodes if node.op == "placeholder")
    readers = list(image.users)
    with graph.inserting_before(readers[0]):
        planes = graph.call_function(ops.permute.default, (image, [0, 3, 1, 2]))
        planes = graph.call_function(ops._to_copy.default, (planes,), {"dtype": torch.float32})
        planes = graph.call_function(ops.mul.Tensor, (planes, 1 / WHITE))
    for reader in readers:
        reader.replace_input_with(image, planes)
    output = graph.output_node()
    (restored,) = output.all_input_nodes
    with graph.inserting_before(output):
        levels = graph.call_function(ops.clamp.default, (restored, 0.0, 1.0))
        levels = graph.call_function(ops.mul.Tensor, (levels, float(WHITE)))
        levels = graph.call_function(ops.round.default, (levels,))
        levels = graph.call_function(ops._to_copy.default, (levels,), {"dtype": torch.uint8})
        levels = graph.call_function(ops.permute.default, (levels, [0, 2, 3, 1]))
    output.replace_input_with(restored, levels)
    module.recompile()
    return module


def trace_whole(
    module: nn.Module, spec: ImageSpec, shapes: Sequence[Shape], dynamic: bool, *, levels: bool = False
) -> Iterator[Graph]:
    """Trace an image → image module, once per shape, or once with H and W free.

    Args:
        module: (1, 3, H, W) in [0, 1] → (1, 3, scale·H, scale·W).
        spec: the sides that it takes.
        shapes: (H, W) of each graph, at least one.
        dynamic: H and W stay free, and the first shape is an example.
        levels: images are uint8, channels last; see `in_levels`.

    Raises:
        BackendError: torch.export cannot trace it.
    """
    for shape, stem in stems("model", shapes, dynamic):
        yield Graph(
            role="whole",
            stem=stem,
            program=_trace(module, (_image(shape, levels),), spec, dynamic),
            inputs=("image",),
            output="restored",
            shape=None if dynamic else shape,
            levels=levels,
        )


def trace_split(
    student: SplitNetwork,
    spec: ImageSpec,
    shapes: Sequence[Shape],
    dynamic: bool,
    *,
    levels: bool = False,
) -> Iterator[Graph]:
    """Trace a student as a prior and a body per shape.

    Args:
        student: prior and body.
        spec: the sides that the body takes.
        shapes: (H, W) of each body, at least one.
        dynamic: H and W stay free, and the first shape is an example.
        levels: images are uint8, channels last; see `in_levels`.

    Raises:
        BackendError: torch.export cannot trace it.
    """
    thumbnail = torch.rand(1, student.prior.channels, student.prior.size, student.prior.size)
    with torch.no_grad():
        z = student.prior(thumbnail)
    yield Graph(
        role="prior",
        stem="prior",
        program=_trace(student.prior, (thumbnail,), spec, False),
        inputs=("thumbnail",),
        output="z",
        shape=None,
    )
    for shape, stem in stems("body", shapes, dynamic):
        yield Graph(
            role="body",
            stem=stem,
            program=_trace(student.body, (_image(shape, levels), z), spec, dynamic),
            inputs=("image", "z"),
            output="restored",
            shape=None if dynamic else shape,
            levels=levels,
        )


def stems(stem: str, shapes: Sequence[Shape], dynamic: bool) -> list[tuple[Shape, str]]:
    """Return each shape to trace with the name of its file.

    Args:
        stem: such as ``body``.
        shapes: (H, W) of each graph.
        dynamic: one graph takes all.
    """
    if dynamic or len(shapes) == 1:
        return [(shapes[0], stem)]
    return [(shape, f"{stem}-{shape[0]}x{shape[1]}") for shape in shapes]


def _image(shape: Shape, levels: bool) -> Tensor:
    if levels:
        return torch.randint(0, 256, (1, *shape, 3), dtype=torch.uint8)
    return torch.rand(1, 3, *shape)


def _trace(
    module: nn.Module, args: tuple[Tensor, ...], spec: ImageSpec, dynamic: bool
) -> torch.export.ExportedProgram:
    shapes = _dynamic_shapes(args, spec) if dynamic else None
    try:
        with torch.no_grad(), hushed():  # for torch prints the graph where a forward branches on values
            own = copy.deepcopy(module).eval()
            traced = in_levels(own) if args[0].dtype == torch.uint8 else own
            program = torch.export.export(traced, args, dynamic_shapes=shapes)
            fold_scalars(program)
            if not is_convertible(program):
                program = torch.export.export(made_convertible(program), args, dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises its own family and more
        told = why_untraceable(error, dynamic=dynamic)
        label = getattr(module, "label", type(module).__name__)
        raise BackendError(f"torch.export cannot trace {label}: {told}") from error
    return program


def _dynamic_shapes(args: tuple[Tensor, ...], spec: ImageSpec) -> tuple[Any, ...]:
    m = spec.size.multiple_of
    if m == 1:
        # torch.export takes a side of 0 or 1 for a constant
        sides: list[Any] = [torch.export.Dim(name, min=2) for name in ("height", "width")]
    else:
        # written as a multiple, so that torch.export can prove that halvings leave no rest
        sides = [m * torch.export.Dim(name, min=1) for name in ("height_steps", "width_steps")]
    first = 1 if args[0].dtype == torch.uint8 else 2
    return ({first: sides[0], first + 1: sides[1]}, *({} for _ in args[1:]))


def check_shapes(shapes: Sequence[Shape], spec: ImageSpec) -> None:
    """Raise `UsageError` for the first of `shapes`, (H, W), that a network of `spec` cannot take."""
    for height, width in shapes:
        nearest = spec.size.padded(height, width)
        if nearest != (height, width):
            raise UsageError(
                f"shape {height}x{width} does not fit: sides must be at least {spec.size.minimum} and "
                f"multiples of {spec.size.multiple_of}; the next that fits is {nearest[0]}x{nearest[1]}"
            )
