"""Which module of the source each operation of a graph belongs to, from names of weights and the wiring.

Exporters keep the names of weights and drop the modules that operations came from, backends fuse and rename
operations. So an operation that reads a module's weights is of that module; one without weights is of the
innermost module that holds all its nearest neighbors with weights; and the sum that closes a residual block,
whose one input the block reads as well, is of the block.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["LAYOUT", "Operation", "Placement", "Source", "common", "module_of_weight", "place"]

LAYOUT = ("Reorder", "ReorderInput", "ReorderOutput")
"""Kinds of operations that only change how a tensor lies in memory."""
RENAMED = re.compile(r"(_nchwc|_token_\d+|/duplicated|_token|/WithoutBiases|_quant)+$")
"""What backends append to a name when they make an operation anew."""
WEIGHT = re.compile(r"\.(weight|bias)(?=\.|_|$)")
CONVOLUTION = re.compile(r"conv", re.IGNORECASE)

Modules = frozenset[str]
NOTHING: Modules = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A node of a graph."""

    name: str
    kind: str
    reads: tuple[str, ...] = ()
    """Names of the values it takes, weights left out."""
    gives: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    """Names of the constants it takes."""
    sources: tuple[str, ...] = ()
    """Operations that it was made of, where the backend tells."""


@dataclass(slots=True)
class Placement:
    """A graph whose operations are assigned to modules."""

    operations: Sequence[Operation]
    modules: dict[str, str] = field(default_factory=dict)
    """By name of the operation; what cannot be told is absent."""


@dataclass(frozen=True, slots=True)
class Source:
    """An artifact's own graph, to look up the names that a backend reports."""

    placement: Placement
    owners: Mapping[str, str]
    """Module of each operation that reads weights."""
    by_value: Mapping[str, Operation]
    by_name: Mapping[str, Operation]

    def module(self, executed: Operation) -> str | None:
        """Return the module of an operation of the executed graph, None where its names say nothing."""
        known = [op for name in (*executed.sources, executed.name) if (op := self._find(name)) is not None]
        # weights tell a module for certain; the wiring is asked only where there are none
        for op in known:
            if op.name in self.owners:
                return self.owners[op.name]
        if known and CONVOLUTION.search(executed.kind):
            above = self._convolution_above(known[0])
            if above is not None:
                return above
        return next((m for op in known if (m := self.placement.modules.get(op.name)) is not None), None)

    def _find(self, name: str) -> Operation | None:
        for candidate in (name, RENAMED.sub("", name)):
            found = self.by_name.get(candidate) or self.by_value.get(candidate)
            if found is not None:
                return found
        return None

    def _convolution_above(self, op: Operation) -> str | None:
        """Return the module of the convolution that an activation fused into it was named after."""
        while op.name not in self.owners and op.reads and op.reads[0] in self.by_value:
            op = self.by_value[op.reads[0]]
        return self.owners.get(op.name)


def module_of_weight(name: str, role: str, planned: Mapping[str, str]) -> str | None:
    """Return the module that a constant is a weight of, None for one that the exporter made.

    Args:
        name: of the constant, such as ``body.encode1.0.first.weight`` or ``encode1_0_first_weight``.
        role: of the graph; in those of a split artifact names begin below ``prior`` or ``body``.
        planned: names of quantized weights by the same with underscores, which is what their graphs have.
    """
    whole = name if role == "whole" else f"{role}.{name}"
    planned_name = planned.get(whole.replace(".", "_"))
    if planned_name is None and "." not in name:
        return None
    return WEIGHT.split(planned_name or whole)[0] if WEIGHT.search(planned_name or whole) else None


def place(operations: Sequence[Operation], owners: Mapping[str, str]) -> Placement:
    """Assign operations, in an order in which each follows those it reads from, to modules.

    Args:
        operations: of one graph.
        owners: module by name, of those where it is known.
    """
    above, below = _nearest(operations, owners)
    readers = _nearest_below(operations, owners)
    placement = Placement(operations)
    for op in operations:
        module = owners.get(op.name)
        if module is None:
            module = _closed_block(op, above, readers)
        if module is None:
            module = _between(op.kind, _union(above, op.reads), below[op.name])
        if module is not None:
            placement.modules[op.name] = module
    return placement


def common(modules: Iterable[str]) -> str:
    """Return the innermost module that holds all; empty where that is the network itself."""
    paths = [module.split(".") for module in modules]
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) != 1:
            break
        shared.append(parts[0])
    return ".".join(shared)


def _between(kind: str, above: Modules, below: Modules) -> str | None:
    if kind in LAYOUT:
        # a reorder is made for the convolution behind it, or undoes what the one before it needed
        wanted = above if kind == "ReorderOutput" else below
        if len(wanted) == 1:
            return next(iter(wanted))
    if above and below:
        return common(above | below) or common(above) or common(below) or None
    at_an_end = common(above | below).partition(".")[0]  # image and result are the whole network's
    return at_an_end or None


def _nearest(
    operations: Sequence[Operation], owners: Mapping[str, str]
) -> tuple[dict[str, Modules], dict[str, Modules]]:
    """Return the nearest owners above each value, and below each operation."""
    above: dict[str, Modules] = {}
    # in the order of the graph: what is above a value is known once its operation is reached
    for op in operations:
        found = frozenset({owners[op.name]}) if op.name in owners else _union(above, op.reads)
        above.update(dict.fromkeys(op.gives, found))
    readers = _nearest_below(operations, owners)
    return above, {op.name: _union(readers, op.gives) for op in operations}


def _nearest_below(operations: Sequence[Operation], owners: Mapping[str, str]) -> dict[str, Modules]:
    """Return the nearest owners that each value flows to."""
    below: dict[str, Modules] = {}
    for op in reversed(operations):
        found = frozenset({owners[op.name]}) if op.name in owners else _union(below, op.gives)
        for value in op.reads:
            below[value] = below.get(value, NOTHING) | found
    return below


def _closed_block(op: Operation, above: Mapping[str, Modules], below: Mapping[str, Modules]) -> str | None:
    """Return the block that a sum closes: one input leaves it, and the other is what it reads as well."""
    if len(op.reads) != 2:
        return None
    for inner, skipped in (op.reads, op.reads[::-1]):
        leaving = above.get(inner, NOTHING)
        if len(leaving) != 1:
            continue
        block = next(iter(leaving)).rpartition(".")[0]
        inside = f"{block}."
        enters = any(module.startswith(inside) for module in below.get(skipped, NOTHING))
        outside = not any(module.startswith(inside) for module in above.get(skipped, NOTHING))
        if block and enters and outside and above.get(skipped):
            return block
    return None


def _union(sets: Mapping[str, Modules], names: Iterable[str]) -> Modules:
    return NOTHING.union(*(sets.get(name, NOTHING) for name in names))
