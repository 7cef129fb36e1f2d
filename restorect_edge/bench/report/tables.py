"""The tables of a report, as text cells that Markdown and HTML both show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.measure.statistics import FEWEST_FOR_P99, retention
from restorect_edge.bench.report.verdicts import ranks
from restorect_edge.bench.report.words import ABSENT, UNKNOWN, Shown, bytes_, interval, ms, shape

__all__ = [
    "LATENCY",
    "RESOURCES",
    "Table",
    "latency",
    "modules",
    "resources",
    "roofs",
    "stages",
    "sustained",
]

LATENCY, RESOURCES = "Latency", "Start, memory, energy, quality"
QUALITY = (
    "Load and first image are of a process of its own, whose libraries are imported and whose files may be "
    "cached; peak memory is that process's. Energy only where the machine tells its power. Quality is of the "
    "very files that were timed, in dB: psnr of the photographs at this size against what they were made "
    "from; psnr_to_float32 against the float32 network, as the artifact was verified."
)
WORK = (
    "MACs and bytes are counted from the graph: input, weights and output of each layer that multiplies and "
    "adds. The roofline is the least time they can take with these peaks, measured in the "
    "same session: {peaks}."
)
STAGES = ("prepare", "prior", "model", "finish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells of plain text; the first column names the row."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numbers: bool = True
    """Whether all columns but the first hold numbers, which are set flush right."""


def latency(rows: Sequence[Shown]) -> Table:
    """End-to-end and model time of every row, measured or not."""
    confidence = {row.report.protocol.confidence for row in rows} or {0.95}
    percent = " or ".join(f"{100 * value:g}" for value in sorted(confidence))
    places = ranks(rows)
    return Table(
        title=LATENCY,
        headings=(
            "",
            "image",
            "rank",
            "p50 in ms (interval)",
            "p90",
            "p95",
            "p99",
            "mean",
            "variation",
            "model p50",
            "per megapixel",
            "PSNR in dB",
            "runs",
            "status",
        ),
        rows=tuple(_latency_row(row, places.get(id(row))) for row in rows),
        note="End to end, 8-bit image in and out. Rows that cannot be told apart share a rank. The interval "
        f"of p50 is a {percent} % moving-block bootstrap of all samples; p99 is given from {FEWEST_FOR_P99} "
        "runs on; variation is deviation over mean.",
    )


def stages(rows: Sequence[Shown]) -> Table | None:
    """Median time by stage, None where no row has stages."""
    found = [row for row in rows if row.row.stages_ms]
    names = dict.fromkeys(s for s in STAGES if any(s in row.row.stages_ms for row in found))
    names |= dict.fromkeys(s for row in found for s in row.row.stages_ms if s != "total")
    if not found:
        return None
    return Table(
        title="Stages",
        headings=("", "image", *(f"{name} in ms" for name in names)),
        rows=tuple(
            (r.series, shape(r.row), *(ms(r.row.stages_ms.get(name)) for name in names)) for r in found
        ),
        note="Medians. prepare: 8-bit to planes; prior: thumbnail and z of a split artifact; "
        "model: the backend; finish: planes to 8-bit.",
    )


def resources(rows: Sequence[Shown]) -> Table | None:
    """Start, memory, energy, size and quality of the rows that were measured."""
    found = [row for row in rows if row.total]
    if not found:
        return None
    return Table(
        title=RESOURCES,
        headings=(
            "",
            "image",
            "load in ms",
            "build",
            "first image",
            "peak memory",
            "energy in mJ",
            "files",
            *_metrics(found),
        ),
        rows=tuple(_resource_row(row, _metrics(found)) for row in found),
        note=QUALITY,
    )


def roofs(rows: Sequence[Shown], share: Callable[[Shown], float | None]) -> Table | None:
    """Work and the share of what the machine can do at best; None where no graph was counted.

    Args:
        rows: of any reports.
        share: returns the share of a row, 0 to 1; None where it is not known.
    """
    found = [row for row in rows if row.row.work and row.row.work.macs and row.total]
    if not found:
        return None
    return Table(
        title="Share of the machine's peak",
        headings=("", "image", "GMACs", "moved", "MACs per byte", "GMAC/s", "share of roofline"),
        rows=tuple(_roof_row(row, share(row)) for row in found),
        # by identity: a report holds mappings, so that it has no hash
        note=WORK.format(peaks="; ".join(_peak(r.report) for r in {id(r.report): r for r in found}.values())),
    )


def sustained(rows: Sequence[Shown]) -> Table | None:
    """How much of its throughput each sustained run kept; None where there was none."""
    found = [row for row in rows if row.row.sustained]
    if not found:
        return None
    return Table(
        title="Sustained",
        headings=("", "image", "seconds", "kept of the throughput", "temperature in °C", "clock in MHz"),
        rows=tuple(_sustained_row(row) for row in found),
        note="Kept: throughput of the last 30 s over that of the first 30 s.",
    )


def modules(row: Shown, most: int = 15) -> Table:
    """The modules of `row` that take the longest, at most `most`, and the others together."""
    times = row.row.modules_ms
    whole = sum(times.values())
    ordered = sorted(times.items(), key=lambda item: -item[1])
    listed = [(name, f"{t:.3f}", f"{100 * t / whole:.1f} %") for name, t in ordered[:most]]
    rest = ordered[most:]
    if rest:
        t = sum(value for _, value in rest)
        listed.append((f"{len(rest)} more", f"{t:.3f}", f"{100 * t / whole:.1f} %"))
    return Table(title=row.name, headings=("module", "ms", "share"), rows=tuple(listed))


def _latency_row(row: Shown, place: int | None) -> tuple[str, ...]:
    recorded, total = row.row, row.total
    first = (row.series, shape(recorded))
    status = f"{recorded.status}: {recorded.reason}" if recorded.reason else recorded.status
    if total is None:
        return (*first, "–", recorded.status, *["–"] * 9, status)
    if recorded.warm_up is not None and not recorded.warm_up.stable:
        status += "; not stable after the warm-up"
    return (
        *first,
        "–" if place is None else str(place),
        interval(total.p50),
        ms(total.p90),
        ms(total.p95),
        ms(total.p99),
        ms(total.mean),
        f"{100 * total.variation:.1f} %",
        ms(row.model.p50.value if row.model else None),
        ms(total.p50.value / row.megapixels),
        f"{recorded.quality['psnr']:.2f}" if "psnr" in recorded.quality else "–",
        str(total.count),
        status,
    )


def _metrics(rows: Sequence[Shown]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.row.quality))


def _resource_row(row: Shown, metrics: Sequence[str]) -> tuple[str, ...]:
    recorded, cold = row.row, row.row.cold
    energy = ABSENT if recorded.energy_mj is None else f"{recorded.energy_mj:.1f}"
    quality = [f"{recorded.quality[name]:.2f}" if name in recorded.quality else ABSENT for name in metrics]
    return (
        row.series,
        shape(recorded),
        ms(cold.load_ms if cold else None),
        ms(cold.build_ms if cold else None),
        ms(cold.first_ms if cold else None),
        bytes_(recorded.memory_peak_bytes, ABSENT),
        energy,
        bytes_(recorded.subject.bytes),
        *quality,
    )


def _roof_row(row: Shown, share: float | None) -> tuple[str, ...]:
    work, took = row.row.work, row.computing_ms
    if work is None or not took:
        return (row.series, shape(row.row), *["–"] * 5)
    return (
        row.series,
        shape(row.row),
        f"{work.macs / 1e9:.2f}",
        bytes_(work.bytes_moved),
        f"{work.macs / work.bytes_moved:.1f}" if work.bytes_moved else "–",
        # per ms and in 10⁹
        f"{work.macs / took / 1e6:.1f}",
        ABSENT if share is None else f"{100 * share:.0f} %",
    )


def _peak(report: Report) -> str:
    peak = report.peak
    if peak is None:
        return f"{report.device.name}: {ABSENT}"
    parts = [
        ("float32", peak.fp32_gmacs_per_s, "GMAC/s"),
        ("int8", peak.int8_gmacs_per_s, "GMAC/s"),
        ("memory", peak.bandwidth_gb_per_s, "GB/s"),
    ]
    found = ", ".join(f"{name} {value:.1f} {unit}" for name, value, unit in parts if value is not None)
    return f"{report.device.name}, {peak.threads} threads: {found or ABSENT}"


def _sustained_row(row: Shown) -> tuple[str, ...]:
    moments = row.row.sustained
    kept = retention([m.seconds for m in moments], [m.ms for m in moments])
    return (
        row.series,
        shape(row.row),
        f"{moments[-1].seconds:.0f}",
        f"{100 * kept:.1f} %" if kept is not None else "too short to tell",
        _course([m.temperature_c for m in moments]),
        _course([m.clock_mhz for m in moments]),
    )


def _course(values: Sequence[float | None]) -> str:
    told = [value for value in values if value is not None]
    return f"{told[0]:.0f} → {told[-1]:.0f}, most {max(told):.0f}" if told else UNKNOWN
