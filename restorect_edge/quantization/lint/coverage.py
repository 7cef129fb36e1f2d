"""Rules for what ought to be in int8 and is not: convolutions, and residual adds between them.

A convolution computes in int8 only if its data and its weight both come from a dequantizer. A residual add
runs inside a convolution's kernel, or in int8, only if what is added comes from a dequantizer too: of its
inputs, one may be the output of a convolution that nothing else reads, and the others need a pair.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from restorect_edge.quantization.lint.view import MOVES_ONLY, Finding, View, is_op, label

__all__ = ["coverage_findings"]

CONVOLUTIONS = ("Conv", "ConvTranspose")
PASSED = MOVES_ONLY | {"Clip", "LeakyRelu", "PRelu", "Relu"}
"""What may stand between a convolution and an add, or an add and the next quantizer."""


def coverage_findings(view: View, excluded: Iterable[str], *, folded: bool = False) -> Iterator[Finding]:
    """Yield convolutions and residual adds that a quantized graph leaves in float, each an error.

    Args:
        view: the graph; one that quantizes no activation is not a quantized graph, and has no findings.
        excluded: names of the source's modules that stay float on purpose, as in a quantization plan.
        folded: whether weights may be float where no quantizer follows, which computes in float anyway.
    """
    if any(is_op(node, "QuantizeLinear") for node in view.graph.node):
        allowed = tuple(_flat(name) for name in excluded)
        yield from _convolutions(view, allowed, folded)
        yield from _residual_adds(view, allowed)


def _convolutions(view: View, allowed: tuple[str, ...], folded: bool) -> Iterator[Finding]:
    for node in view.graph.node:
        if node.op_type in CONVOLUTIONS and not _is_allowed(view, node, allowed):
            floats = [what for index, what in enumerate(("data", "weight")) if not _pair(view, node, index)]
            if floats and not (folded and floats == ["weight"] and not _is_requantized(view, node)):
                yield Finding(
                    severity="error",
                    rule="float-convolution",
                    node=label(node),
                    message=f"convolves in float: its {' and '.join(floats)} come without a dequantizer",
                    mend="quantize both, or exclude the module in the quantization plan",
                )


def _is_requantized(view: View, node: Any) -> bool:
    return any(is_op(reader, "QuantizeLinear") for reader in view.readers(node.output[0]))


def _pair(view: View, node: Any, index: int) -> bool:
    return is_op(view.origin(node.input[index]), "DequantizeLinear")


def _is_allowed(view: View, node: Any, allowed: tuple[str, ...]) -> bool:
    """Whether a convolution is of a module that stays float; graphs of a body alone leave out ``body``."""
    name = _flat(_weight_name(view, node))
    # whole components only: encode1 does not excuse encode10
    return any(f"{full}_".startswith(f"{part}_") for part in allowed for full in (name, f"body_{name}"))


def _weight_name(view: View, node: Any) -> str:
    name = str(node.input[1])
    while name in view.producers and name not in view.constants:
        name = str(view.producers[name].input[0])
    return name


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _residual_adds(view: View, allowed: tuple[str, ...]) -> Iterator[Finding]:
    for node in view.graph.node:
        # what adds a constant is a bias
        if node.op_type != "Add" or any(name in view.constants for name in node.input):
            continue
        kinds = [_kind(view, name, allowed) for name in node.input]
        missing = [name for name, kind in zip(node.input, kinds, strict=True) if kind != "pair"]
        fused = kinds.count("convolution") > 0
        within = _is_quantized_later(view, node) and {"pair", "convolution", "activation"} & set(kinds)
        # one convolution's output may come in float: the add runs inside its kernel
        if within and "excluded" not in kinds and len(missing) > fused:
            yield Finding(
                severity="error",
                rule="residual",
                node=label(node),
                message=f"adds {' and '.join(missing)} in float between quantized convolutions",
                mend="quantize and dequantize what is added to a convolution's output",
            )


def _kind(view: View, name: str, allowed: tuple[str, ...]) -> str:
    """Say what an add is given: `pair`, a `convolution`'s output, an `activation` after one, or `other`."""
    if is_op(view.origin(name), "DequantizeLinear"):
        return "pair"
    node = view.origin(name, PASSED)
    if node is None or node.op_type not in CONVOLUTIONS:
        return "other"
    if _is_allowed(view, node, allowed):
        return "excluded"
    if not _pair(view, node, 0):
        return "other"
    # what something else reads too must be written out, and is no longer inside the kernel
    return "convolution" if node.output[0] == name and len(view.readers(name)) == 1 else "activation"


def _is_quantized_later(view: View, node: Any) -> bool:
    ahead = view.readers(node.output[0])
    while ahead:
        reader = ahead.pop()
        if is_op(reader, "QuantizeLinear"):
            return True
        if reader.op_type in PASSED:
            ahead += view.readers(reader.output[0])
    return False
