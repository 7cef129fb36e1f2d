"""The programs and files of JetPack: where they are, how they are run, and with whose rights."""

import os
import shutil
import subprocess

from restorect_edge.bench.measure.system import SystemFiles
from restorect_edge.errors import BackendError, UsageError

__all__ = ["System"]

PLACES = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where JetPack puts its programs; a user's PATH may lack some of them."""
PATIENCE_S = 60.0


class System(SystemFiles):
    """This machine: its files, and JetPack's programs."""

    @staticmethod
    def find(program: str) -> str | None:
        """Return the path of a program; None if it is not installed."""
        return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{PLACES}")

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str] | None:
        """Run a program as the user of this run, with no input; None if it is not installed."""
        path = self.find(program)
        return None if path is None else _run([path, *arguments])

    def run_as_root(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program as root, by ``sudo -n`` if this run has not its rights.

        Raises:
            BackendError: it is not installed.
            UsageError: sudo would ask for a password.
        """
        path = self.find(program)
        if path is None:
            raise BackendError(f"'{program}' is not installed: sudo apt-get install nvidia-l4t-nvpmodel")
        return _run([*self.as_root(), path, *arguments])

    def as_root(self) -> list[str]:
        """Return what a command line starts with so that it runs as root; nothing if this is root.

        Raises:
            UsageError: it cannot.
        """
        if os.geteuid() == 0:
            return []
        sudo = self.find("sudo")
        if sudo is None or _run([sudo, "-n", "true"]).returncode != 0:
            raise UsageError(
                "power modes and clocks need root: run `sudo python3 restorect_bench.py`, or measure only "
                "the mode that is set now with --power-mode current"
            )
        return [sudo, "-n"]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # In a group of its own: the terminal's Ctrl-C must not reach a program that changes clocks.
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PATIENCE_S,
        start_new_session=True,
        check=False,
    )
