"""The frame of every command: how arguments are parsed, errors shown and exit codes chosen.

Results go to standard output, messages to standard error. Exit codes: 0 ok, 1 usage, 2 quality gate,
3 missing dependency, 4 incompatible artifact, 5 back-end failure (see `restorect_edge.errors`),
130 interrupted, 141 the reader of standard output went away.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from restorect_edge.errors import RestorectError, UsageError

__all__ = ["INTERRUPTED", "PIPE_CLOSED", "Parser", "run"]

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
PIPE_CLOSED = 141
"""128 + SIGPIPE."""


class Parser(argparse.ArgumentParser):
    """An argument parser for one verb, whose errors are `UsageError`.

    argparse exits with 2, which here says that an artifact fails its quality gate.

    Args:
        verb: as in ``restorect-edge VERB``.
        description: what it does, one or two sentences.
        examples: command lines and remarks shown after the options, as they are.
    """

    def __init__(self, verb: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"restorect-edge {verb}".strip(),
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with argparse's message and where to find help."""
        raise UsageError(f"{message}; see: {self.prog} --help")


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
    try:
        code = main(parser.parse_args(argv))
        sys.stdout.flush()
    except RestorectError as error:
        _say("error: " + " ".join(str(error).splitlines()))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return PIPE_CLOSED
    return code


def _say(line: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(line + "\n")


def _discard_stdout() -> None:
    """Keep the interpreter from failing again when it flushes what nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
