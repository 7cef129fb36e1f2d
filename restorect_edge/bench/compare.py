"""Two reports of one machine, row by row.

A change counts where the intervals of the medians part and it is larger than a threshold. The anchor, a
fixed workload that took turns with each row, tells a slower machine from a slower artifact: where both
reports have the same one, and the intervals of its own medians part, times are taken relative to it. Else the
machine is as it was, and the anchor would only add its noise.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from restorect_edge.bench.measure.record import Report, Row
from restorect_edge.bench.measure.statistics import Interval, Values, bootstrap, median_interval, replicates
from restorect_edge.bench.report.console import aligned
from restorect_edge.bench.report.words import interval, shown
from restorect_edge.errors import IncompatibleError, UsageError

__all__ = ["THRESHOLD", "Change", "Comparison", "compare", "relative"]

THRESHOLD = 0.03
"""Least change that counts, as a share: two processes of one artifact differ by a percent or two, because
memory is laid out anew."""

SAME = ("kind", "name", "cpu", "cores", "clocks_locked")
"""Of a device: where these differ, times of one say nothing of the other's."""

Verdict = Literal["faster", "slower", "no difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row, before and after."""

    name: str
    before_ms: Interval
    after_ms: Interval
    ratio: float
    """After over before, corrected by the anchor where `corrected`."""
    machine: float | None
    """What the anchor took after over before; None without one."""
    corrected: bool
    """Whether the machine itself became slower or faster beyond noise, which is taken out of `ratio`."""
    verdict: Verdict
    same_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two reports, row by row."""

    changes: tuple[Change, ...]
    left_out: tuple[str, ...]
    """Rows that were not compared, and why."""
    notes: tuple[str, ...]
    """What else differs between the reports."""
    threshold: float
    """Least change that counts, as a share."""

    @property
    def slower(self) -> tuple[Change, ...]:
        """The rows that became slower."""
        return tuple(change for change in self.changes if change.verdict == "slower")

    def as_text(self) -> str:
        """Return a table, and what a reader must know besides."""
        head = ("", "before in ms", "after in ms", "change", "machine", "files", "verdict")
        lines = aligned([head, *(_cells(change) for change in self.changes)])
        more = [*self.left_out, *self.notes]
        return "\n".join([*lines, "", *more] if more else lines)


def compare(before: Report, after: Report, *, threshold: float = THRESHOLD) -> Comparison:
    """Compare rows of the same subject, backend, device, power mode and size.

    Args:
        before: of one session.
        after: of another, on the same machine.
        threshold: least change that counts, as a share.

    Raises:
        IncompatibleError: reports of different devices, or taken with different threads.
        UsageError: no row is in both.
    """
    _check(before, after)
    anchored = before.protocol.anchor is not None and before.protocol.anchor == after.protocol.anchor
    old, new = _by_key(before), _by_key(after)
    changes, left_out = [], []
    for key, (name, row) in old.items():
        if key not in new:
            left_out.append(f"{name}: only before")
        elif row.status != "measured" or new[key][1].status != "measured":
            left_out.append(f"{name}: {row.status} before, {new[key][1].status} after")
        else:
            changes.append(_change(name, row, new[key][1], threshold, anchored=anchored))
    left_out += [f"{name}: only after" for key, (name, _) in new.items() if key not in old]
    if not changes:
        raise UsageError(f"no row was measured in both reports: {'; '.join(left_out) or 'there are none'}")
    return Comparison(
        changes=tuple(changes),
        left_out=tuple(left_out),
        notes=tuple(_notes(before, after, anchored)),
        threshold=threshold,
    )


def _change(name: str, old: Row, new: Row, threshold: float, *, anchored: bool) -> Change:
    machine, corrected = _machine(old, new) if anchored else (None, False)
    measured = [median_interval(row.total_ms) for row in (old, new)]
    # corrected only where the machine measurably changed: the anchor has noise of its own
    before, after = map(relative, (old, new)) if corrected else measured
    ratio = after.value / before.value
    verdict: Verdict = "no difference"
    if after.parts_from(before) and abs(ratio - 1) > threshold:
        verdict = "slower" if ratio > 1 else "faster"
    return Change(
        name=name,
        before_ms=measured[0],
        after_ms=measured[1],
        ratio=ratio,
        machine=machine,
        corrected=corrected,
        verdict=verdict,
        same_files=bool(old.subject.files) and old.subject.files == new.subject.files,
    )


def _machine(old: Row, new: Row) -> tuple[float | None, bool]:
    """Return what the anchor took after over before, and whether that is more than noise."""
    if not (old.anchor_ms and new.anchor_ms):
        return None, False
    before, after = median_interval(old.anchor_ms), median_interval(new.anchor_ms)
    return after.value / before.value, after.parts_from(before)


def relative(row: Row) -> Interval:
    """Return the median time of a row as a multiple of its anchor's, with its interval."""
    # resampled together: what disturbs a run disturbs the anchor's beside it
    pairs = np.column_stack([row.total_ms, row.anchor_ms])
    value = float(np.median(pairs[:, 0]) / np.median(pairs[:, 1]))
    return bootstrap(value, replicates(pairs, _ratio_of_medians))


def _ratio_of_medians(resampled: Values) -> Values:
    medians = np.median(resampled, axis=1)
    return np.asarray(medians[:, 0] / medians[:, 1])


def _by_key(report: Report) -> dict[object, tuple[str, Row]]:
    return {_key(item.row): (item.name, item.row) for item in shown([report])}


def _key(row: Row) -> object:
    subject = row.subject
    what = subject.name, subject.target, subject.precision, subject.form
    return what, row.runtime, row.device, row.power_mode, row.shape


def _check(before: Report, after: Report) -> None:
    for name in SAME:
        one, other = getattr(before.device, name), getattr(after.device, name)
        if one != other:
            raise IncompatibleError(
                f"the reports are of different devices: {name.replace('_', ' ')} is {one!r} before and "
                f"{other!r} after; measure both on one machine, in the same state"
            )
    if before.protocol.threads != after.protocol.threads:
        raise IncompatibleError(
            f"measured with {before.protocol.threads or 'any number of'} threads before and "
            f"{after.protocol.threads or 'any number of'} after; give both the same --threads"
        )


def _notes(before: Report, after: Report, anchored: bool) -> list[str]:
    old, new = before.device, after.device
    facts = {
        "power mode": (old.power_mode, new.power_mode),
        "power source": (old.power_source, new.power_source),
        "governor": (old.governor, new.governor),
        "kernel": (old.kernel, new.kernel),
        "images": (before.protocol.images, after.protocol.images),
        "toolkit": (before.toolkit_version, after.toolkit_version),
    }
    facts |= {
        name: (old.libraries.get(name), new.libraries.get(name))
        for name in {**old.libraries, **new.libraries}
    }
    notes = [f"{name} differs: {a} before, {b} after" for name, (a, b) in facts.items() if a != b]
    if not anchored:
        notes.append("not corrected for a slower machine: the reports do not have the same anchor")
    return notes


def _cells(change: Change) -> tuple[str, ...]:
    return (
        change.name,
        interval(change.before_ms),
        interval(change.after_ms),
        f"{100 * (change.ratio - 1):+.1f} %",
        _machine_cell(change),
        "same" if change.same_files else "changed",
        change.verdict,
    )


def _machine_cell(change: Change) -> str:
    if change.machine is None:
        return "not known"
    return f"{100 * (change.machine - 1):+.1f} %, {'taken out' if change.corrected else 'noise'}"
