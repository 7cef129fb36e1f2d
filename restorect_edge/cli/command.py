"""The frame of every command: how arguments are parsed, errors shown and exit codes chosen.

Results go to standard output, messages to standard error. Exit codes: 0 ok, 1 usage, 2 quality gate,
3 missing dependency, 4 incompatible artifact, 5 backend failure (see `restorect_edge.errors`),
130 interrupted, 141 the reader of standard output went away.
"""

import argparse
import codecs
import difflib
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.utils.configuration import add_configuration, read_configuration, to_toml
from restorect_edge.utils.interruption import stoppable, stopped

__all__ = ["INTERRUPTED", "PIPE_CLOSED", "Parser", "run"]

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
PIPE_CLOSED = 141
"""128 + SIGPIPE."""


HABITS = {
    "-d": "--device",
    "-f": "--target",
    "-i": "the input without an option",
    "-m": "--weights",
    "-t": "--tile",
    "-y": "--overwrite",
    "--batch-size": "--batch",
    "--dataset": "--data",
    "--epochs": "--iterations",
    "--format": "--target",
    "--fp16": "--precision fp16",
    "--half": "--precision fp16",
    "--imgsz": "--shapes",
    "--input": "the input without an option",
    "--int8": "--precision int8",
    "--jobs": "--workers",
    "--lr": "--learning-rate",
    "--model": "--weights",
    "--out": "--output",
    "--output-dir": "--output",
    "--weight-format": "--precision",
}
"""Options of other tools, and what does the same here where a verb has it."""


class Parser(argparse.ArgumentParser):
    """An argument parser for one verb, whose errors are `UsageError`.

    argparse exits with 2, which here says that an artifact fails its quality gate.

    Args:
        verb: as in ``restorect-edge VERB``.
        description: what it does, one or two sentences.
        examples: command lines and remarks shown after the options, as they are.
        config: names of the option that takes a TOML file with the others; none for a verb that has few.
    """

    def __init__(
        self, verb: str, description: str, examples: str, *, config: Sequence[str] = ("--config",)
    ) -> None:
        super().__init__(
            prog=f"restorect-edge {verb}".strip(),
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.config = config
        if config:
            add_configuration(self, *config)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse arguments: what is given, over what the file of ``--config`` has, over the defaults.

        Options may stand anywhere, also between two inputs, of which argparse itself takes one run only:
        ``run NETWORK --overwrite PHOTO`` would end at PHOTO.

        Returns:
            The options; `configured` names those that are from the file.

        Raises:
            UsageError: the arguments are not the verb's, or the file has something else.
        """
        given = list(sys.argv[1:] if args is None else args)
        file, printed = self._configuration(given)
        values = read_configuration(self, file) if file else {}
        for action in self._actions:
            action.default = values.get(action.dest, action.default)
            action.required = action.required and action.dest not in values and not printed
            if printed and not action.option_strings:
                action.nargs = "*"
        found = self._mixed(given, namespace)
        found.configured = frozenset(name for name in values if getattr(found, name) is values[name])
        if printed:
            sys.stdout.write(to_toml(self, found))
            raise SystemExit(0)
        return found

    def _configuration(self, args: Sequence[str]) -> tuple[Path | None, bool]:
        """Return the file of options that arguments name, and whether they ask for one."""
        if not self.config:
            return None, False
        first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        first.add_argument(*self.config, dest="file", type=Path)
        first.add_argument("--print-config", action="store_true")
        try:
            found = first.parse_known_args(args)[0]
        except argparse.ArgumentError:  # which the parser itself says better
            return None, False
        return found.file, found.print_config

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
        unknown = [word for word in words if word not in known and (word[:2] == "--" or word in HABITS)]
        if unknown:
            hints = (_nearest(word, known) for word in unknown)
            meant = ", ".join(dict.fromkeys(hint for hint in hints if hint))
            hint = f" (did you mean {meant}?)" if meant else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with argparse's message and where to find help."""
        raise UsageError(f"{message}; see: {self.prog} --help")


def _nearest(word: str, options: Sequence[str]) -> str:
    habit = HABITS.get(word, "")
    if habit and (habit[0] != "-" or habit.partition(" ")[0] in options):
        return habit
    near = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return near[0] if near else ""


def run(main: Callable[[argparse.Namespace], int], parser: Parser, argv: Sequence[str] | None) -> int:
    """Parse `argv`, run `main` and return the exit code.

    An error that the package raises on purpose becomes one line on standard error; any other exception
    is a defect and keeps its traceback.

    Args:
        main: the command's body; returns its exit code.
        parser: its arguments.
        argv: arguments without the program's name; None takes the process's own.

    Raises:
        SystemExit: with code 0, after ``--help`` or ``--version``.
    """
    _take_any_name(sys.stdout)
    _take_any_name(sys.stderr)
    try:
        with stoppable(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged metadata, which is kept as it is
            code = main(parser.parse_args(argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return PIPE_CLOSED
    except Exception as error:
        if stopped() or _came_of_stopping(error):
            _say("interrupted")
            return INTERRUPTED
        if not isinstance(error, RestorectError):
            raise
        _say("error: " + " ".join(str(error).splitlines()))
        return error.exit_code
    return code


def _came_of_stopping(error: BaseException) -> bool:
    """Whether an error was raised while `KeyboardInterrupt` went up.

    A library that is stopped in the middle of something may fail as it cleans up, and only then; one that is
    stopped while it is imported looks as if it were not installed.
    """
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__context__
    return seen is not None


def _take_any_name(stream: TextIO) -> None:
    """Let a stream take file names that are not UTF-8, by their bytes, and what its encoding has not,
    escaped."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="restorect_edge.names")


def _encode_name(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error("restorect_edge.names", _encode_name)


def _say(line: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(line + "\n")


def _discard_stdout() -> None:
    """Keep the interpreter from failing again when it flushes what nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
