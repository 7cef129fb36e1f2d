"""The plots of a report as SVG elements, whose colours are variables of the page, light or dark.

matplotlib lays them out with stand-in colours, which are replaced in its output.
"""

import importlib.util
import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from restorect_edge.bench._words import Shown, shape
from restorect_edge.bench.statistics import median_interval

__all__ = ["available", "distribution", "front", "megapixels", "pareto", "roofline", "sustained"]

SIZE = 4.8
"""Width in inches; at 72 units an inch a phone shows it at about its own size."""
INK, MUTED, LINE, PAPER = "#101011", "#707172", "#d8d7d6", "#fefdfc"
SERIES = ("#2f6fa1", "#c7602b", "#3d8a5c", "#8a4f9e", "#b38a1e", "#5b6770")
VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper"} | {
    colour: f"s{index}" for index, colour in enumerate(SERIES)
}
STYLE = {
    "svg.fonttype": "none",
    "font.size": 8.5,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
}
BINS = 60
MARKS = "osD^vP"
IDENTIFIER = re.compile(r' id="([^"]*)"')

Colours = Mapping[str, int]


def available() -> bool:
    """Whether matplotlib, of the extra ``report``, is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def distribution(rows: Sequence[Shown], colours: Colours) -> str | None:
    """Every sample of every row as a histogram; a panel per shape. None without samples."""
    found = [row for row in rows if row.total]
    shapes = sorted({row.row.shape for row in found}, key=lambda s: s[0] * s[1])
    if not found:
        return None
    panels = [[row for row in found if row.row.shape == size] for size in shapes]

    def draw(figure: Any) -> None:
        heights = [len(panel) for panel in panels]
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, panel in zip(axes, panels, strict=True):
            _ridges(axis, panel, colours)
        axes[-1].set_xlabel("ms per image, end to end")

    height = 0.5 * len(found) + 0.45 * len(panels) + 0.3
    return _svg("distribution", draw, height, "Distribution of latency")


def megapixels(rows: Sequence[Shown], colours: Colours) -> str | None:
    """p50 against the size of the image, of series with two sizes or more; None where there are none."""
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
            style = {"color": _colour(name, colours), "marker": MARKS[colours[name] % len(MARKS)]}
            axis.errorbar(x, y, error, label=name, markersize=4, capsize=2, **style)
        axis.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="p50 in ms")
        _plain(axis)
        _legend(figure, axis)

    return _svg("megapixels", draw, 3.0 + 0.17 * len(found), "Latency against megapixels")


def pareto(rows: Sequence[Shown], colours: Colours) -> str | None:
    """Quality against latency of the rows of one shape, with the front; None of fewer than two such rows."""
    metric, found = _with_quality(rows)
    if len(found) < 2:
        return None

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        points = [(row.total.p50.value, row.row.quality[metric]) for row in found if row.total]
        edge = front(points)
        axis.step([x for x, _ in edge], [y for _, y in edge], where="post", color=MUTED, lw=1, ls="--")
        for row, point in zip(found, points, strict=True):
            name = row.series
            axis.scatter(
                *point,
                s=34,
                color=_colour(name, colours),
                marker=MARKS[colours[name] % len(MARKS)],
                label=name,
                zorder=3,
                edgecolors=INK if point in edge else PAPER,
                linewidths=0.9,
            )
        axis.margins(0.12)
        unit = " in dB" if metric.startswith("psnr") else ""
        axis.set(xlabel=f"p50 in ms at {shape(found[0].row)}, less is better", ylabel=f"{metric}{unit}")
        axis.set_title("Dashed: the front; ringed: no other row is both faster and better")
        _legend(figure, axis)

    return _svg("pareto", draw, 3.0 + 0.17 * len(found), "Quality against latency")


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (latency, quality) pairs that no other beats in both, by latency."""
    kept: list[tuple[float, float]] = []
    for point in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def sustained(rows: Sequence[Shown], colours: Colours) -> str | None:
    """Time per image, temperature and clock of sustained runs, one below the other; None without any."""
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

    height = 1.6 + 0.9 * len(told) + 0.17 * len(found)
    return _svg("sustained", draw, height, "Sustained run: time per image, temperature, clock")


def roofline(rows: Sequence[Shown], colours: Colours) -> str | None:
    """What rows reach of a machine's peaks, for the first report that has both; None without."""
    found = [row for row in rows if row.row.work and row.row.work.macs and row.total and row.report.peak]
    found = [row for row in found if row.report is found[0].report]
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
            low, high = min([low, *(0.3 * c for c in corners)]), max([high, *(3 * c for c in corners)])
        x = np.geomspace(low, high, 100)
        for (name, top), dash in zip(tops.items(), ("-", "--"), strict=True):
            if top:
                roof = np.minimum(top, x * band) if band else np.full_like(x, top)
                axis.plot(x, roof, color=MUTED, ls=dash, lw=1.2)
                axis.annotate(
                    f"{name} {top:.0f}", (x[-1], top), va="bottom", ha="right", color=MUTED, fontsize=8
                )
        for row, point in zip(found, points, strict=True):
            marker = MARKS[colours[row.series] % len(MARKS)]
            axis.scatter(
                *point, s=30, color=_colour(row.series, colours), marker=marker, label=row.name, zorder=3
            )
        axis.set(xscale="log", yscale="log", xlabel="MACs per byte moved", ylabel="GMAC/s")
        _plain(axis)
        axis.set_title(f"{found[0].report.device.name}")
        _legend(figure, axis)

    return _svg("roofline", draw, 3.0 + 0.17 * len(found), "Roofline")


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
    high = max(float(np.percentile(s, 99)) for s in samples)
    edges = np.linspace(low, high + 1e-9, BINS + 1)
    for place, (row, values) in enumerate(zip(rows, samples, strict=True)):
        counts = np.histogram(values, edges)[0] / len(values)
        colour = _colour(row.series, colours)
        top = place - 0.6 * counts / counts.max() if counts.max() else np.full(BINS, float(place))
        axis.stairs(top, edges, baseline=place, fill=True, color=colour, alpha=0.75, lw=0)
        p50 = median_interval(row.row.total_ms, resamples=row.report.protocol.resamples)
        axis.plot([p50.low, p50.high], [place + 0.1] * 2, color=INK, lw=2.4, solid_capstyle="butt")
        axis.text(high, place - 0.3, row.series, va="center", ha="right", fontsize=8)
    axis.set_yticks([])
    axis.set_ylim(len(rows) - 0.75, -0.75)
    axis.grid(axis="y", visible=False)
    axis.spines["left"].set_visible(False)
    axis.set_title(f"{shape(rows[0].row)} (up to the slowest row's p99; black: interval of p50)", pad=3)


def _by_series(rows: Sequence[Shown]) -> dict[str, list[Shown]]:
    found: dict[str, list[Shown]] = {}
    for row in rows:
        found.setdefault(row.series, []).append(row)
    return found


def _colour(series: str, colours: Colours) -> str:
    return SERIES[colours[series] % len(SERIES)]


def _plain(axes: Any) -> None:
    """Label the logarithmic axes with plain numbers."""
    from matplotlib import ticker

    number = ticker.FuncFormatter(lambda value, _: f"{value:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(number)
        low, high = axis.get_view_interval()
        axis.set_minor_formatter(number if high < 12 * low else ticker.NullFormatter())
        axis.set_minor_locator(ticker.LogLocator(subs=(2, 5)))


def _legend(figure: Any, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside lower left", ncols=1, handletextpad=0.5)


def _svg(name: str, draw: Callable[[Any], None], height: float, label: str) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {**STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(SIZE, height), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        draw(figure)
        for axis in figure.axes:
            axis.patch.set_visible(False)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return _inlined(stream.getvalue(), name, label)


def _inlined(svg: str, name: str, label: str) -> str:
    """Make matplotlib's file an element of a page: its colours, its typeface, no identifier twice."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w.]+)[\")]", svg))
    svg = IDENTIFIER.sub(lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"font-family:[^;\"]*;?", "", svg)
    svg = re.sub(r"(font: (?:[\w.]+ )*?[\d.]+px)[^;\"]*", r"\1 var(--face)", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    start = svg.index(">")
    box = re.search(r'viewBox="[^"]*"', svg[:start])
    return (
        f'<svg class="plot" id="{name}" role="img" aria-label="{escape(label)}" {box[0] if box else ""} '
        + (
            'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            + svg[start + 1 :]
        )
    )
