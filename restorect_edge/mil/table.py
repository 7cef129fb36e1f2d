"""The table of MIL operations: handlers declare what they take, everything else is refused.

A handler's parameters are the operation's inputs by name, and their annotations say how a value is
handed over:

    Tensor           floating point as float32, other types as they are
    Exact            untouched, for operations that only move values
    list[...]        an input that is a tuple of tensors
    Ints, int, float, bool, str    from a constant or computed tensor

A parameter with a default may be absent from the program; its default is the one that the MIL
operation set documents. An input that the handler does not name is an error, as is a value it refuses
by raising `UnhandledError`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NewType, TypeVar, get_type_hints

import torch
from torch import Tensor

__all__ = ["TABLE", "Exact", "Handler", "Ints", "UnhandledError", "inside", "op", "padded"]

Exact = NewType("Exact", Tensor)
Ints = tuple[int, ...]
Result = Tensor | tuple[Tensor, ...]
F = TypeVar("F", bound=Callable[..., Any])


class UnhandledError(Exception):
    """An operation asks for something that its handler does not implement."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One operation's function and how each of its parameters is converted."""

    function: Callable[..., Result]
    converters: Mapping[str, Callable[[Any], Any]]
    required: frozenset[str]

    def convert(self, name: str, value: Any) -> Any:
        """Turn `value`, a tensor, string or list of tensors, into what parameter `name` is annotated with."""
        return self.converters[name](value)

    def check(self, given: set[str]) -> None:
        """Raise `UnhandledError` unless the inputs named in `given` are those that the handler takes."""
        if unknown := given - self.converters.keys():
            raise UnhandledError(f"input {', '.join(map(repr, sorted(unknown)))} is not handled")
        if missing := self.required - given:
            raise UnhandledError(f"input {', '.join(map(repr, sorted(missing)))} is missing")


TABLE: dict[str, Handler] = {}
"""Every operation that can be evaluated, by MIL type."""


def op(*names: str) -> Callable[[F], F]:
    """Enter a function into the table as the handler of one or several operations."""

    def register(function: F) -> F:
        hints = get_type_hints(function)
        parameters = inspect.signature(function).parameters
        handler = Handler(
            function=function,
            converters={name: CONVERTERS[hints[name]] for name in parameters},
            required=frozenset(n for n, p in parameters.items() if p.default is inspect.Parameter.empty),
        )
        for name in names or (function.__name__.rstrip("_"),):
            TABLE[name] = handler
        return function

    return register


def inside(indices: Tensor, size: int) -> Tensor:
    """Return `indices` along an axis as int64; outside 0 to `size` - 1 they are an `UnhandledError`."""
    where = indices.long()
    if where.numel() and (int(where.min()) < 0 or int(where.max()) >= size):
        raise UnhandledError(f"indices outside 0..{size - 1}")
    return where


def padded(x: Tensor, pads: Ints, value: float = 0.0) -> Tensor:
    """Pad the last dimensions of `x` by `value`; `pads` is before and after for each, from the first on."""
    # torch lists the last dimension first
    pairs = [pads[i : i + 2] for i in range(0, len(pads), 2)]
    return torch.nn.functional.pad(x, [amount for pair in reversed(pairs) for amount in pair], value=value)


def _float32(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _exact(value: Tensor) -> Tensor:
    return value


def _number(value: Tensor) -> Any:
    if value.numel() != 1:
        raise UnhandledError(f"expected one number, got a tensor of shape {tuple(value.shape)}")
    return value.item()


CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    Tensor: _float32,
    Tensor | None: _float32,
    Exact: _exact,
    Exact | None: _exact,
    list[Tensor]: lambda values: [_float32(v) for v in values],
    list[Exact]: list,
    Ints: lambda value: tuple(int(v) for v in value.reshape(-1).tolist()),
    Ints | None: lambda value: tuple(int(v) for v in value.reshape(-1).tolist()),
    int: lambda value: int(_number(value)),
    int | None: lambda value: int(_number(value)),
    float: lambda value: float(_number(value)),
    bool: lambda value: bool(_number(value)),
    bool | None: lambda value: bool(_number(value)),
    str: str,
}

DTYPES: dict[str, torch.dtype] = {
    "fp16": torch.float16,
    "fp32": torch.float32,
    "bool": torch.bool,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "int32": torch.int32,
    # torch has few kernels for these: they are held in the next wider type
    "uint16": torch.int32,
    "uint32": torch.int64,
    **dict.fromkeys(("int4",), torch.int8),
    **dict.fromkeys(("uint1", "uint2", "uint3", "uint4", "uint6"), torch.uint8),
}
"""MIL element types and the torch types that hold their values."""
