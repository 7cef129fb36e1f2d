"""A whole run: power modes, sizes, artifacts; what is done is kept, so that a run can be taken up again."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from jetson_bench.kit import Kit, Shape
from jetson_bench.measure import Bench, not_measured
from jetson_bench.parse import PowerMode
from jetson_bench.power import Power, RebootNeeded, choose_modes

from restorect_edge.bench.measure.record import Device, RecordError, Report, Row
from restorect_edge.errors import UsageError
from restorect_edge.targets.tensorrt.build_engine import EngineError, write_atomically

__all__ = ["WANTED_MODES", "Session", "alone"]

WANTED_MODES = 2
"""Power modes that are measured where none is named."""
PATIENCE_S = 60.0
"""For an earlier run to put everything back and end."""
REPORT, STATE, PARTS, TELEMETRY = "report.json", "state.json", "parts", "telemetry"
STOPPED = "the run was stopped before this was done; run it again to go on"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Session:
    """Measures a kit in several power modes.

    Args:
        kit: what to measure.
        bench: measures one part.
        power: sets modes and clocks.
        device: the board as it was found.
        modes: names that were asked for; empty chooses two.
        lock_clocks: run jetson_clocks in each mode.
        output: the results folder.
        say: told what happens.
    """

    kit: Kit
    bench: Bench
    power: Power
    device: Device
    modes: Sequence[str]
    lock_clocks: bool
    output: Path
    say: Say

    def run(self) -> Report:
        """Measure what is not measured yet, and write the report: also when it is stopped or fails.

        Raises:
            UsageError: an unknown power mode.
            BackendError: a program of the board failed.
            Interrupted: someone asked the run to stop.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        self._claim()
        available, default = self.power.modes()
        chosen = choose_modes(self.modes, available, default, self.power.mode())
        try:
            with self.power.restored() as found:
                self._all(chosen, found)
        finally:
            with suppress(OSError, EngineError):  # a full disk: the parts that are done are there
                _write(self.output / REPORT, self._report(chosen))
        return self._report(chosen)

    def _all(self, chosen: Sequence[PowerMode | None], found: PowerMode | None) -> None:
        done = 0
        for mode in chosen:
            if not self.modes and done == WANTED_MODES:
                return
            done += self._in_mode(mode, found)

    def _in_mode(self, mode: PowerMode | None, found: PowerMode | None) -> bool:
        """Measure in a mode; return whether it could be set."""
        waiting = [shape for shape in self._shapes() if not _done(self._kept(mode, shape))]
        if not waiting:
            self.say(f"power mode {_name(mode)}: done already")
            return True
        if mode is not None:
            self.say(f"power mode {mode.name}")
            try:
                self.power.set_mode(mode)
            except RebootNeeded:
                reason = f"this mode can only be set at boot: sudo nvpmodel -m {mode.id}, restart, run again"
                self.say(f"power mode {mode.name}: {reason}")
                for shape in waiting:
                    self._save(mode, shape, tuple(self._lost(mode, shape, reason)))
                return False
        with self.power.locked(found) if self.lock_clocks else nullcontext():
            for shape in waiting:
                self._part(mode, shape)
        return True

    def _part(self, mode: PowerMode | None, shape: Shape) -> None:
        self.say(f"{shape[1]}×{shape[0]}, power mode {_name(mode)}")
        entries = [entry for entry in self.kit.entries if shape in entry.shapes]
        log = self.output / TELEMETRY / f"{_part(mode, shape)}.txt"
        self._save(mode, shape, tuple(self.bench.rows(entries, shape, mode.name if mode else None, log)))

    def _shapes(self) -> list[Shape]:
        return sorted({shape for entry in self.kit.entries for shape in entry.shapes})

    # What is kept

    def _save(self, mode: PowerMode | None, shape: Shape, rows: tuple[Row, ...]) -> None:
        _write(self.output / PARTS / f"{_part(mode, shape)}.json", self._of(rows))

    def _kept(self, mode: PowerMode | None, shape: Shape) -> tuple[Row, ...] | None:
        try:
            return Report.open(self.output / PARTS / f"{_part(mode, shape)}.json").rows
        # what cannot be read is measured again
        except (OSError, RecordError):
            return None

    def _report(self, chosen: Sequence[PowerMode | None]) -> Report:
        """Return all that was measured, and what was lost as rows that say so."""
        rows: list[Row] = []
        for index, mode in enumerate(chosen):
            parts = {shape: self._kept(mode, shape) for shape in self._shapes()}
            if self.modes or index < WANTED_MODES or any(parts.values()):
                for shape, kept in parts.items():
                    rows += kept if kept is not None else self._lost(mode, shape, STOPPED)
        return self._of(tuple(rows))

    def _lost(self, mode: PowerMode | None, shape: Shape, reason: str) -> Iterator[Row]:
        for entry in self.kit.entries:
            if shape in entry.shapes:
                yield not_measured(self.kit, entry, shape, mode.name if mode else None, reason)

    def _of(self, rows: tuple[Row, ...]) -> Report:
        return Report(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            toolkit_version=self.kit.toolkit_version,
            device=self.device,
            protocol=replace(self.bench.protocol, images=self.kit.images()),
            rows=rows,
        )

    def _claim(self) -> None:
        """Move aside what is kept in the folder of another kit, board or protocol."""
        device = self.device
        asked = {
            "kit": self.kit.id,
            "board": [device.name, device.l4t, dict(device.libraries)],
            "protocol": asdict(self.bench.protocol),
            "sustained_s": self.bench.sustained_s,
            "lock_clocks": self.lock_clocks,
        }
        text = json.dumps(asked, sort_keys=True)
        state = self.output / STATE
        if state.is_file() and state.read_text(encoding="utf-8") != text:
            old = self.output / f"old-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
            old.mkdir()
            for name in (REPORT, STATE, PARTS, TELEMETRY):
                if (self.output / name).exists():
                    (self.output / name).rename(old / name)
            self.say(f"what was kept is of another kit, board or protocol: moved to '{old}'")
        state.write_text(text, encoding="utf-8")


@contextmanager
def alone(kit: Path) -> Iterator[None]:
    """Let one run at a time use a kit, and so this board: wait for one that is ending.

    Raises:
        UsageError: it does not end.
    """
    with (kit / ".lock").open("w") as lock:
        deadline = time.monotonic() + PATIENCE_S
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise UsageError(f"another run is using '{kit}'; wait for its end")
            time.sleep(0.2)
        yield


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, report: Report) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(str(path), report.to_json().encode())


def _done(kept: Sequence[Row] | None) -> bool:
    return kept is not None and all(row.status in ("measured", "throttled") for row in kept)


def _name(mode: PowerMode | None) -> str:
    return mode.name if mode else "unknown"


def _part(mode: PowerMode | None, shape: Shape) -> str:
    return f"{_name(mode)}-{shape[0]}x{shape[1]}"
