"""Power modes and clocks: set for a measurement, and put back whatever happens.

What was found is written to a file before the first change, and the file is removed after the last, so that
a run that was killed outright is made good by the next one.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jetson_bench.parse import Clocks, PowerMode, parse_clocks, parse_conf, parse_mode, reboot_demanded
from jetson_bench.stop import Stop
from jetson_bench.system import System

from restorect_edge.errors import BackendError, RestorectError, UsageError, unknown_name

__all__ = ["CURRENT", "Power", "RebootNeeded", "choose_modes"]

CONF = "etc/nvpmodel.conf"
CURRENT = "current"
"""What `--power-mode` calls the mode that is set."""

Say = Callable[[str], None]


class RebootNeeded(Exception):  # noqa: N818 - not an error: the board says what it takes
    """This mode can only be set at boot."""


@dataclass(frozen=True, slots=True)
class Power:
    """Sets power modes and clocks, and puts back what was found.

    Args:
        system: this machine.
        record: the file that remembers what was found.
        stop: what may interrupt; never in the middle of a change.
    """

    system: System
    record: Path
    stop: Stop

    def modes(self) -> tuple[tuple[PowerMode, ...], int | None]:
        """Return the modes of this board and the id of its default, from its own nvpmodel.conf."""
        return parse_conf(self.system.text(CONF) or "")

    def mode(self) -> PowerMode | None:
        """Return the mode that is set; None if nvpmodel says of none."""
        answer = self.system.run("nvpmodel", "-q")
        return parse_mode(answer.stdout) if answer is not None else None

    def clocks(self) -> Clocks | None:
        """Return what jetson_clocks shows; None where it cannot (it needs root)."""
        try:
            answer = self.system.run_as_root("jetson_clocks", "--show")
        except RestorectError:
            return None
        return parse_clocks(answer.stdout) if answer.returncode == 0 else None

    def set_mode(self, mode: PowerMode) -> None:
        """Set a mode and check that it is set: nvpmodel can leave it and exit with 0.

        Raises:
            RebootNeeded: nvpmodel asks for a reboot, which nobody here may answer with yes.
            BackendError: nvpmodel failed.
        """
        if self.mode() == mode:
            return
        with self.stop.shielded():
            answer = self.system.run_as_root("nvpmodel", "-m", str(mode.id))
            now = self.mode()
        if now == mode:
            return
        if reboot_demanded(answer.stdout):
            raise RebootNeeded(mode.name)
        told = "; ".join(answer.stdout.split("\n")).strip("; ") or "nothing"
        raise BackendError(
            f"nvpmodel did not set power mode {mode.name} ({mode.id}): it is {now.name if now else 'unset'}, "
            f"exit code {answer.returncode}, it said: {told}"
        )

    @contextmanager
    def restored(self) -> Iterator[PowerMode | None]:
        """Yield the mode that is set; when the block ends, however it ends, set it again.

        Raises:
            BackendError: it could not be set again; the message says how.
        """
        found = self.mode()
        self._remember(found, None)
        try:
            yield found
        finally:
            with self.stop.shielded():
                self._put_back(found, None)

    @contextmanager
    def locked(self, found: PowerMode | None) -> Iterator[None]:
        """Lock all clocks at their highest while the block runs; `found` is what to set after a kill.

        Raises:
            BackendError: jetson_clocks failed.
        """
        store = self.record.resolve().with_suffix(".clocks")
        try:
            with self.stop.shielded():
                store.unlink(missing_ok=True)  # jetson_clocks would ask before it overwrites
                self._clocks("--store", str(store))
                self._remember(found, store)
                self._clocks()
            yield
        finally:
            with self.stop.shielded():
                if store.is_file():
                    self._clocks("--restore", str(store))
                    store.unlink()
                self._remember(found, None)

    def recover(self, say: Say) -> None:
        """Put back what an earlier run changed and could not put back; before anything else is asked."""
        if not self.record.is_file():
            return
        try:
            left = json.loads(self.record.read_text())
            mode = PowerMode(**left["mode"]) if left["mode"] else None
            store = Path(left["clocks"]) if left["clocks"] else None
        except (ValueError, KeyError, TypeError):  # cut short: nothing had been changed yet
            self.record.unlink()
            return
        say(f"an earlier run was killed: putting back power mode {mode.name if mode else 'unset'}")
        with self.stop.shielded():
            self._put_back(mode, store if store and store.is_file() else None)

    def _put_back(self, mode: PowerMode | None, store: Path | None) -> None:
        try:
            if store is not None:
                self._clocks("--restore", str(store))
                store.unlink(missing_ok=True)
            if mode is not None:
                self.set_mode(mode)
        except (RestorectError, RebootNeeded) as error:
            mend = f"it was {mode.name}: sudo nvpmodel -m {mode.id}" if mode else "restart the board"
            raise BackendError(f"what was found was not put back ({error}); {mend}") from error
        self.record.unlink(missing_ok=True)

    def _remember(self, mode: PowerMode | None, store: Path | None) -> None:
        kept = {
            "mode": {"id": mode.id, "name": mode.name} if mode else None,
            "clocks": str(store) if store else None,
        }
        self.record.write_text(json.dumps(kept))

    def _clocks(self, *arguments: str) -> None:
        answer = self.system.run_as_root("jetson_clocks", *arguments)
        if answer.returncode != 0:
            raise BackendError(f"jetson_clocks {' '.join(arguments)} failed: {answer.stdout.strip()}")


def choose_modes(
    asked: Sequence[str], modes: Sequence[PowerMode], default: int | None, current: PowerMode | None
) -> list[PowerMode | None]:
    """Return the modes to measure in order of preference; None stands for a board without nvpmodel.

    Unasked: the board's default (else the present one), the one that allows most, then the others. The
    caller stops after two, and goes on where one can only be set at boot.

    Raises:
        UsageError: a name that this board has not.
    """
    if asked:
        return [_named(name, modes, current) for name in dict.fromkeys(asked)]
    if len(modes) < 2:
        return [current]
    usual = next((mode for mode in modes if mode.id == default), current)
    ranked = [usual, *sorted(modes, key=_allows, reverse=True)]
    return [mode for mode in dict.fromkeys(ranked) if mode is not None]


def _named(name: str, modes: Sequence[PowerMode], current: PowerMode | None) -> PowerMode | None:
    if name == CURRENT:
        return current
    for mode in modes:
        if mode.name.upper() == name.upper():
            return mode
    if not modes:
        raise UsageError(f"there is no power mode '{name}': this board has no /{CONF}; take '{CURRENT}'")
    raise unknown_name("power mode", name, [*(mode.name for mode in modes), CURRENT])


def _allows(mode: PowerMode) -> tuple[bool, bool, int]:
    watts = re.search(r"(\d+)W", mode.name)
    return "SUPER" in mode.name, mode.name.startswith("MAXN"), int(watts[1]) if watts else 0
