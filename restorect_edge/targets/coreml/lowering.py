"""Operations that coremltools has not, or computes otherwise than PyTorch, as others that it takes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

__all__ = ["lowered", "resized"]

_CUBIC = (torch.ops.aten.upsample_bicubic2d.vec, torch.ops.aten._upsample_bicubic2d_aa.vec)
_PUT = torch.ops.aten.slice_scatter.default
_SLICES = {torch.ops.aten.slice.Tensor: 1, _PUT: 2}
"""Where their arguments dim, start and end begin."""
TAPS = 5
"""Pixels along an axis that an enlarged one is made of: four of them, which four depends on its phase."""


def lowered(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Return a program in core operations, with divisions and slices as coremltools understands them."""
    program = program.run_decompositions(dict(_DECOMPOSED))
    for node in list(program.graph.nodes):
        if node.target is torch.ops.aten.alias.default:  # coremltools has no conversion for another name
            node.replace_all_uses_with(node.all_input_nodes[0])
            program.graph.erase_node(node)
        elif node.target is _PUT and _is_empty(node.args[1]):  # where windows are not shifted
            node.replace_all_uses_with(node.args[0])
        elif node.target in _SLICES:
            _count_from_the_front(node, _SLICES[node.target])
    program.graph.eliminate_dead_code()
    program.graph_module.recompile()
    return program


def _count_from_the_front(node: fx.Node, at: int) -> None:
    """Write the ends of a slice as they are counted from 0, where all is known.

    coremltools takes an end of 2**63 - 1, which is torch's word for all the rest, for 0 behind a negative
    start, as in the masks of shifted windows.
    """
    value = node.args[0].meta.get("val") if isinstance(node.args[0], fx.Node) else None
    arguments = list(node.args)
    arguments += [None] * (at + 3 - len(arguments))
    dim = 0 if arguments[at] is None else arguments[at]
    if not isinstance(value, Tensor) or not isinstance(dim, int) or not isinstance(value.shape[dim], int):
        return
    start, end = arguments[at + 1 : at + 3]
    if all(side is None or isinstance(side, int) for side in (start, end)):
        begin, stop, _ = slice(start, end).indices(value.shape[dim])
        arguments[at : at + 3] = dim, begin, stop
        node.args = tuple(arguments)


def _is_empty(node: Any) -> bool:
    """Whether a node is a tensor without values, which Core ML has not."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return isinstance(value, Tensor) and 0 in [side for side in value.shape if isinstance(side, int)]


def _remainder(x: Any, y: Any) -> Tensor:
    """Return ``x % y``: coremltools leaves out a floored division by 1 as if it changed nothing."""
    return NotImplemented if _is_whole(x) else x - torch.floor(x / y) * y


def _floored(x: Any, y: Any, *, rounding_mode: str | None = "floor") -> Tensor:
    return NotImplemented if _is_whole(x) or rounding_mode != "floor" else torch.floor(x / y)


def _is_whole(x: Any) -> bool:
    return not isinstance(x, Tensor) or not x.is_floating_point()


_DECOMPOSED: dict[Any, Any] = {
    torch.ops.aten.remainder.Scalar: _remainder,
    torch.ops.aten.remainder.Tensor: _remainder,
    torch.ops.aten.floor_divide.default: _floored,
    torch.ops.aten.div.Tensor_mode: _floored,
    torch.ops.aten.div.Scalar_mode: _floored,
}


def resized(module: fx.GraphModule) -> fx.GraphModule:
    """Let bicubic resizing be a convolution or two matrix products with fixed weights, in place.

    Whole factors larger than 1 are a convolution for each phase, of any size; others, and smaller sizes, a
    product along each axis, of fixed sides. What has neither stays as it is, and coremltools says so.
    """
    for node in [node for node in module.graph.nodes if node.target in _CUBIC]:
        picture, sides, corners, factors = (*node.args, None)[:4]
        before, after = picture.meta["val"].shape, node.meta["val"].shape
        with module.graph.inserting_before(node):
            smooth = node.target is _CUBIC[1]
            factor = None if corners or smooth else _factor(before, after, sides, factors)
            if factor is not None:
                new = _by_phases(module, node.name, picture, before[1], factor)
            elif all(isinstance(side, int) for side in (*before[2:], *after[2:])):
                new = _by_products(module, node, picture, bool(corners), smooth)
            else:
                continue
        node.replace_all_uses_with(new)
        module.graph.erase_node(node)
    module.recompile()
    return module


def _factor(before: Any, after: Any, sides: Any, factors: Any) -> int | None:
    """Return the whole number by which both sides grow, None where there is no such."""
    if factors and sides is None:
        found = {float(factor) for factor in factors}
    elif all(isinstance(side, int) for side in (*before[2:], *after[2:])):
        found = {after[2] / before[2], after[3] / before[3]}
    else:
        return None
    factor = found.pop()
    return int(factor) if not found and factor == int(factor) and factor > 1 else None


def _by_phases(module: fx.GraphModule, name: str, picture: fx.Node, channels: int, factor: int) -> fx.Node:
    """Return nodes that enlarge: each phase of the larger grid is a convolution of the smaller one."""
    # taps are read off torch's own answer, of a row too long for its ends to be reached
    impulse = torch.zeros(1, 1, 2 * TAPS + 1, 1)
    impulse[0, 0, TAPS] = 1
    answer = F.interpolate(impulse, size=((2 * TAPS + 1) * factor, 1), mode="bicubic")[0, 0, :, 0]
    reach = TAPS // 2
    # the tap of a pixel is what the impulse adds to the phases that many pixels away
    taps = torch.stack([answer[(TAPS + reach - k) * factor :][:factor] for k in range(TAPS)], 1)
    kernel = torch.einsum("ak,bl->abkl", taps, taps).reshape(factor * factor, 1, TAPS, TAPS)
    weight = _constant(module, f"{name}_taps", kernel.repeat(channels, 1, 1, 1))
    graph, aten = module.graph, torch.ops.aten
    wider = graph.call_function(aten.pad.default, (picture, [reach] * 4, "replicate"))
    phases = graph.call_function(aten.conv2d.default, (wider, weight, None, [1, 1], [0, 0], [1, 1], channels))
    return graph.call_function(aten.pixel_shuffle.default, (phases, factor))


def _by_products(
    module: fx.GraphModule, node: fx.Node, picture: fx.Node, corners: bool, smooth: bool
) -> fx.Node:
    """Return nodes that resize one axis after the other, by what becomes of each single pixel."""
    before, after = picture.meta["val"].shape, node.meta["val"].shape
    rows, columns = (
        F.interpolate(
            torch.eye(old)[None, None],
            size=(new, old),
            mode="bicubic",
            align_corners=corners,
            antialias=smooth,
        )[0, 0]
        for old, new in zip(before[2:], after[2:], strict=True)
    )
    matmul = torch.ops.aten.matmul.default
    tall = module.graph.call_function(matmul, (_constant(module, f"{node.name}_rows", rows), picture))
    across = _constant(module, f"{node.name}_columns", columns.T.contiguous())
    return module.graph.call_function(matmul, (tall, across))


def _constant(module: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    module.register_buffer(name, value)
    return module.graph.get_attr(name)
