"""What the rules of the lint read and give: a graph with constants, producers and consumers; a finding."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["MOVES_ONLY", "Finding", "View", "is_op", "label", "nodes"]

_MOVES_ONLY = """
DepthToSpace Flatten Identity MaxPool Pad Reshape Slice SpaceToDepth Squeeze Transpose Unsqueeze
"""
MOVES_ONLY = frozenset(_MOVES_ONLY.split())
"""Operators that move the values of their first input and leave them as they are, or padded by zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong (`error`), or that is worth a look (`warning`)."""

    severity: Literal["error", "warning"]
    rule: str
    """Name of the rule that found it, one of `restorect_edge.quantization.lint.rules.RULES`."""
    node: str
    """The node, input or initializer it is about."""
    message: str
    """What is wrong."""
    mend: str
    """How to fix it."""

    def __str__(self) -> str:
        return f"{self.node}: {self.message}; {self.mend}"


@dataclass(slots=True)
class View:
    """A graph with its constants, producers and consumers by tensor name."""

    graph: Any
    constants: dict[str, Any] = field(default_factory=dict)
    producers: dict[str, Any] = field(default_factory=dict)
    consumers: dict[str, list[tuple[Any, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Any) -> "View":
        """Index an `onnx.GraphProto`."""
        from onnx import numpy_helper

        view = cls(graph)
        view.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            view.producers.update(dict.fromkeys(node.output, node))
            if node.op_type == "Constant":
                view.constants[node.output[0]] = _value(node.attribute[0])
            for index, name in enumerate(node.input):
                view.consumers.setdefault(name, []).append((node, index))
        return view

    def inputs(self) -> list[Any]:
        """Return the graph's inputs without its initializers, which old IR versions list among them."""
        return [value for value in self.graph.input if value.name not in self.constants]

    def origin(self, name: str, through: frozenset[str] = MOVES_ONLY) -> Any:
        """Return the node that computes tensor `name`, looking through `through`; None for none."""
        node = self.producers.get(name)
        while node is not None and node.op_type in through:
            node = self.producers.get(node.input[0])
        return node

    def readers(self, name: str) -> list[Any]:
        """Return the nodes that read a tensor."""
        return [node for node, _ in self.consumers.get(name, ())]


def _value(attribute: Any) -> Any:
    from onnx import helper, numpy_helper

    value = helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    # ONNX's floats have 32 bits, Python's would become 64
    return np.asarray(value, np.float32 if attribute.name.startswith("value_float") else None)


def nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of the branches inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes(inner)


def label(node: Any) -> str:
    """Return what to call a node: its name, or what it does where it has none."""
    return node.name or f"{node.op_type} -> {', '.join(node.output)}"


def is_op(node: Any, operator: str) -> bool:
    """Whether `node` is there and its type is `operator`."""
    return node is not None and node.op_type == operator
