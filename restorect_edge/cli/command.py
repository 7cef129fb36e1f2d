"""The frame of every command: how errors are shown and exit codes chosen.

Results go to standard output, messages to standard error. Exit codes: 0 ok, 1 usage, 2 quality gate,
3 missing dependency, 4 incompatible artifact, 5 backend failure (see `restorect_edge.errors`),
130 interrupted, 141 the reader of standard output went away.
"""

import codecs
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from restorect_edge.cli.options.parser import Parser
from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.utils.interruption import stoppable, stopped

__all__ = ["INTERRUPTED", "PIPE_CLOSED", "run", "say"]

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
PIPE_CLOSED = 141
"""128 + SIGPIPE."""


def run(main: Callable[[Any], int], parser: Parser, argv: Sequence[str] | None) -> int:
    """Parse `argv`, run `main` and return the exit code.

    An error that the package raises on purpose becomes one line on standard error, and so does what the
    system says of files and streams; any other exception is a defect and keeps its traceback.

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
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return PIPE_CLOSED
    except Exception as error:
        if stopped() or _came_of_stopping(error):
            say("interrupted")
            return INTERRUPTED
        if isinstance(error, OSError) and error.errno is not None:
            error = _of_the_system(error)
        if not isinstance(error, RestorectError):
            raise
        say("error: " + " ".join(str(error).splitlines()))
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


def _of_the_system(error: OSError) -> UsageError:
    """Return in words what the system says: a name too long, no rights, a disk that is full or fails."""
    if error.filename is None:  # of a stream, such as standard output
        return UsageError(f"cannot read or write: {error.strerror}")
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes | str) else error.filename
    return UsageError(f"cannot use '{name}': {error.strerror}")


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


def say(line: str) -> None:
    """Write a message to standard error, after what standard output still holds."""
    try:
        sys.stdout.flush()
    except OSError:  # what it holds cannot be written, which has an error of its own
        _discard_stdout()
    print(line, file=sys.stderr, flush=True)


def _discard_stdout() -> None:
    """Keep the interpreter from failing again when it flushes what nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
