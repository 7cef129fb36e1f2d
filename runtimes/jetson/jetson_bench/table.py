"""The rows of a report as Markdown."""

from restorect_edge.bench.measure.record import Report, Row
from restorect_edge.bench.measure.statistics import summarise

__all__ = ["table"]

HEAD = (
    "artifact",
    "size",
    "power mode",
    "status",
    "p50 ms (95 %)",
    "p90",
    "p99",
    "model p50",
    "mJ/image",
    "°C",
)


def table(report: Report) -> str:
    """Return a heading that names the board, and a row per measurement."""
    device = report.device
    clocks = {True: "locked", False: "not locked", None: "unknown"}[device.clocks_locked]
    board = (
        f"{device.name}, JetPack {device.jetpack} (Jetson Linux {device.l4t}), "
        f"{device.libraries.get('tensorrt', 'no TensorRT')}; clocks when found: {clocks}"
    )
    lines = [HEAD, tuple("---" for _ in HEAD), *(_cells(row) for row in report.rows)]
    return f"{board}\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    size = f"{row.shape[1]}×{row.shape[0]}"
    head = (row.subject.name, size, row.power_mode or "unknown")
    if not row.total_ms:
        return (*head, f"{row.status}: {row.reason}", *("",) * (len(HEAD) - 4))
    times = summarise(row.total_ms)
    hottest = max((m.temperature_c for m in row.sustained if m.temperature_c is not None), default=None)
    return (
        *head,
        f"{row.status}: {row.reason}" if row.reason else row.status,
        f"{times.p50.value:.2f} ({times.p50.low:.2f}–{times.p50.high:.2f})",
        f"{times.p90:.2f}",
        "" if times.p99 is None else f"{times.p99:.2f}",
        f"{summarise(row.model_ms).p50.value:.2f}" if row.model_ms else "",
        "" if row.energy_mj is None else f"{row.energy_mj:.1f}",
        "" if hottest is None else f"{hottest:.0f}",
    )
