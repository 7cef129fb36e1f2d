"""A process that runs cases, so that what kills or hangs it does not end the campaign.

    python worker.py        (requests on standard input and answers on standard output, JSON lines)

Each request names a function of this folder. With ``fork`` it runs in a copy of the process, which has the
libraries already: a crash then costs nothing but the copy.
"""

import importlib
import io
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from robustness.judging import Done, of_exception
from robustness.progress import Failure, Row

__all__ = ["command", "forked", "main"]

CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}


def main() -> int:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        row = _forked_row(request) if request["fork"] else _row(request)
        answers.write(json.dumps(asdict(row)) + "\n")
        answers.flush()
    return 0


def _row(request: dict[str, Any]) -> Row:
    """Run a case here."""
    module, function = request["call"].split(":")
    started = time.monotonic()
    try:
        for library in request.get("libraries", ()):
            importlib.import_module(library)
        row: Row = getattr(importlib.import_module(module), function)(**request["arguments"])
    except Exception as error:
        told = traceback.format_exc()
        row = Row(
            case=request["arguments"].get("number", 0),
            failures=[*of_exception(error, "harness")] or [Failure("harness: " + type(error).__name__, told)],
        )
    return Row(**{**_fields(row), "seconds": round(time.monotonic() - started, 3)})


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("case", "units", "failures", "facts")}


def _forked_row(request: dict[str, Any]) -> Row:
    """Run a case in a copy of this process, and say what became of the copy."""
    for library in request.get("libraries", ()):
        importlib.import_module(library)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w", encoding="utf-8") as answer:
            answer.write(json.dumps(asdict(_row(request))))
        os._exit(0)
    os.close(writing)
    text, late = _read(reading, request["timeout"])
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    number = request["arguments"]["number"]
    if late:
        return Row(case=number, failures=[Failure("hang", f"no end after {request['timeout']} s")])
    if os.WIFSIGNALED(status):
        killed = signal.Signals(os.WTERMSIG(status)).name
        return Row(case=number, failures=[Failure(f"crash: {killed}")])
    row = json.loads(text)
    return Row(**{**row, "failures": [Failure(**failure) for failure in row["failures"]]})


def _read(pipe: int, timeout: float) -> tuple[str, bool]:
    """Read a pipe to its end; True where that does not come in time."""
    content, until = b"", time.monotonic() + timeout
    with os.fdopen(pipe, "rb", buffering=0) as stream:
        while select.select([stream], [], [], max(0.0, until - time.monotonic()))[0]:
            block = stream.read(1 << 16)
            if not block:
                return content.decode(), False
            content += block
    return "", True


def command(main: Callable[[list[str]], int], arguments: list[str]) -> Done:
    """Run a command's ``main`` in this process as the console script does; native output counts too."""
    kept = [os.dup(1), os.dup(2)]
    files = [os.memfd_create("out"), os.memfd_create("err")]
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _text(1), _text(2)
    try:
        for number, file in zip((1, 2), files, strict=True):
            os.dup2(file, number)
        code = _code(main, arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = streams
        for number, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, number)
            os.close(saved)
    return Done(code, *map(_content, files))


def _text(number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.FileIO(number, "w", closefd=False), encoding="utf-8", errors="backslashreplace"
    )


def _code(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def _content(file: int) -> str:
    with os.fdopen(file, "rb") as stream:
        stream.seek(0)
        return stream.read().decode("utf-8", "backslashreplace")


def forked(
    main: Callable[[list[str]], int], arguments: list[str], err: Path, prepare: Callable[[], None]
) -> int:
    """Start a command in a copy of this process and return its number; `err` gets standard error.

    Args:
        main: the command's.
        arguments: without the program's name.
        err: file for standard error.
        prepare: is called in the copy first, such as for limits.
    """
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.setsid()
        with err.open("wb") as stream:
            os.dup2(stream.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout, sys.stderr = _text(1), _text(2)
        prepare()
        code = _code(main, arguments)
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
