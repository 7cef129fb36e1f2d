"""What every verb's command line is made of: the dataclass of its options."""

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NoReturn

from restorect_edge.errors import UsageError
from restorect_edge.utils.configuration import merged, to_toml
from restorect_edge.utils.options import Option, options

__all__ = ["Parser"]

HABITS = {
    "-d": ("--device",),
    "-f": ("--target",),
    "-i": ("the input without an option",),
    "-m": ("--weights",),
    "-t": ("--tile",),
    "-y": ("--overwrite",),
    "--batch-size": ("--batch",),
    "--data": ("--images", "the input without an option"),
    "--dataset": ("--data",),
    "--device": ("the --device of run, bench and evaluate",),
    "--epochs": ("--iterations",),
    "--format": ("--target",),
    "--fp16": ("--precision fp16",),
    "--gpus": ("--device",),
    "--half": ("--precision fp16",),
    "--imgsz": ("--shapes",),
    "--input": ("the input without an option",),
    "--int8": ("--precision int8",),
    "--jobs": ("--workers",),
    "--lr": ("--learning-rate",),
    "--model": ("--weights",),
    "--out": ("--output",),
    "--output-dir": ("--output",),
    "--weight-format": ("--precision",),
}
"""Options of other tools, and what does the same here: the first that a verb has, or that is no option."""


class Parser(argparse.ArgumentParser):
    """An argument parser for one verb, whose errors are `UsageError`.

    argparse exits with 2, which here says that an artifact fails its quality gate.

    Args:
        verb: as in ``restorect-edge VERB``.
        description: what it does, one or two sentences.
        examples: command lines and remarks shown after the options, as they are.
        verb_options: the dataclass of its options; one for each first word
            of a verb where that decides which options there are.
        config: names of the option that takes a TOML file with the others; none for what is no verb.
    """

    def __init__(
        self,
        verb: str,
        description: str,
        examples: str,
        verb_options: type | Mapping[str, type],
        *,
        config: Sequence[str] = ("--config",),
    ) -> None:
        super().__init__(
            prog=f"restorect-edge {verb}".strip(),
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.config = config
        self.kinds: Mapping[str, type] = (
            {"": verb_options} if isinstance(verb_options, type) else verb_options
        )
        self._listed: list[tuple[argparse.Action, Option]] = []
        groups: dict[str, argparse._ActionsContainer] = {"": self}
        for o in self.known().values():
            if o.group not in groups:
                groups[o.group] = self.add_argument_group(o.group)
            self._listed.append((_added(groups[o.group], o), o))
        if config:
            _add_configuration(self, config)

    def known(self, kind: str | None = None) -> dict[str, Option]:
        """Return the options by name: those of one kind, or of all, the last kind's first."""
        kinds = [self.kinds[kind]] if kind is not None else reversed(list(self.kinds.values()))
        found: dict[str, Option] = {}
        for cls in kinds:
            for o in options(cls):
                found.setdefault(o.name, o)
        return found

    def format_help(self) -> str:
        """Return the help; what options mean is read from the source only now."""
        for action, o in self._listed:
            having = self._having(o.name)
            only = f" ({' and '.join(having)} only)" if len(having) < len(self.kinds) else ""
            # argparse fills in what follows a percent sign
            action.help = (o.help + only).replace("%", "%%")
        return super().format_help()

    def _having(self, option: str) -> list[str]:
        """Return the kinds that have an option."""
        return [kind for kind, cls in self.kinds.items() if option in {each.name for each in fields(cls)}]

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> Any:
        """Parse arguments: what is given, over what the file of ``--config`` has, over the defaults.

        Options may stand anywhere, also between two inputs, of which argparse itself takes one run only:
        ``run NETWORK --overwrite PHOTO`` would end at PHOTO.

        Args:
            args: words after the verb; None for those of this process.
            namespace: as argparse has it.

        Returns:
            An object of the dataclass of the options.

        Raises:
            UsageError: the arguments are not the verb's, or the file has something else.
        """
        words = list(sys.argv[1:] if args is None else args)
        every = self.known()
        chooser = next((o.name for o in every.values() if not o.flags), "") if len(self.kinds) > 1 else ""
        # what is only printed needs no input
        for action in self._actions if self.config and "--print-config" in words else ():
            if not action.option_strings and action.dest != chooser:
                action.nargs = "*"
        found = {k: v for k, v in vars(self._mixed(words, namespace)).items() if v is not None and v != []}
        file, printed = found.pop("config", None), found.pop("print_config", False)
        given: dict[str, Any] = {k: tuple(v) if every[k].count else v for k, v in found.items()}
        kind = str(given.get(chooser, ""))
        known = self.known(kind)
        for name in given:
            if name not in known:
                flag, having = "--" + name.replace("_", "-"), " or ".join(self._having(name))
                raise UsageError(f"{flag} is not an option of a {kind}'s run; it is one of {having}")
        values = merged(list(known.values()), file, given)
        if printed:
            sys.stdout.write(to_toml(list(known.values()), values))
            raise SystemExit(0)
        missing = [o.flags[0] for o in known.values() if o.default is MISSING and o.name not in values]
        if missing:
            self.error(f"the following arguments are required: {', '.join(missing)}")
        return self.kinds[kind](**values)

    def _mixed(self, given: list[str], namespace: argparse.Namespace | None) -> argparse.Namespace:
        rest = any(action.nargs == argparse.REMAINDER for action in self._actions)
        if not rest:
            self._refuse_unknown(given)
        if rest or "--" in given:  # what follows is no option, which the two passes of argparse forget
            return super().parse_args(given, namespace)
        return super().parse_intermixed_args(given, namespace)

    def _refuse_unknown(self, given: Sequence[str]) -> None:
        """Blame options that there are not, before argparse takes their values for something else."""
        known = [name for action in self._actions for name in action.option_strings]
        words = (word.partition("=")[0] for word in given[: given.index("--") if "--" in given else None])
        # of single dashes only known habits: -1 may be a value
        unknown = [word for word in words if word not in known and (word[:2] == "--" or word in HABITS)]
        if unknown:
            own = {word: hint for cls in self.kinds.values() for word, hint in _hints(cls).items()}
            hints = (own.get(word) or _nearest(word, known) for word in unknown)
            meant = ", ".join(dict.fromkeys(hint for hint in hints if hint))
            hint = f" (did you mean {meant}?)" if meant else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with argparse's message and where to find help."""
        raise UsageError(f"{message}; see: {self.prog} --help")


def _added(group: argparse._ActionsContainer, o: Option) -> argparse.Action:
    """Add an option to a parser, which leaves it out of its result where it is not given."""
    declared: dict[str, Any] = {"default": argparse.SUPPRESS, "metavar": o.metavar}
    if o.kind is bool:
        switch = "store_true" if o.default is False else argparse.BooleanOptionalAction
        return group.add_argument(*o.flags, dest=o.name, action=switch, default=argparse.SUPPRESS)
    declared["type"] = o.parse or o.kind
    declared["choices"] = o.choices or None
    if o.flags and not (o.choices or o.metavar):
        declared["metavar"] = o.kind.__name__.upper()
    if not o.flags:
        declared["default"] = None
        declared["nargs"] = (
            argparse.REMAINDER if o.rest else "*" if o.count else None if o.default is MISSING else "?"
        )
        return group.add_argument(o.name, **declared)
    if o.repeated:
        return group.add_argument(*o.flags, dest=o.name, action="append", **declared)
    return group.add_argument(*o.flags, dest=o.name, nargs=o.count, **declared)


def _add_configuration(parser: argparse.ArgumentParser, flags: Sequence[str]) -> None:
    """Add ``--config``, by these names, and ``--print-config``."""
    group = parser.add_argument_group("configuration")
    file = "TOML file with any of the other options"
    group.add_argument(*flags, dest="config", type=Path, metavar="FILE", help=file)
    group.add_argument("--print-config", action="store_true", help="print all options as TOML, and stop")


def _hints(cls: type) -> Mapping[str, str]:
    """Return what a verb itself says of options that it has not: its `HINTS`."""
    hints: Mapping[str, str] = getattr(cls, "HINTS", {})
    return hints


def _nearest(word: str, options: Sequence[str]) -> str:
    for habit in HABITS.get(word, ()):
        if habit[0] != "-" or habit.partition(" ")[0] in options:
            return habit
    near = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return near[0] if near else ""
