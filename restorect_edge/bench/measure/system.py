"""The files in which Linux tells of a machine, read below a root so that recorded ones can stand in for them.

Nothing but the standard library: the Jetson kit carries this very file.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "SystemFiles"]

ROOT = Path("/")


@dataclass(slots=True)
class SystemFiles:
    """What `/proc`, `/sys` and `/etc` hold.

    Args:
        root: the folder that they lie in.
    """

    root: Path = ROOT

    def files(self, pattern: str) -> list[Path]:
        """Return the files that match a glob such as ``sys/class/thermal/thermal_zone*/temp``, sorted."""
        return sorted(self.root.glob(pattern))

    def text(self, path: str | Path) -> str | None:
        """Return a file's text, parts that a NUL separates on lines of their own; None for none.

        Args:
            path: of the file, below the root where it is a string.
        """
        try:
            content = (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:  # absent, or for root only
            return None
        return content.replace("\0", "\n").strip() or None

    def number(self, path: str | Path) -> float | None:
        """Return the number that a file holds; None if there is none."""
        try:
            return float(self.text(path) or "")
        except ValueError:
            return None

    def memory(self, key: str) -> int | None:
        """Return an entry of ``/proc/meminfo`` in bytes, such as ``MemTotal``."""
        found = self._entry("proc/meminfo", f"{key}:")
        return 1024 * int(found.split()[0]) if found else None

    def distribution(self) -> str | None:
        """Return what the operating system calls itself."""
        found = self._entry("etc/os-release", "PRETTY_NAME=")
        return found.strip('"') if found else None

    def _entry(self, path: str, start: str) -> str | None:
        """Return the rest of the first line that begins so."""
        lines = (self.text(path) or "").splitlines()
        return next((line.removeprefix(start) for line in lines if line.startswith(start)), None)
