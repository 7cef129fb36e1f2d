"""Which rows of one session are faster than which: said only where the intervals of their medians part."""

from collections.abc import Sequence

from restorect_edge.bench.measure.statistics import judge
from restorect_edge.bench.report.words import Shown, shape

__all__ = ["session", "verdicts"]


def session(row: Shown) -> tuple[object, ...]:
    """Return what rows have in common that are compared: report, size and power mode."""
    return id(row.report), row.row.shape, row.row.power_mode


def verdicts(rows: Sequence[Shown]) -> list[str]:
    """Compare every measured row with the first of its report, size and power mode; a sentence each.

    Rows that throttled are not compared.
    """
    first: dict[tuple[object, ...], Shown] = {}
    found = []
    for row in rows:
        if row.row.status != "measured":
            continue
        base = first.setdefault(session(row), row)
        if base is not row:
            found.append(_sentence(row, base))
    return found


def _sentence(row: Shown, base: Shown) -> str:
    said = judge(row.row.total_ms, base.row.total_ms)
    if said == "no difference" or row.total is None or base.total is None:
        return f"{shape(row.row)}: no difference between {row.series} and {base.series}"
    ours, theirs = row.total.p50.value, base.total.p50.value
    return (
        f"{shape(row.row)}: {row.series} is {said} than {base.series}, "
        f"{max(ours, theirs) / min(ours, theirs):.2f} times"
    )
