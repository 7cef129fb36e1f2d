"""Which rows of one session are faster than which: said only where the intervals of their medians part."""

from collections.abc import Sequence

from restorect_edge.bench.measure.record import Subject
from restorect_edge.bench.measure.statistics import judge
from restorect_edge.bench.report.words import Shown, shape

__all__ = ["ranks", "session", "verdicts"]


def session(row: Shown) -> tuple[object, ...]:
    """Return what rows have in common that are compared: report, size and power mode."""
    return id(row.report), row.row.shape, row.row.power_mode


def verdicts(rows: Sequence[Shown], against: Subject | None = None) -> list[str]:
    """Compare every measured row with one of its report, size and power mode; a sentence each.

    Rows that throttled are not compared.

    Args:
        rows: in the order of the sentences.
        against: whose row the others are compared with; None for the first row that was measured.
    """
    groups: dict[tuple[object, ...], list[Shown]] = {}
    for row in rows:
        groups.setdefault(session(row), []).append(row)
    return [sentence for group in groups.values() for sentence in _sentences(group, against)]


def ranks(rows: Sequence[Shown]) -> dict[int, int]:
    """Return the place of each measured row in its session, by the row's `id`; the fastest has 1.

    A row's place is one more than the number of rows whose intervals lie wholly below its own: what cannot be
    told apart shares a place.
    """
    measured = [row for row in rows if row.row.status == "measured" and row.total]
    return {id(row): 1 + sum(_is_faster(other, row) for other in measured) for row in measured}


def _is_faster(other: Shown, row: Shown) -> bool:
    if other.total is None or row.total is None or session(other) != session(row):
        return False
    return other.total.p50.high < row.total.p50.low


def _sentences(group: Sequence[Shown], against: Subject | None) -> list[str]:
    measured = [row for row in group if row.row.status == "measured"]
    if against is None:
        base = next(iter(measured), None)
    else:
        base = next((row for row in measured if row.row.subject == against), None)
        absent = [row for row in group if row.row.subject == against]
        if base is None and absent and measured:
            return [f"{shape(absent[0].row)}: nothing is compared with {absent[0].series}: not measured"]
    return [_sentence(row, base) for row in measured if base is not None and row is not base]


def _sentence(row: Shown, base: Shown) -> str:
    said = judge(row.row.total_ms, base.row.total_ms)
    if said == "no difference" or row.total is None or base.total is None:
        return f"{shape(row.row)}: no difference between {row.series} and {base.series}"
    ours, theirs = row.total.p50.value, base.total.p50.value
    return (
        f"{shape(row.row)}: {row.series} is {said} than {base.series}, "
        f"{max(ours, theirs) / min(ours, theirs):.2f} times"
    )
