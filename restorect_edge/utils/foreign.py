"""What other libraries raise and print, said in one sentence.

A converter's exception may be a page: colors for a terminal, the graph, stack frames, links to bug
trackers, and somewhere the one line that helps. Whoever calls such a library wraps the call in
`foreign_errors`, so that callers meet only the exceptions of `restorect_edge.errors`; the original is kept
as the cause.
"""

import ctypes
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from restorect_edge.errors import BackendError, RestorectError
from restorect_edge.utils.locks import ForkLock

__all__ = ["foreign_errors", "hushed", "hushed_descriptor", "reason", "without_bar"]

LONGEST = 240
"""Letters of a reason."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_SCRATCH = re.compile(r"[^\s'\"(]*[\\/]tmp[a-z0-9_]{8}[\\/]")
"""The folder of a temporary file of ours: its name helps nobody."""
_NOISE = re.compile(
    "|".join(
        (
            # where in a library
            r'File "|Traceback |Original traceback|Caused by:|While executing|frame #|#\d|at 0x|def forward',
            r"Exception (raised )?from|Check '.* failed at|FrontEnd API failed|Model wasn't fully converted",
            r"The (error above|following call)|consider using data-dep|Summary:",
            # how to debug it
            r"(For|If you|You can|To) .*(TORCH|debug|http|suspect)|Use tlparse|Next steps|Hint: run with",
            # rulers
            r"\^+$|[-=~*_]{3,}$",
        )
    ),
    re.IGNORECASE,
)
"""How a line begins that does not say what is wrong."""
_BARE = (LookupError, AttributeError, AssertionError, StopIteration)
"""What says less than the error that a library made of it."""
_ASIDE = re.compile(
    r"\s*(For more (details|information)|See the stack trace|\(Refer to|Please (file|report|open)"
    r"|Failure message: No).*",
    re.DOTALL,
)


def reason(error: BaseException) -> str:
    """Return the sentence of an exception that says what is wrong, without a full stop.

    Args:
        error: of any library; where it was raised from another one, the first of them is what counts.

    Returns:
        One line of at most `LONGEST` letters, without escape sequences, stack frames and listings.
    """
    deepest = error
    while deepest.__cause__ is not None and not isinstance(deepest.__cause__, _BARE):
        deepest = deepest.__cause__
    text = _SCRATCH.sub("", _ESCAPE.sub("", str(deepest)))
    lines = [line.strip().removeprefix("-- ") for line in text.splitlines()]
    told = [line for line in lines if line and not _NOISE.match(line)]
    sentence = _first_sentence(told)
    if isinstance(deepest, _BARE) or not sentence:
        # The message of a KeyError is a key, that of a MemoryError often none.
        sentence = f"{type(deepest).__name__}{': ' if sentence else ''}{sentence}"
    return sentence


def _first_sentence(lines: list[str]) -> str:
    """Join lines up to the first that does not announce another, and shorten what is still long."""
    found: list[str] = []
    for line in lines:
        found.append(line)
        if not line.endswith((":", ",")):
            break
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", _ASIDE.sub("", " ".join(found)))
    text = " ".join(plain.split()).rstrip(".")
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(" ", 1)[0] + " …"


@contextmanager
def foreign_errors(what: str, kind: type[RestorectError] = BackendError) -> Iterator[None]:
    """Turn whatever is raised inside into one of this package's errors, with what another library said.

    Args:
        what: what failed, such as "OpenVINO cannot read graph 'body'".
        kind: the error to raise.

    Raises:
        RestorectError: of that kind; those that are raised inside pass as they are.
    """
    try:
        yield
    except RestorectError:
        raise
    except (Exception, SystemExit) as error:  # their exceptions share no narrower base, and some exit
        raise kind(f"{what}: {reason(error)}") from error


@contextmanager
def hushed() -> Iterator[None]:
    """Hold back what libraries print, log and warn of while they convert; errors still pass.

    Not for several threads at once: standard output and error are the process's own.
    """
    level = logging.root.manager.disable
    logging.disable(max(level, logging.ERROR))
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for category in (FutureWarning, DeprecationWarning, UserWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        logging.disable(level)


@contextmanager
def without_bar(owner: Any, name: str) -> Iterator[None]:
    """Let an iterator of a library, which has no switch for it, iterate without drawing a progress bar.

    Args:
        owner: the module or class that has it.
        name: of what takes `disable`, as tqdm's and rich's bars do.
    """
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: original(*args, **{**kwargs, "disable": True}))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def hushed_descriptor(number: int) -> Iterator[None]:
    """Discard what compiled code writes to a file descriptor of the process, past Python's own streams.

    Threads take turns: of two that redirect one descriptor, the second would keep what the first put there.

    Args:
        number: 1 for standard output, 2 for standard error.
    """
    stream = {1: sys.stdout, 2: sys.stderr}[number]
    with _turn:
        if stream is not None:
            stream.flush()
        kept, nowhere = os.dup(number), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        try:
            yield
        finally:
            ctypes.CDLL(None).fflush(None)  # C's own buffer would be written later, among the results
            os.dup2(kept, number)
            os.close(kept)
            os.close(nowhere)


_turn = ForkLock()
