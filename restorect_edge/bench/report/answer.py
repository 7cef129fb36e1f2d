"""What a reader wants to know first: which row is the fastest, by how much, and at what quality."""

import math
from collections.abc import Sequence

from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.measure.statistics import judge
from restorect_edge.bench.report.verdicts import session
from restorect_edge.bench.report.words import Shown, ms, shape

__all__ = ["answer", "ordered", "rehearsal"]

SHORTEST_S, FEWEST_RUNS = 1.0, 30
"""A protocol that asks for less than both is a rehearsal."""


def ordered(rows: Sequence[Shown]) -> list[Shown]:
    """Return rows by the size of their image, the fastest first, those without times last."""
    return sorted(rows, key=lambda row: (row.row.shape[0] * row.row.shape[1], _p50(row)))


def answer(rows: Sequence[Shown]) -> list[str]:
    """Return a sentence per size of image, and per report and power mode where there are several.

    Rows that throttled or were not measured take no part.
    """
    groups: dict[tuple[object, ...], list[Shown]] = {}
    for row in ordered([row for row in rows if row.row.status == "measured" and row.total]):
        groups.setdefault(session(row), []).append(row)
    return [_sentence(group) for group in groups.values()]


def rehearsal(reports: Sequence[Report]) -> str | None:
    """Return a warning where a report was taken with too few runs to say anything; None where none was."""
    for report in reports:
        protocol = report.protocol
        if protocol.duration_s < SHORTEST_S and protocol.least_runs < FEWEST_RUNS:
            return (
                f"A rehearsal, not a measurement: {protocol.least_runs} runs of each row, without a settled "
                "warm-up. Run bench again without --quick before you quote these numbers."
            )
    return None


def _sentence(rows: Sequence[Shown]) -> str:
    best = rows[0]
    took = _p50(best)
    said = f"At {shape(best.row)}, {best.series} takes {ms(took)} ms, {_rate(took)} images a second"
    return said + _against(best, rows[1:]) + _quality(best, rows[1:]) + "."


def _p50(row: Shown) -> float:
    return row.total.p50.value if row.total else math.inf


def _rate(milliseconds: float) -> str:
    rate = 1000 / milliseconds
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def _against(best: Shown, others: Sequence[Shown]) -> str:
    """Compare with the next row, and with the slowest where that is another."""
    if not others:
        return ""
    following, slowest = others[0], others[-1]
    # a ratio of medians would sound like a difference where the intervals show none
    if judge(best.row.total_ms, following.row.total_ms) == "no difference":
        said = f", no different from {following.series}"
    else:
        said = f", {_times(following, best)} times as fast as {following.series}"
    # with two rows they are the same
    if slowest is not following:
        count = len(others) + 1
        said += f" and {_times(slowest, best)} times as fast as {slowest.series}, the slowest of {count}"
    return said


def _times(slow: Shown, fast: Shown) -> str:
    return f"{_p50(slow) / _p50(fast):.2f}"


def _quality(best: Shown, others: Sequence[Shown]) -> str:
    """Say what the fastest row gives, beside the row of the same size that gives the most."""
    own = best.row.quality.get("psnr")
    if own is None:
        return ""
    top = max((row for row in others if "psnr" in row.row.quality), key=_psnr, default=best)
    if _psnr(top) <= own:
        return f"; {own:.2f} dB, the best here" if others else f"; {own:.2f} dB"
    return f"; {own:.2f} dB, {_psnr(top) - own:.2f} dB below {top.series}"


def _psnr(row: Shown) -> float:
    return row.row.quality["psnr"]
