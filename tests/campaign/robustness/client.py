"""The campaign's side of a worker: asks, waits, and starts another where one has crashed or hangs."""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from robustness.progress import Failure, Row

__all__ = ["Worker"]

SCRIPT = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).resolve().parents[3]
GRACE = 60.0
"""Seconds that a worker has beyond a case's own limit, to end a copy of itself that hangs."""


class Worker:
    """A worker process; use it as a context manager.

    Args:
        log: file for what the process and its libraries say on standard error.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def ask(
        self,
        call: str,
        arguments: dict[str, Any],
        *,
        fork: bool,
        timeout: float,
        libraries: tuple[str, ...] = (),
    ) -> Row:
        """Run a case and return its row, whatever becomes of the process.

        Args:
            call: ``module:function`` that returns a `Row`.
            arguments: JSON-able, with the case's ``number``.
            fork: run it in a copy of the worker.
            timeout: seconds after which it counts as a hang.
            libraries: modules to import first, where the copy's own imports would take long.
        """
        process = self._process = self._process or self._started()
        request = {
            "call": call,
            "arguments": arguments,
            "fork": fork,
            "timeout": timeout,
            "libraries": libraries,
        }
        assert process.stdin and process.stdout
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], timeout + (GRACE if fork else 0))
        line = process.stdout.readline() if ready else b""
        if line:
            row = json.loads(line)
            return Row(**{**row, "failures": [Failure(**failure) for failure in row["failures"]]})
        failure = self._ended(timeout) if ready else Failure("hang", f"no end after {timeout} s")
        self.close()
        return Row(case=arguments["number"], failures=[failure])

    def _started(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with self.log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                bufsize=0,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )

    def _ended(self, timeout: float) -> Failure:
        assert self._process
        code = self._process.wait(timeout)
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Failure(f"crash: {name}", f"see {self.log.name}")

    def close(self) -> None:
        """End the process and its copies."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
