"""The plots of a report, as SVG elements of its page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from restorect_edge.bench.measure.statistics import median_interval
from restorect_edge.bench.report.svg import INK, MUTED, PAPER, SERIES, svg
from restorect_edge.bench.report.words import BETWEEN, Shown, shape

__all__ = ["distribution", "front", "megapixels", "pareto", "roofline", "sustained"]

BINS = 60
MARKS = "osD^vP"
RIDGE = 0.52
"""Inches of a histogram with its name."""
HILL = 0.55
"""Height of its highest bar, where all of it has 1."""
LEAST_QUALITY = 0.5
"""Least height of the axis of quality, in dB: a tenth of it is beyond what anyone sees."""
LONGEST = 62
"""Letters of a name on one line."""

Colours = Mapping[str, int]


def distribution(rows: Sequence[Shown], colours: Colours) -> str | None:
    """Every sample of `rows` as a histogram; a panel per shape. None without samples.

    `colours` has the place of each series among the colors, by its name.
    """
    found = [row for row in rows if row.total]
    shapes = sorted({row.row.shape for row in found}, key=lambda s: s[0] * s[1])
    if not found:
        return None
    panels = [[row for row in found if row.row.shape == size] for size in shapes]

    def draw(figure: Any) -> None:
        heights = [sum(map(_room, panel)) for panel in panels]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, panel in zip(axes, panels, strict=True):
            _ridges(axis, panel, colours)
        axes[-1].set_xlabel("ms per image, end to end")

    height = sum(map(_room, found)) * RIDGE + 0.45 * len(panels) + 0.3
    return svg("distribution", draw, height, "Distribution of latency")


def megapixels(rows: Sequence[Shown], colours: Colours) -> str | None:
    """p50 against the size of the image, of series with two sizes or more; None where there are none.

    Arguments are those of `distribution`.
    """
    all_series = _by_series([row for row in rows if row.total])
    found = {n: s for n, s in all_series.items() if len({row.row.shape for row in s}) > 1}
    if not found:
        return None

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for name, series in found.items():
            ordered = sorted(series, key=lambda row: row.megapixels)
            points = [(row.megapixels, row.total.p50) for row in ordered if row.total]
            x, y = [mp for mp, _ in points], [p.value for _, p in points]
            error = [[p.value - p.low for _, p in points], [p.high - p.value for _, p in points]]
            style = {"color": _colour(name, colours), "marker": _mark(name, colours)}
            axis.errorbar(x, y, error, label=name, markersize=4, capsize=2, **style)
        axis.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="p50 in ms")
        _plain(axis)
        _legend(figure, axis)

    return svg("megapixels", draw, 3.0 + _legend_height(found), "Latency against megapixels")


def pareto(rows: Sequence[Shown], colours: Colours) -> str | None:
    """Quality against latency of the rows of one shape, with the front; None of fewer than two such rows.

    Arguments are those of `distribution`.
    """
    metric, found = _with_quality(rows)
    if len(found) < 2:
        return None

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        points = [(row.total.p50.value, row.row.quality[metric]) for row in found if row.total]
        edge = front(points)
        # between two rows nothing is better than the faster of them
        axis.step([x for x, _ in edge], [y for _, y in edge], where="post", color=MUTED, lw=1, ls="--")
        for row, point in zip(found, points, strict=True):
            name = row.series
            axis.scatter(
                *point,
                s=34,
                color=_colour(name, colours),
                marker=_mark(name, colours),
                label=name,
                zorder=3,
                edgecolors=INK if point in edge else PAPER,
                linewidths=0.9,
            )
        axis.margins(0.12)
        _no_magnifier(axis)
        quality = f"{metric.replace('psnr', 'PSNR')} in dB" if metric.startswith("psnr") else metric
        axis.set(xlabel=f"p50 in ms at {shape(found[0].row)}, less is better", ylabel=quality)
        axis.set_title("Dashed: the front; ringed: no other row is both faster and better")
        _legend(figure, axis)

    return svg("pareto", draw, 3.0 + _legend_height(row.series for row in found), "Quality against latency")


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (latency, quality) pairs that no other beats in both, by latency."""
    kept: list[tuple[float, float]] = []
    # of equally fast ones the best comes first, which leaves the others out
    for point in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def sustained(rows: Sequence[Shown], colours: Colours) -> str | None:
    """Time per image, temperature and clock of sustained runs, one below the other; None without any.

    Arguments are those of `distribution`.
    """
    found = [row for row in rows if row.row.sustained]
    if not found:
        return None
    fields: dict[str, Callable[[Any], float | None]] = {
        "ms per image": lambda moment: moment.ms,
        "°C": lambda moment: moment.temperature_c,
        "MHz": lambda moment: moment.clock_mhz,
    }
    told = {
        name: read
        for name, read in fields.items()
        if any(read(moment) is not None for row in found for moment in row.row.sustained)
    }

    def draw(figure: Any) -> None:
        ratios = [2.0] + [1.0] * (len(told) - 1)
        axes = figure.subplots(len(told), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
        for axis, (name, read) in zip(axes, told.items(), strict=True):
            for row in found:
                points = [(m.seconds, read(m)) for m in row.row.sustained if read(m) is not None]
                x, y = [p[0] for p in points], [p[1] for p in points]
                axis.plot(x, y, color=_colour(row.series, colours), lw=1.1, label=row.name)
            axis.set_ylabel(name)
        axes[0].set_ylim(bottom=0)
        axes[-1].set_xlabel("seconds")
        _legend(figure, axes[0])

    height = 1.6 + 0.9 * len(told) + _legend_height(row.name for row in found)
    return svg("sustained", draw, height, "Sustained run: time per image, temperature, clock")


def roofline(rows: Sequence[Shown], colours: Colours) -> str | None:
    """What rows reach of a machine's peaks, for the first device that has both; None without.

    Arguments are those of `distribution`.
    """
    found = [row for row in rows if row.row.work and row.row.work.macs and row.total and row.report.peak]
    found = [row for row in found if row.report.device.name == found[0].report.device.name]
    if not found:
        return None
    peak = found[0].report.peak
    tops = {"float32": peak.fp32_gmacs_per_s, "int8": peak.int8_gmacs_per_s} if peak else {}
    band = peak.bandwidth_gb_per_s if peak else None

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        points = [_reached(row) for row in found]
        low, high = 0.5 * min(x for x, _ in points), 2.0 * max(x for x, _ in points)
        if band:
            corners = [top / band for top in tops.values() if top]
            # wide enough to show the knee of each roof
            low, high = min([low, *(0.3 * c for c in corners)]), max([high, *(3 * c for c in corners)])
        x = np.geomspace(low, high, 100)
        for (name, top), dash in zip(tops.items(), ("-", "--"), strict=True):
            if top:
                # left of the knee memory limits, right of it arithmetic
                roof = np.minimum(top, x * band) if band else np.full_like(x, top)
                axis.plot(x, roof, color=MUTED, ls=dash, lw=1.2)
                axis.annotate(
                    f"{name} {top:.0f}", (x[-1], top), va="bottom", ha="right", color=MUTED, fontsize=8
                )
        for row, point in zip(found, points, strict=True):
            colour, marker = _colour(row.series, colours), _mark(row.series, colours)
            axis.scatter(*point, s=30, color=colour, marker=marker, label=row.series, zorder=3)
        axis.set(xscale="log", yscale="log", xlabel="MACs per byte moved", ylabel="GMAC/s")
        _plain(axis)
        axis.set_title(f"{found[0].report.device.name}")
        _legend(figure, axis)

    return svg("roofline", draw, 3.0 + _legend_height(row.series for row in found), "Roofline")


def _reached(row: Shown) -> tuple[float, float]:
    """MACs per byte, and GMAC/s."""
    work, took = row.row.work, row.computing_ms
    if work is None or not took:
        return 1.0, 1.0
    return work.macs / max(1, work.bytes_moved), work.macs / took / 1e6


def _with_quality(rows: Sequence[Shown]) -> tuple[str, list[Shown]]:
    """Return the metric and the rows, all of one shape, that most rows have."""
    found: dict[tuple[str, tuple[int, int]], list[Shown]] = {}
    for row in rows:
        for metric in row.row.quality if row.total else ():
            found.setdefault((metric, row.row.shape), []).append(row)
    if not found:
        return "", []
    (metric, _), most = max(found.items(), key=lambda item: (len(item[1]), item[0][0].startswith("psnr")))
    return metric, most


def _ridges(axis: Any, rows: Sequence[Shown], colours: Colours) -> None:
    samples = [np.asarray(row.row.total_ms) for row in rows]
    low = min(float(s.min()) for s in samples)
    # one outlier must not squeeze all histograms into a corner
    high = max(float(np.percentile(s, 99)) for s in samples)
    # equal samples would give bins of no width
    edges = np.linspace(low, high + 1e-9, BINS + 1)
    place = 0.0
    for row, values in zip(rows, samples, strict=True):
        place += _room(row)
        counts = np.histogram(values, edges)[0]
        top = place - HILL * counts / max(1, counts.max())
        colour = _colour(row.series, colours)
        axis.stairs(top, edges, baseline=place, fill=True, color=colour, alpha=0.75, lw=0)
        p50 = median_interval(row.row.total_ms, resamples=row.report.protocol.resamples)
        axis.plot([p50.low, p50.high], [place + 0.09] * 2, color=INK, lw=2.4, solid_capstyle="butt")
        where = (0.0, place - HILL - 0.06)
        axis.annotate(
            _wrapped(row.series), where, xycoords=("axes fraction", "data"), va="bottom", fontsize=8
        )
    axis.set_yticks([])
    axis.set_ylim(place + 0.2, 0.1)
    axis.grid(axis="y", visible=False)
    axis.spines["left"].set_visible(False)
    axis.set_title(f"{shape(rows[0].row)} (up to the slowest row's p99; black: interval of p50)", pad=3)


def _room(row: Shown) -> float:
    """Height of a histogram with its name above it, where one of a single line has 1."""
    return 1 + 0.26 * _wrapped(row.series).count("\n")


def _wrapped(name: str) -> str:
    """Break a long name into lines, between its parts."""
    lines = [""]
    for part in name.split(BETWEEN):
        longer = f"{lines[-1]}{BETWEEN}{part}" if lines[-1] else part
        lines[-1:] = [longer] if len(longer) <= LONGEST or not lines[-1] else [lines[-1], part]
    return "\n".join(lines)


def _by_series(rows: Sequence[Shown]) -> dict[str, list[Shown]]:
    found: dict[str, list[Shown]] = {}
    for row in rows:
        found.setdefault(row.series, []).append(row)
    return found


def _colour(series: str, colours: Colours) -> str:
    return SERIES[colours[series] % len(SERIES)]


def _mark(series: str, colours: Colours) -> str:
    """Return a marker that tells series of the same color apart."""
    turns, place = divmod(colours[series], len(SERIES))
    return MARKS[(place + turns) % len(MARKS)]


def _no_magnifier(axis: Any) -> None:
    """Keep differences that nobody sees from filling the plot, and the ticks free of an offset."""
    low, high = axis.get_ylim()
    if high - low < LEAST_QUALITY:
        middle = (low + high) / 2
        axis.set_ylim(middle - LEAST_QUALITY / 2, middle + LEAST_QUALITY / 2)
    axis.ticklabel_format(axis="y", useOffset=False)


def _plain(axes: Any) -> None:
    """Label the logarithmic axes with plain numbers."""
    from matplotlib import ticker

    number = ticker.FuncFormatter(lambda value, _: f"{value:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(number)
        low, high = axis.get_view_interval()
        # over more than two decades the numbers would overlap
        axis.set_minor_formatter(number if high < 100 * low else ticker.NullFormatter())
        axis.set_minor_locator(ticker.LogLocator(subs=(2, 5)))


def _legend(figure: Any, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    # a series has a handle for each of its rows
    unique = dict(zip(map(_wrapped, labels), handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower left", ncols=1, handletextpad=0.5)


def _legend_height(names: Iterable[str]) -> float:
    """Return the inches that a legend takes."""
    return 0.17 * sum(1 + _wrapped(name).count("\n") for name in dict.fromkeys(names))
