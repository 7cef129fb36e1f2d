"""Commands on another machine, by the user's own ssh."""

import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from restorect_edge.errors import BackendError, UsageError

__all__ = ["LOST", "ConnectionLostError", "Shell"]

LOST = 255
"""What ssh exits with when it has no connection."""
SIGN_OF_LIFE_S = 5.0
PATIENCE_S = 30.0
"""For the board to put everything back after it was told to stop."""
OPTIONS = (
    "-o", "BatchMode=yes", "-o", "ConnectTimeout=15",
    "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
)  # fmt: skip


class ConnectionLostError(BackendError):
    """The connection broke."""


class Shell:
    """A POSIX shell on a host.

    Args:
        host: as ssh takes it.
        ssh: the command and arguments of its own.
    """

    def __init__(self, host: str, ssh: Sequence[str]) -> None:
        if not host or host.startswith("-"):
            raise UsageError(f"'{host}' is no host; it is user@name, or a host of your ssh configuration")
        self.host = host
        self._ssh = [*ssh, *OPTIONS, host]

    def text(self, command: str, *, patience_s: float = 600) -> str:
        """Return what `command` prints, which has `patience_s` seconds; a failure is a `BackendError`."""
        return self._run(command, b"", patience_s).decode(errors="replace")

    def raw(self, command: str) -> bytes:
        """Run a command and return what it prints, as it is."""
        return self._run(command, b"", 600)

    def send(self, command: str, content: bytes) -> None:
        """Run `command`, which reads `content` from its standard input."""
        self._run(command, content, 3600)

    def _run(self, command: str, content: bytes, patience_s: float) -> bytes:
        try:
            done = subprocess.run(
                [*self._ssh, command], input=content, capture_output=True, timeout=patience_s, check=False
            )
        except FileNotFoundError as error:
            raise UsageError(f"'{self._ssh[0]}' is not installed: install an ssh client") from error
        except subprocess.TimeoutExpired as error:
            raise ConnectionLostError(f"{self.host} did not answer within {patience_s:g} s") from error
        if done.returncode == 0:
            return done.stdout
        said = " ".join(done.stderr.decode(errors="replace").split()) or f"exit code {done.returncode}"
        if done.returncode == LOST:
            raise ConnectionLostError(
                f"no connection to '{self.host}': {said}; try `ssh {self.host} true`, which must work "
                "without a password (ssh-copy-id)"
            )
        raise BackendError(f"{self.host}: {said}")

    def attended(self, command: str, hear: Callable[[str], None]) -> tuple[int, str]:
        """Run a command that stops when its standard input ends or falls silent.

        Args:
            command: what to run.
            hear: told each line of its standard error.

        Returns:
            Its exit code, `LOST` where the connection broke, and its standard output.

        Raises:
            KeyboardInterrupt: passed on, after the command has stopped.
        """
        process = subprocess.Popen(
            [*self._ssh, command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C comes here alone, so that the board can be told to stop
        )
        ended = threading.Event()
        sender = threading.Thread(target=_signs_of_life, args=(process, ended), daemon=True)
        sender.start()
        try:
            return self._attend(process, hear)
        except KeyboardInterrupt:
            ended.set()
            sender.join()
            with suppress(subprocess.TimeoutExpired, OSError):
                process.communicate(timeout=PATIENCE_S)  # closes its standard input
            raise
        finally:
            ended.set()
            if process.poll() is None:
                process.kill()
            process.wait()
            sender.join()
            for stream in (process.stdin, process.stdout, process.stderr):
                with suppress(OSError):  # what it was still to be sent
                    if stream is not None:
                        stream.close()

    @staticmethod
    def _attend(process: subprocess.Popen[bytes], hear: Callable[[str], None]) -> tuple[int, str]:
        assert process.stderr is not None and process.stdout is not None
        for line in process.stderr:
            hear(line.decode(errors="replace").rstrip())
        output = process.stdout.read().decode(errors="replace")
        return process.wait(), output


def _signs_of_life(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    assert process.stdin is not None
    with suppress(OSError, ValueError):  # the connection broke, which its exit code will say
        while not ended.wait(SIGN_OF_LIFE_S):
            process.stdin.write(b"\n")
            process.stdin.flush()
