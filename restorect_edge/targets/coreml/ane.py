"""Lint of a Core ML package for the Neural Engine: eligibility, which is not placement.

Core ML decides on the device what runs where, and a package without a finding here may still run
elsewhere; only a measurement on the device tells. What is checked is what is known to keep an
operation off the Neural Engine: more than five dimensions, flexible shapes, float32 arithmetic, and
operations outside the set reported as native from A13 on. Apple publishes no such set; this one follows
the operation-by-device matrix of "Apple Neural Engine: Architecture, Programming, and Performance"
(arXiv 2606.22283, appendix A), a reverse-engineered account.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from restorect_edge.mil.library import library

__all__ = ["NATIVE", "eligibility"]

MAX_RANK = 5
FLOAT32 = 11
"""`DataType.FLOAT32` of MIL.proto."""

NATIVE = frozenset(
    """
    add sub mul real_div maximum minimum pow
    equal not_equal greater greater_equal less less_equal logical_and logical_or logical_not select
    abs ceil clip erf exp exp2 floor inverse log round rsqrt sign sqrt square threshold
    clamped_relu elu gelu leaky_relu linear_activation prelu relu relu6 scaled_tanh sigmoid sigmoid_hard
    silu softmax softplus softsign tanh
    conv conv_transpose linear matmul einsum scaled_dot_product_attention
    avg_pool max_pool upsample_bilinear upsample_nearest_neighbor resize_bilinear resize_nearest_neighbor
    batch_norm instance_norm layer_norm l2_norm
    reduce_max reduce_mean reduce_min reduce_sum reduce_l1_norm reduce_l2_norm reduce_sum_square
    reduce_log_sum reduce_log_sum_exp
    cast concat expand_dims identity pad pixel_shuffle pixel_unshuffle reshape slice_by_index slice_by_size
    split squeeze stack tile transpose
    quantize dequantize
    constexpr_affine_dequantize constexpr_blockwise_shift_scale constexpr_cast constexpr_lut_to_dense
    """.split()  # noqa: SIM905 - a table to read
)
"""Operations reported as native to the Neural Engine from A13 on."""


def eligibility(path: Path) -> dict[str, Any]:
    """Lint a saved package.

    Returns:
        ``eligible`` (no finding), ``operations`` (how many were looked at) and ``findings``, sentences.
    """
    spec = library("the Neural Engine lint").utils.load_spec(str(path))
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    # constants are stored, so nothing places them
    operations = [o for o in block.operations if o.type != "const"]
    entrances = {i.name for i in function.inputs}
    counts = Counter(reason for o in operations for reason in sorted(set(_reasons(o, entrances))))
    findings = [f"{reason}: would keep {_times(n)} off the Neural Engine" for reason, n in counts.items()]
    return {"eligible": not findings, "operations": len(operations), "findings": findings}


def _reasons(operation: Any, entrances: set[str]) -> Iterator[str]:
    """Yield what is against one operation."""
    if operation.type not in NATIVE:
        yield f"{operation.type} is not on the list of native operations"
    for output in operation.outputs:
        tensor = output.type.tensorType
        if len(tensor.dimensions) > MAX_RANK:
            yield f"{operation.type} of rank {len(tensor.dimensions)} (at most {MAX_RANK})"
        if any(d.WhichOneof("dimension") == "unknown" for d in tensor.dimensions):
            yield "flexible shape"
        if tensor.dataType == FLOAT32 and not _converts(operation, entrances):
            yield "float32 arithmetic"


def _converts(operation: Any, entrances: set[str]) -> bool:
    """Whether an operation only brings an input or output from or to its outer type and range."""
    sources = {b.name for argument in operation.inputs.values() for b in argument.arguments}
    return operation.type == "cast" or not sources.isdisjoint(entrances)


def _times(number: int) -> str:
    return "1 operation" if number == 1 else f"{number} operations"
