"""INT8 form of a student by one NNCF calibration of its body's `torch.export` graph.

The result computes with explicit quantize/dequantize pairs: symmetric int8 with zero point 0, weights with
one scale per output channel, activations with one scale per tensor. Every target lowers this same graph,
so INT8 means the same numbers everywhere. The prior sets the exposure of the whole image, so it computes in
float and only its 3×3 weights are stored as int8; `restorect_edge.quantization.scope` has what stays float in
the body, and why.
"""

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from restorect_edge.errors import UsageError
from restorect_edge.models.student import MULTIPLE, SplitNetwork, Student
from restorect_edge.quantization.blocks import returned
from restorect_edge.quantization.flat import cover
from restorect_edge.quantization.options import require_nncf
from restorect_edge.quantization.qdq import clean, store_weights
from restorect_edge.quantization.scope import left_out
from restorect_edge.spec import ImageU8
from restorect_edge.utils.foreign import foreign_errors, hushed, without_bar

__all__ = [
    "QuantizedStudent",
    "levels_of",
    "one_thread",
    "planes",
    "quantize_student",
    "quantized_graph",
    "trace_body",
]


class QuantizedStudent(SplitNetwork):
    """A student in INT8: same inputs and outputs, any image sides that are multiples of 8.

    Attributes:
        excluded: operations of the body that stay float, by node name, with their key in
            `restorect_edge.quantization.scope.EXCLUDED`.
    """

    body: fx.GraphModule

    def __init__(self, student: Student, body: fx.GraphModule, excluded: dict[str, str]) -> None:
        prior = copy.deepcopy(student.prior)
        store_weights(prior)
        super().__init__(prior, body)
        self.config = student.config
        self.excluded = excluded
        self.eval()

    def with_float(
        self, student: Student, names: Collection[str], *, why: str = "budget"
    ) -> "QuantizedStudent":
        """Return a copy in which some blocks compute in float; all other scales stay as they are.

        Args:
            student: what this was quantized from.
            names: of `restorect_edge.quantization.blocks.block_names`.
            why: key in `restorect_edge.quantization.scope.EXCLUDED`.

        Raises:
            UsageError: there is no block of that name.
        """
        body, operations = returned(self.body, student.body, names)
        # what was left out before keeps its own reason
        return QuantizedStudent(student, body, dict.fromkeys(operations, why) | self.excluded)


def quantize_student(
    student: Student,
    images: Sequence[ImageU8],
    *,
    saturation_safe: bool = False,
) -> QuantizedStudent:
    """Calibrate on photographs and return the quantized student, with ranges that hold flat frames as well.

    Deterministic: the same student and images, in the same order, give the same graph. It runs on one
    thread, because the order of sums depends on the number of threads.

    Args:
        student: fused, in evaluation mode.
        images: (H, W, 3) uint8 RGB of any sizes, such as the network will be given.
        saturation_safe: leave weights half their range, so that AVX2's 16-bit sums of two products
            (vpmaddubsw, CPUs without VNNI) cannot saturate; costs a bit of each weight.

    Raises:
        MissingDependencyError: NNCF or torchao is not installed.
        UsageError: no images, or one with a side under 8 pixels.
        BackendError: NNCF cannot quantize this network.
    """
    require_nncf()
    if not images:
        raise UsageError("INT8 calibration needs at least one photograph, got none")
    with one_thread(), torch.no_grad():
        graph = trace_body(student)
        excluded = left_out(graph.graph)
        made = quantized_graph(graph, images, partial(_sample, student), list(excluded), saturation_safe)
        body = clean(made, student.body)
        cover(body, student)
        return QuantizedStudent(student, body, excluded)


def _sample(student: Student, levels: ImageU8) -> tuple[Tensor, Tensor]:
    """Return what the body is given for a photograph: image (1, 3, H, W) and z from the float prior."""
    image = planes(levels)
    return image, student.prior(student.thumbnail(image))


def planes(levels: ImageU8) -> Tensor:
    """Return a photograph (H, W, 3) as (1, 3, H, W) in [0, 1], cut to sides that are multiples of 8.

    Raises:
        UsageError: a side is under 8 pixels.
    """
    height, width = (side // MULTIPLE * MULTIPLE for side in levels.shape[:2])
    if not height or not width:
        raise UsageError(
            f"a calibration photograph has {levels.shape[0]}x{levels.shape[1]} pixels (height x width); "
            f"each side must be at least {MULTIPLE}"
        )
    pixels = np.ascontiguousarray(levels[:height, :width].transpose(2, 0, 1)[None], np.float32)
    return torch.from_numpy(pixels / np.float32(255))


def levels_of(image: Tensor) -> ImageU8:
    """Return (1, 3, H, W) in [0, 1] as (H, W, 3) of 8 bits."""
    levels: ImageU8 = np.rint(image[0].numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
    return levels


def trace_body(student: Student) -> fx.GraphModule:
    """Trace the body of dynamic shape; the guards would be called like a layer, so they are left out."""
    rows, columns = (MULTIPLE * torch.export.Dim(name, min=1) for name in ("rows", "columns"))
    # sides that differ, or torch.export would take them for one
    example = torch.zeros(1, 3, 8 * MULTIPLE, 12 * MULTIPLE), torch.zeros(1, 2 * student.config.latent, 1, 1)
    program = torch.export.export(student.body, example, dynamic_shapes=({2: rows, 3: columns}, {}))
    module = program.module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    return module


def quantized_graph(
    graph: Any,
    samples: Sequence[Any],
    given: Callable[[Any], Any],
    ignored: list[str],
    saturation_safe: bool,
    *,
    fold_weights: bool = False,
) -> Any:
    """Let NNCF insert quantize/dequantize pairs into a graph.

    Args:
        graph: of `torch.export`, or a model of another format that NNCF takes.
        samples: what it is calibrated on, in order.
        given: makes of a sample what the graph takes.
        ignored: nodes that stay in float, by name.
        saturation_safe: as for `quantize_student`.
        fold_weights: store weights as int8 instead of quantizing them at every call.

    Returns:
        A graph of the same kind.

    Raises:
        BackendError: NNCF cannot quantize it.
    """
    with hushed():
        import nncf
        from nncf.common.logging.track_progress import track
        from nncf.quantization import advanced_parameters as advanced

        fix = advanced.OverflowFix
        # its exceptions share no base, and torch's come through
        with without_bar(track, "__init__"), foreign_errors("NNCF cannot quantize this network"):
            return nncf.quantize(
                graph,
                nncf.Dataset(samples, given),
                # symmetric throughout; the mixed preset would give activations zero points
                preset=nncf.QuantizationPreset.PERFORMANCE,
                subset_size=len(samples),
                ignored_scope=nncf.IgnoredScope(names=ignored, validate=False),
                advanced_parameters=advanced.AdvancedQuantizationParameters(
                    overflow_fix=fix.ENABLE if saturation_safe else fix.DISABLE,
                    activations_quantization_params=advanced.QuantizationParameters(per_channel=False),
                    backend_params={"compress_weights": fold_weights},
                ),
            )


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread for a while: the order of sums depends on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
