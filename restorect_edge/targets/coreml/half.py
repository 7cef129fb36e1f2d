"""Which operations of a Core ML program in float16 compute in float32 all the same."""

from collections.abc import Iterator
from typing import Any

__all__ = ["half_precision"]

MOVING = {
    *("concat", "stack", "reshape", "transpose", "squeeze", "expand_dims", "split", "tile"),
    *("slice_by_index", "slice_by_size", "gather", "gather_nd", "scatter", "scatter_nd"),
}
ARITHMETIC = {"add", "sub", "mul", "real_div", "clip", "tanh", "cast"}
PLACES = {*ARITHMETIC, "concat", "stack", "reshape", "transpose", "squeeze", "expand_dims", "split"}
"""MIL operations that make coordinates of what a network gives for them, at little cost in float32."""
ELEMENTWISE = {
    *(*MOVING, *ARITHMETIC, "abs", "square", "sqrt", "rsqrt", "inverse", "pow", "exp", "exp2", "log"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "maximum", "minimum", "select"),
    *("reduce_max", "reduce_min"),
}
"""MIL operations that carry a difference on to what decides by it, at little cost in float32."""
DECIDING = {
    *("floor", "ceil", "round", "sign", "floor_div", "mod", "argsort", "topk", "non_zero"),
    *("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"),
    *("reduce_argmax", "reduce_argmin"),
}
"""MIL operations whose result jumps: the last digit of float16 decides between two far from each other."""


def half_precision(ct: Any) -> Any:
    """Return coremltools' float16 but for arithmetic on image sizes, on places in an image, and on decisions.

    Float16 counts exactly only up to 2048, tells a place in [-1, 1] to half a pixel of 2000, and rounds a hue
    just below the full circle to the full circle, which no sector has: the pixel comes out black.

    Args:
        ct: coremltools.
    """
    return ct.transform.FP16ComputePrecision(
        op_selector=lambda operation: (
            not (_from_sizes(operation) or _to_places(operation) or _to_decisions(operation))
        )
    )


def _readers(operation: Any) -> Iterator[Any]:
    return (user for value in operation.outputs for user in value.child_ops)


def _to_places(operation: Any) -> bool:
    """Whether a MIL operation takes pixels from computed places, or only turns numbers into such places."""
    if operation.op_type == "resample":
        return True
    users = list(_readers(operation))
    return bool(users) and operation.op_type in PLACES and all(map(_to_places, users))


def _to_decisions(operation: Any) -> bool:
    """Whether a MIL operation decides, or computes element by element what another decides by."""
    if operation.op_type in DECIDING:
        return any(reader.op_type != "cast" for reader in _readers(operation))  # not the levels that come out
    if operation.op_type not in ELEMENTWISE:
        return False
    seen, ahead = {id(operation)}, list(_readers(operation))
    while ahead:
        current = ahead.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if current.op_type in DECIDING and _to_decisions(current):
            return True
        if current.op_type in ELEMENTWISE:
            ahead += _readers(current)
    return False


def _from_sizes(operation: Any) -> bool:
    """Whether a MIL operation computes with the image's sides alone, not with its pixels."""
    found, seen, ahead = False, set(), [operation]
    while ahead:
        current = ahead.pop()
        if current.op_type == "shape":
            found = True
        elif id(current) not in seen:
            seen.add(id(current))
            given = [v for v in current.get_flattened_inputs() if v.val is None]
            if any(v.op is None for v in given):
                return False
            ahead += [v.op for v in given]
    return found
