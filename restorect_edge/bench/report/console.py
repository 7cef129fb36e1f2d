"""What a session says on standard output: a table as wide as a terminal, and who is faster."""

from collections.abc import Sequence

from restorect_edge.bench.measure.record import Report, Subject
from restorect_edge.bench.measure.statistics import retention
from restorect_edge.bench.report.answer import ordered
from restorect_edge.bench.report.verdicts import ranks, verdicts
from restorect_edge.bench.report.words import ABSENT, Shown, bytes_, interval, ms, shape, shown
from restorect_edge.bench.report.write import roofline_share

__all__ = ["aligned", "as_text"]

HEADINGS = ("", "image", "rank", "p50 in ms (interval)", "p95", "model", "memory", "roofline", "psnr")


def as_text(report: Report, against: Subject | None = None) -> str:
    """Return the rows that were measured as a table, the fastest first, verdicts below it, and then what was
    not measured.

    Args:
        report: of one session.
        against: what the verdicts compare with; None for the first row.
    """
    rows = shown([report])
    places = ranks(rows)
    timed = ordered([row for row in rows if row.total])
    table = [HEADINGS, *(_cells(row, places.get(id(row))) for row in timed)]
    lines = aligned(table) if timed else []
    said = verdicts(rows, against)
    lines += ["", *said] if said else []
    lines += [line for row in timed for line in _remarks(row)]
    lines += [f"{row.name}: {row.row.status}: {row.row.reason}" for row in rows if not row.total]
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines, the first column flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(row: Shown, place: int | None) -> tuple[str, ...]:
    total, share = row.total, roofline_share(row)
    if total is None:
        return (row.series, shape(row.row), *[""] * 7)
    return (
        row.series,
        shape(row.row),
        "" if place is None else str(place),
        interval(total.p50),
        ms(total.p95),
        ms(row.model.p50.value if row.model else None),
        bytes_(row.row.memory_peak_bytes, ABSENT),
        ABSENT if share is None else f"{100 * share:.0f} %",
        f"{row.row.quality['psnr']:.2f}" if "psnr" in row.row.quality else ABSENT,
    )


def _remarks(row: Shown) -> list[str]:
    recorded, found = row.row, []
    if recorded.status != "measured":
        found.append(f"{row.name}: {recorded.status}: {recorded.reason}")
    if recorded.warm_up is not None and not recorded.warm_up.stable:
        found.append(f"{row.name}: not stable after the warm-up")
    if recorded.sustained:
        kept = retention([m.seconds for m in recorded.sustained], [m.ms for m in recorded.sustained])
        share = "too short to tell what is kept" if kept is None else f"kept {100 * kept:.1f} % of it"
        found.append(f"{row.name}: throughput of the sustained run: {share}")
    return found
