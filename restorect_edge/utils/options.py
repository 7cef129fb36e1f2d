"""Options as fields of a frozen dataclass, each with its meaning in the string below it.

Signatures, command lines, TOML files and the reference page are made of such a class.

    @dataclass(frozen=True, kw_only=True)
    class Verify:
        artifact: Path = argument(metavar="ARTIFACT")
        \"\"\"Directory that an export made.\"\"\"
        images: Path | None = option(None, metavar="DIR")
        \"\"\"Photographs to use instead of the shipped ones.\"\"\"
"""

import ast
import dataclasses
import functools
import inspect
import itertools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

__all__ = ["Option", "argument", "option", "options", "several", "silent", "taken", "takes"]

P = ParamSpec("P")
O = TypeVar("O")  # noqa: E741
R = TypeVar("R")

Count = int | Literal["+"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One field, and what a command line needs to know of it besides its type."""

    name: str = ""
    kind: type = str
    """Of one value: bool, int, float, str or Path."""
    count: Count = None
    """Values of a list: so many, ``+`` for one or more; None for a single value."""
    default: Any = None
    """`dataclasses.MISSING` where it must be given."""
    owner: type = object
    """The class whose option it is; itself or a base has the field and what it means."""
    flags: tuple[str, ...] = ()
    """As typed, ``--name`` among them; empty for an argument without one."""
    metavar: str | tuple[str, ...] | None = None
    choices: tuple[Any, ...] = ()
    """All values that are taken; empty for any."""
    group: str = ""
    """Heading of the help under which it stands."""
    more: str | Callable[[], str] = ""
    """What follows the meaning; called where that depends on tables that grow, such as the targets'."""
    parse: Callable[[str], Any] | None = None
    """Makes the value of text, or raises `UsageError`."""
    write: Callable[[Any], Any] | None = None
    """Makes of a value what TOML has for it."""
    repeated: bool = False
    """Given once for each value of the list."""
    rest: bool = False
    """All words from here on, options among them."""
    replaces: tuple[str, ...] = ()
    """Options of a file that this one, given on the command line, stands instead of."""
    python_only: bool = False
    """Not an option of any command line."""

    @property
    def keys(self) -> list[str]:
        """The names in a TOML file, the first of which is printed."""
        return [flag[2:].replace("-", "_") for flag in self.flags if flag.startswith("--")]

    @property
    def meaning(self) -> str:
        """The string below the field, of the nearest class that has one."""
        found = (_meanings(base).get(self.name) for base in self.owner.__mro__[:-1])
        return next(filter(None, found), "")

    @property
    def addition(self) -> str:
        """What follows the meaning, called where it depends on tables that grow."""
        return self.more() if callable(self.more) else self.more

    @property
    def help(self) -> str:
        """What it means, with its default."""
        default = self.default
        if default is True:
            default = "yes"
        bare = default is MISSING or default is None or default is False or default in ((), "")
        said = "default" in self.addition
        parts = [self.meaning.replace("`", ""), self.addition]
        return "; ".join(filter(None, [*parts, "" if bare or said else f"default {self.shown(default)}"]))

    def shown(self, value: Any) -> str:
        """Return a value as it is typed."""
        value = self.write(value) if self.write else value
        return f"{value:g}" if isinstance(value, float) else str(value)


def option(default: Any = MISSING, *flags: str, **declared: Any) -> Any:
    """Declare a field as an option; its first long flag is its own name.

    Args:
        default: its value where nothing is given; without one it must be given.
        flags: further ones, such as ``-o``.
        declared: fields of `Option`.
    """
    return field(default=default, metadata={"option": Option(flags=flags, **declared)})


def argument(default: Any = MISSING, **declared: Any) -> Any:
    """Declare a field as an argument without a flag, with a `default` and `declared` fields of `Option`."""
    return field(default=default, metadata={"argument": Option(**declared)})


def silent(message: str) -> None:
    """Say nothing: the default of what is given a line per stage."""


def options(cls: type) -> list[Option]:
    """Return the options of a dataclass: its own first, then those of its bases."""
    hints, order = typing.get_type_hints(cls), list(cls.__mro__)
    first = {name: base for base in order for name in inspect.get_annotations(base)}  # that had such a field
    found = [_option(each, hints[each.name], cls) for each in fields(cls)]
    return sorted((o for o in found if not o.python_only), key=lambda o: order.index(first[o.name]))


def _option(found: "dataclasses.Field[Any]", hint: Any, owner: type) -> Option:
    given: Option | None = found.metadata.get("argument")
    declared = given or found.metadata.get("option", Option())
    kind, count = _kind(hint)
    # what parses text takes it whole, commas included
    if declared.parse:
        kind, count = str, None
    short = [flag for flag in declared.flags if not flag.startswith("--")]
    long = [f"--{found.name.replace('_', '-')}", *(f for f in declared.flags if f.startswith("--"))]
    flags = () if given else (*short, *long)
    return replace(
        declared, name=found.name, kind=kind, count=count, default=found.default, owner=owner, flags=flags
    )


def _kind(hint: Any) -> tuple[type, Count]:
    """Return the type of one value, and how many there are."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    arms = [arm for arm in (typing.get_args(hint) if union else (hint,)) if arm is not type(None)]
    last = arms[-1]  # of `str | Path`, Path
    inner = typing.get_args(last)
    if typing.get_origin(last) is Sequence:
        return _kind(inner[0])[0], "+"
    if typing.get_origin(last) is not tuple:
        return last, None
    return _kind(inner[0])[0], "+" if inner[-1] is Ellipsis else len(inner)


@functools.cache
def _meanings(cls: type) -> Mapping[str, str]:
    """Return what the fields of a class mean: the strings below them, read from its source."""
    try:
        body = ast.parse(inspect.getsource(cls)).body[0]
    except (OSError, TypeError):  # no source, as with a class that was typed in
        return {}
    return dict(_strings(body.body)) if isinstance(body, ast.ClassDef) else {}


def _strings(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for line, following in itertools.pairwise(body):
        text = following.value if isinstance(following, ast.Expr) else None
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(text, ast.Constant)
        ):
            yield line.target.id, " ".join(str(text.value).split()).rstrip(".")


def taken(cls: type[O], given: Any) -> O:
    """Return a `cls` made of those fields of the object `given` that have the same names."""
    return cls(**{each.name: getattr(given, each.name) for each in fields(cls)})  # type: ignore[arg-type]


def takes(cls: Callable[P, O]) -> Callable[[Callable[[O], R]], Callable[P, R]]:
    """Give a function of one object of options the signature of their class.

    Args:
        cls: the dataclass; what it takes, the function takes.
    """

    def decorate(function: Callable[[O], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(cls(*args, **kwargs))

        shown = inspect.signature(cls).replace(
            return_annotation=inspect.signature(function).return_annotation
        )
        called.__signature__ = shown  # type: ignore[attr-defined]
        return called

    return decorate


def several(given: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """Return the texts or paths of an option that takes one or several.

    Args:
        given: the value or values.
    """
    return tuple(str(each) for each in ((given,) if isinstance(given, (str, Path)) else given))
