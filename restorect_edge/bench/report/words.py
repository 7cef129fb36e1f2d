"""How a report calls things: rows, units, and what is not there."""

from collections.abc import Sequence

from restorect_edge.bench.measure.record import Report, Row
from restorect_edge.bench.measure.statistics import Interval, Summary, summarise
from restorect_edge.targets.registry import RUNTIMES

__all__ = [
    "ABSENT",
    "BETWEEN",
    "UNKNOWN",
    "Shown",
    "bytes_",
    "interval",
    "ms",
    "shape",
    "short",
    "shown",
]

UNKNOWN = "not known"
ABSENT = "not measured"
BETWEEN = " · "
"""Parts of the name of a series."""


class Shown:
    """A row with what a reader is told of it.

    Attributes:
        report: the report that it is of.
        row: as it is recorded.
        total: of the end-to-end times; None where there are none.
        model: of the backend's share; None where there is none.
        series: names the subject, runtime and conditions, whatever the shape.
    """

    def __init__(self, report: Report, row: Row, several: bool) -> None:
        self.report, self.row = report, row
        resamples = report.protocol.resamples
        self.total: Summary | None = summarise(row.total_ms, resamples=resamples) if row.total_ms else None
        self.model: Summary | None = summarise(row.model_ms, resamples=resamples) if row.model_ms else None
        self.series = _series(report, row, several)

    @property
    def name(self) -> str:
        """Series and shape."""
        return f"{self.series}, {shape(self.row)}"

    @property
    def computing_ms(self) -> float | None:
        """Median time in the backend, that of a split artifact's prior with it; None without times."""
        if self.model is None:
            return self.total.p50.value if self.total else None
        return self.model.p50.value + self.row.stages_ms.get("prior", 0.0)

    @property
    def megapixels(self) -> float:
        """Of the image, in 10⁶ pixels."""
        return self.row.shape[0] * self.row.shape[1] / 1e6


def shown(reports: Sequence[Report]) -> list[Shown]:
    """Return the rows of all reports, each with the name of its device where there are several devices."""
    several = len({report.device.name for report in reports}) > 1
    return [Shown(report, row, several) for report in reports for row in report.rows]


def shape(row: Row) -> str:
    """Return width and height as cameras and screens have them, such as ``600×400``."""
    return f"{row.shape[1]}×{row.shape[0]}"


def short(row: Row) -> str:
    """Return subject and precision, such as ``lowlight-small INT8``."""
    form = "" if row.subject.form == "whole" else f" {row.subject.form}"
    return f"{row.subject.name} {row.subject.precision.upper()}{form}"


def ms(value: float | None) -> str:
    """Return `value` in milliseconds with three digits that count, or a dash for None."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.1 else f"{value:.3f}"


def interval(found: Interval) -> str:
    """Return an estimate and what it lies between."""
    return f"{ms(found.value)} ({ms(found.low)} – {ms(found.high)})"


def bytes_(count: int | None, absent: str = "–") -> str:
    """Return `count` bytes in decimal MB or GB, or `absent` for None."""
    if count is None:
        return absent
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.2f} MB"


def _series(report: Report, row: Row, several: bool) -> str:
    words = [short(row), _label(row.runtime)]
    if row.device and row.device != "cpu":
        words.append(row.device)
    mode = row.power_mode or report.device.power_mode
    if several:
        words.append(report.device.name)
    modes = {r.power_mode for r in report.rows}
    if mode and (several or len(modes) > 1):
        words.append(mode)
    return BETWEEN.join(words)


def _label(runtime: str) -> str:
    """Return a backend's name in prose; a report may name one that this version does not have."""
    return RUNTIMES[runtime].label if runtime in RUNTIMES else runtime
