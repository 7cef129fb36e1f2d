"""A session: everything that is to be timed at a size takes turns; what fails costs no other its row."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from tqdm import tqdm

from restorect_edge.bench.images import describe
from restorect_edge.bench.measure import anchor
from restorect_edge.bench.measure.peak import best, measure_peak
from restorect_edge.bench.measure.record import Device, Peak, Report, Row
from restorect_edge.bench.platforms.device import Machine
from restorect_edge.bench.report.looks import Look
from restorect_edge.bench.rows import Setup, absent_row, rows_at
from restorect_edge.bench.subjects import Candidate
from restorect_edge.media.photos import TASKS
from restorect_edge.spec import Shape

__all__ = ["Session", "Setup"]

PEAK_S = 0.6
"""Of each workload that tells what the machine can do; less in a session that is shorter itself."""
NOT_REACHED = "the session ended before"


@dataclass(slots=True)
class Session:
    """Measures candidates.

    Args:
        candidates: of `restorect_edge.bench.subjects.candidates`.
        setup: how.
        machine: this one.
    """

    candidates: Sequence[Candidate]
    setup: Setup = field(default_factory=Setup)
    machine: Machine = field(default_factory=Machine)
    looks: list[Look] = field(default_factory=list, init=False)
    """One photograph of each size, and what each row made of it."""
    _rows: dict[tuple[int, Shape], Row] = field(default_factory=dict, init=False)
    _device: Device | None = field(default=None, init=False)
    _peak: Peak | None = field(default=None, init=False)

    def run(self) -> Report:
        """Measure everything and return the report; interrupted, `report` still gives what there is.

        Raises:
            BackendError: clocks cannot be locked, or put back.
        """
        setup, task = self.setup, self._task
        with self.machine.locked_clocks() if setup.lock_clocks else nullcontext():
            self._device = self.machine.describe(power_mode=setup.power_mode)
            groups = self._groups()
            total = sum(map(len, groups.values()))
            with tqdm(total=total, unit="row", file=sys.stderr, disable=None) as bar:
                self._look_at_the_machine(bar)
                for shape, indices in groups.items():
                    group = {index: self.candidates[index] for index in indices}
                    for index, row in rows_at(shape, group, setup, self.machine, task, bar, self.looks):
                        self._rows[index, shape] = row
                self._look_at_the_machine(bar)
        return self.report()

    def _look_at_the_machine(self, bar: Any) -> None:
        """Measure its peaks, before and after all else: other work may disturb either."""
        protocol = self.setup.protocol
        if not self.setup.extras or all(candidate.absent() for candidate in self.candidates):
            return
        bar.set_description("peaks of this machine")
        found = measure_peak(protocol.threads, seconds=min(PEAK_S, protocol.duration_s))
        self._peak = found if self._peak is None else best(self._peak, found)

    def report(self) -> Report:
        """Return what was measured until now; rows that were not reached say so."""
        keys = [(index, shape) for shape, indices in self._groups().items() for index in indices]
        protocol = self.setup.protocol
        return Report(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            toolkit_version=metadata.version("restorect-edge"),
            device=self._device or self.machine.describe(power_mode=self.setup.power_mode),
            protocol=replace(protocol, images=describe(self._task), anchor=anchor.describe(protocol.threads)),
            rows=tuple(self._rows.get(key) or self._not_reached(*key) for key in keys),
            peak=self._peak,
        )

    @property
    def _task(self) -> str:
        """The task whose photographs all are shown: that of the first which has some."""
        return next((c.task for c in self.candidates if c.task in TASKS), "lowlight")

    def _groups(self) -> dict[Shape, list[int]]:
        """Return the indices of candidates by the size that they are measured at."""
        found: dict[Shape, list[int]] = {}
        for index, candidate in enumerate(self.candidates):
            for shape in candidate.shapes(self.setup.shapes):
                found.setdefault(shape, []).append(index)
        return found

    def _not_reached(self, index: int, shape: Shape) -> Row:
        return absent_row(self.candidates[index], shape, NOT_REACHED)
