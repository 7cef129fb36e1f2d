"""Core ML: an ML Program package with 8-bit image input and output, converted on any system.

A camera's pixel buffer goes straight in: the input is an 8-bit RGB image that the package scales to
[0, 1] itself. The output is one as well: the graph multiplies by 255, clips and rounds, so that the
buffer holds the nearest level however Core ML turns numbers into bytes. A prior has inputs and outputs of
multi-arrays in float32, and so does the z input of a body.

With `ExportOptions.dynamic` the image sides are ranges. A Core ML range cannot say "multiples of 8":
the caller pads, as the runtimes of this package do. Fixed sides are the default because flexible ones
keep a network off the Neural Engine.
"""

import importlib
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from restorect_edge.errors import BackendError, UsageError, unknown_name
from restorect_edge.mil.library import library, quiet
from restorect_edge.models.tracing.graph import Graph
from restorect_edge.targets.coreml.ane import eligibility
from restorect_edge.targets.coreml.half import half_precision
from restorect_edge.targets.coreml.lowering import lowered, resized
from restorect_edge.targets.options import PRECISIONS, ExportOptions
from restorect_edge.utils.foreign import reason, without_bar

__all__ = ["LARGEST_SIDE", "OLDEST_TARGET", "convert", "finish"]

SUFFIX = ".mlpackage"
LARGEST_SIDE = 4096
"""Upper end of a flexible image side, in pixels: an ML Program needs one."""
OLDEST_TARGET = 16
"""iOS 15 has no `pixel_unshuffle`."""
PROGRESS_BARS = (
    ("coremltools.converters.mil.frontend.torch.ops", "_tqdm"),
    ("coremltools.converters.mil.mil.passes.pass_pipeline", "tqdm"),
)
"""Where coremltools draws progress bars that it has no switch for: module and name."""


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<graph.stem>.mlpackage`` below `directory` and return its path.

    Arguments are those of `Target.convert`.

    Raises:
        MissingDependencyError: coremltools is not installed.
        UsageError: an unknown precision or minimum deployment target.
        BackendError: coremltools cannot convert the graph.
    """
    ct = library("Core ML export")
    if options.precision not in PRECISIONS:
        raise unknown_name("precision", options.precision, PRECISIONS)
    target = _target(ct, options.minimum_deployment_target)
    path = directory / f"{graph.stem}{SUFFIX}"
    # coremltools' own temporary package would stay behind until the interpreter exits
    with tempfile.TemporaryDirectory() as scratch, _silence():
        try:
            model = _converted(ct, graph, target, options.precision, Path(scratch))
            model.user_defined_metadata.update(options.metadata)
            model.save(str(path))
            _remove_debug_map(path)
        except Exception as error:  # the converter raises whatever comes to hand
            traceback.clear_frames(error.__traceback__)  # they hold a temporary folder of the converter
            told = reason(error)
            raise BackendError(f"coremltools cannot convert the {graph.role} graph: {told}") from error
    return path


def _remove_debug_map(package: Path) -> None:
    """Delete what coremltools adds for ExecuTorch's debugger: no item of the package, and 0.1 MB."""
    for file in package.rglob("executorch_debug_handle_mapping.json"):
        file.unlink()


def _converted(ct: Any, graph: Graph, target: Any, precision: str, scratch: Path) -> Any:
    program = _to_levels(graph) if graph.output == "restored" else graph.program
    return ct.convert(
        lowered(program),
        convert_to="mlprogram",
        minimum_deployment_target=target,
        compute_precision=ct.precision.FLOAT32 if precision == "fp32" else half_precision(ct),
        inputs=_inputs(ct, graph),
        outputs=[_output(ct, graph)],
        package_dir=str(scratch / f"model{SUFFIX}"),
        skip_model_load=True,
    )


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Return notes for report.json: what the lint says of each package; nothing is measured here.

    Arguments are those of `Target.finish`.
    """
    return {
        "neural_engine_eligibility": {file.name: eligibility(file) for file in files},
        "placement": "not measured",
    }


def _targets(ct: Any) -> dict[str, Any]:
    named = {name.lower(): target for name, target in ct.target.__members__.items() if name.startswith("iOS")}
    return {name: t for name, t in named.items() if int(name.removeprefix("ios")) >= OLDEST_TARGET}


def _target(ct: Any, name: str) -> Any:
    targets = _targets(ct)
    if name.lower() not in targets:
        raise UsageError(
            f"unknown minimum deployment target '{name}'; allowed: {', '.join(sorted(targets))} "
            f"(what coremltools {ct.__version__} knows, from iOS {OLDEST_TARGET})"
        )
    return targets[name.lower()]


class _Levels(nn.Module):
    """A network whose restored image is rounded to the levels 0..255."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.round(torch.clamp(self.network(*inputs) * 255.0, 0.0, 255.0))


def _to_levels(graph: Graph) -> torch.export.ExportedProgram:
    """Trace the graph again with its output as levels, sides free where they were."""
    values = _placeholders(graph)
    free = tuple(
        {i: torch.export.Dim.AUTO for i, side in enumerate(v.shape) if not isinstance(side, int)}
        for v in values
    )
    example = [torch.zeros(_shape(v.shape)) for v in values]
    with torch.no_grad():
        return torch.export.export(
            _Levels(resized(graph.program.module(check_guards=False))),
            tuple(example),
            dynamic_shapes=(free,) if any(free) else None,
        )


def _placeholders(graph: Graph) -> list[Any]:
    """Return the traced value of each input, in the order of `graph.inputs`."""
    names = graph.program.graph_signature.user_inputs
    found = {n.name: n.meta["val"] for n in graph.program.graph.nodes if n.op == "placeholder"}
    return [found[name] for name in names]


def _shape(sides: Sequence[Any]) -> tuple[int, ...]:
    """Return sides as numbers; the size of the traced example stands for a free one."""
    return tuple(side if isinstance(side, int) else int(side.node.hint) for side in sides)


def _inputs(ct: Any, graph: Graph) -> list[Any]:
    types = []
    for name, value in zip(graph.inputs, _placeholders(graph), strict=True):
        if name == "image":
            shape = ct.Shape(tuple(_side(ct, graph, side) for side in value.shape))
            types.append(ct.ImageType(name=name, shape=shape, scale=1 / 255, color_layout=ct.colorlayout.RGB))
        else:
            # float32 by name: from iOS 16 coremltools would make it float16
            types.append(ct.TensorType(name=name, shape=_shape(value.shape), dtype=np.float32))
    return types


def _side(ct: Any, graph: Graph, side: Any) -> Any:
    if isinstance(side, int):
        return side
    lowest = int(graph.program.range_constraints[side.node.expr].lower)
    return ct.RangeDim(lower_bound=lowest, upper_bound=LARGEST_SIDE, default=_shape((side,))[0])


def _output(ct: Any, graph: Graph) -> Any:
    if graph.output == "restored":
        return ct.ImageType(name=graph.output, color_layout=ct.colorlayout.RGB)
    return ct.TensorType(name=graph.output, dtype=np.float32)


@contextmanager
def _silence() -> Iterator[None]:
    """Hold back coremltools' messages and progress bars."""
    with ExitStack() as stack:
        stack.enter_context(quiet())
        for module, name in PROGRESS_BARS:
            stack.enter_context(without_bar(importlib.import_module(module), name))
        yield
