"""The graphs of a network, traced once with `torch.export` and shared by all targets."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from restorect_edge.errors import BackendError, UsageError
from restorect_edge.models.student import SplitNetwork
from restorect_edge.models.tracing.scalars import fold_scalars, is_convertible, made_convertible
from restorect_edge.models.tracing.untraceable import why_untraceable
from restorect_edge.spec import ImageSpec
from restorect_edge.utils.foreign import hushed

__all__ = ["Graph", "stems", "trace_split", "trace_whole"]

Role = Literal["whole", "prior", "body"]
Shape = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One inference graph, float32, batch 1.

    whole: image (1, 3, H, W) → restored (1, 3, scale·H, scale·W); prior: thumbnail (1, C, S, S) →
    z (1, Z, 1, 1); body: image and z → restored. Images are RGB in [0, 1].
    """

    role: Role
    stem: str
    """Name of its file, without suffix."""
    program: torch.export.ExportedProgram
    inputs: tuple[str, ...]
    output: str
    shape: Shape | None
    """(H, W) of the image; None where both may vary, or for a prior."""
    model: Any = None
    """The graph in the format of a model that somebody else made, in which case there is no program."""


def trace_whole(
    module: nn.Module, spec: ImageSpec, shapes: Sequence[Shape], dynamic: bool
) -> Iterator[Graph]:
    """Trace an image → image module, once per shape, or once with H and W free."""
    for shape, stem in stems("model", shapes, dynamic):
        yield Graph(
            role="whole",
            stem=stem,
            program=_trace(module, (_image(shape),), spec, dynamic),
            inputs=("image",),
            output="restored",
            shape=None if dynamic else shape,
        )


def trace_split(
    student: SplitNetwork, spec: ImageSpec, shapes: Sequence[Shape], dynamic: bool
) -> Iterator[Graph]:
    """Trace a student as a prior and a body per shape."""
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
            program=_trace(student.body, (_image(shape), z), spec, dynamic),
            inputs=("image", "z"),
            output="restored",
            shape=None if dynamic else shape,
        )


def stems(stem: str, shapes: Sequence[Shape], dynamic: bool) -> list[tuple[Shape, str]]:
    """Return each shape to trace with the name of its file."""
    if dynamic or len(shapes) == 1:
        return [(shapes[0], stem)]
    return [(shape, f"{stem}-{shape[0]}x{shape[1]}") for shape in shapes]


def _image(shape: Shape) -> torch.Tensor:
    return torch.rand(1, 3, *shape)


def _trace(
    module: nn.Module, args: tuple[torch.Tensor, ...], spec: ImageSpec, dynamic: bool
) -> torch.export.ExportedProgram:
    shapes = _dynamic_shapes(args, spec) if dynamic else None
    try:
        with torch.no_grad(), hushed():  # for torch prints the graph where a forward branches on values
            program = torch.export.export(copy.deepcopy(module).eval(), args, dynamic_shapes=shapes)
            fold_scalars(program)
            if not is_convertible(program):
                program = torch.export.export(made_convertible(program), args, dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises its own family and more
        told = why_untraceable(error, dynamic=dynamic)
        label = getattr(module, "label", type(module).__name__)
        raise BackendError(f"torch.export cannot trace {label}: {told}") from error
    return program


def _dynamic_shapes(args: tuple[torch.Tensor, ...], spec: ImageSpec) -> tuple[Any, ...]:
    m = spec.size.multiple_of
    if m == 1:
        sides: list[Any] = [torch.export.Dim(name, min=2) for name in ("height", "width")]
    else:
        sides = [m * torch.export.Dim(name, min=1) for name in ("height_steps", "width_steps")]
    return ({2: sides[0], 3: sides[1]}, *({} for _ in args[1:]))


def check_shapes(shapes: Sequence[Shape], spec: ImageSpec) -> None:
    """Raise `UsageError` for a shape that the network cannot take."""
    for height, width in shapes:
        nearest = spec.size.padded(height, width)
        if nearest != (height, width):
            raise UsageError(
                f"shape {height}x{width} does not fit: sides must be at least {spec.size.minimum} and "
                f"multiples of {spec.size.multiple_of}; the next that fits is {nearest[0]}x{nearest[1]}"
            )
