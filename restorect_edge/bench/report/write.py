"""A benchmark's record as a page to read: Markdown, and HTML in one file with plots."""

from collections.abc import Sequence
from pathlib import Path

from restorect_edge.bench.measure.record import Peak, Report, Subject, Work
from restorect_edge.bench.report import page as _page
from restorect_edge.bench.report import plots as _plots
from restorect_edge.bench.report import svg as _svg
from restorect_edge.bench.report import tables as _tables
from restorect_edge.bench.report.answer import answer, ordered, rehearsal
from restorect_edge.bench.report.conditions import CONDITIONS, conditions
from restorect_edge.bench.report.icicle import icicle
from restorect_edge.bench.report.looks import Look
from restorect_edge.bench.report.tables import LATENCY, RESOURCES, Table
from restorect_edge.bench.report.verdicts import verdicts
from restorect_edge.bench.report.words import Shown, ms, shown
from restorect_edge.errors import UsageError, counted
from restorect_edge.utils.files import replacing

__all__ = ["FILES", "html", "least_ms", "markdown", "roofline_share", "write"]

FILES = ("report.json", "report.md", "report.html")
KINDS = {"host": "a PC or server", "jetson": "Jetson", "apple": "Apple"}
DISTRIBUTION, PARETO = "Distribution of latency", "Quality against latency"
"""Names of plots, one of which comes first."""
MOST_SENTENCES = 6
"""Verdicts that the page shows at once."""
NO_PLOTS = "Plots are left out: they need matplotlib, pip install 'restorect-edge[report]'."


def write(
    report: Report,
    folder: Path,
    *,
    beside: Sequence[Report] = (),
    against: Subject | None = None,
    looks: Sequence[Look] = (),
) -> list[Path]:
    """Write ``report.json``, ``report.md`` and ``report.html`` into a folder, which is made.

    Without matplotlib (the extra ``report``) the page has its tables and says how to get the plots.

    Args:
        report: what was measured; it alone is in the JSON.
        folder: where to; files of these names are replaced, each whole or not at all.
        beside: reports of other devices to show in the same page and tables.
        against: what the verdicts compare with; None for the first row of each report.
        looks: photographs as the rows restored them, which the HTML page shows.

    Returns:
        The three paths, in that order.

    Raises:
        UsageError: the folder cannot be written.
        RecordError: the report holds a number that is not finite.
    """
    reports = (report, *beside)
    # all of it before anything is written: what cannot be shown leaves the files as they were
    contents = report.to_json(), markdown(reports, against), html(reports, against, looks)
    paths = []
    for name, text in zip(FILES, contents, strict=True):
        path = folder / name
        try:
            with replacing(path) as stream:
                # names of files that are not UTF-8 keep their bytes
                stream.write(text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise UsageError(f"cannot write '{path}': {error.strerror}") from error
        paths.append(path)
    return paths


def markdown(reports: Sequence[Report], against: Subject | None = None) -> str:
    """Return reports as one Markdown text: the answer, the conditions, then tables.

    Args:
        reports: one or more.
        against: what the verdicts compare with; None for the first row of each report.

    Raises:
        UsageError: no report.
    """
    rows = _rows(reports)
    warning = rehearsal(reports)
    parts = [f"# {_title(reports)}", "", *([f"**{warning}**", ""] if warning else [])]
    parts += [*(f"- {sentence}" for sentence in answer(rows)), "", _summary(reports, rows), ""]
    for content in _all_tables(reports, rows):
        parts += [f"## {content.title}", "", *_lines(content), ""]
        if content.title == LATENCY:
            parts += [*(f"- {sentence}" for sentence in verdicts(rows, against)), ""]
    for row in rows:
        if row.row.modules_ms:
            content = _tables.modules(row)
            parts += [f"## Profile: {content.title}", "", *_lines(content), ""]
    return "\n".join(parts)


def html(reports: Sequence[Report], against: Subject | None = None, looks: Sequence[Look] = ()) -> str:
    """Return reports as one page that needs no other file: the answer in words and one plot, then tables as
    in `markdown`, plots and profiles.

    Args:
        reports: one or more.
        against: as for `markdown`.
        looks: as for `write`.

    Raises:
        UsageError: no report.
    """
    rows = _rows(reports)
    tables = {content.title: content for content in _all_tables(reports, rows)}
    plots = _drawn(rows) if _svg.available() else {}
    warning = rehearsal(reports)
    parts = [_page.heading(_title(reports), 1), *([_page.banner(warning)] if warning else [])]
    parts += [_page.paragraph(sentence, kind="answer") for sentence in answer(rows)]
    parts.append(_page.paragraph(_summary(reports, rows), kind="note"))
    parts += _first_plot(plots)
    parts += _restored(ordered(rows), looks)
    if not _svg.available():
        parts.append(_page.paragraph(NO_PLOTS, kind="note"))
    for title, content in tables.items():
        if title == CONDITIONS:
            parts.append(_page.collapsed("Conditions: machine, versions, protocol", _page.table(content)))
            continue
        parts += [_page.heading(title), _page.table(content)]
        if title == LATENCY:
            parts += _verdicts(verdicts(rows, against))
        figures = [_page.figure(name, svg) for name, svg in plots.get(title, {}).items() if svg]
        if figures:
            parts.append(f"<div class=plots>{''.join(figures)}</div>")
    parts += _profiles(rows)
    return _page.page(_title(reports), parts)


def roofline_share(row: Shown) -> float | None:
    """Return the least time that a row's work can take with its machine's peaks, over what it took.

    None where a peak or the work is not known, and for devices other than the CPU, whose peaks those are.
    """
    work, peak, took = row.row.work, row.report.peak, row.computing_ms
    if work is None or peak is None or not took or row.row.device not in (None, "cpu"):
        return None
    least = least_ms(work, peak)
    return None if least is None else least / took


def least_ms(work: Work, peak: Peak) -> float | None:
    """Return the least time that work can take with a machine's peaks; None where one is not known.

    8-bit multiply-adds count at their peak, the others at that of float32; the larger of computing and moving
    bytes is the least time (Williams et al., Communications of the ACM 52(4), 2009).

    Args:
        work: of a row, for one image.
        peak: of the machine.
    """
    if not peak.fp32_gmacs_per_s or (work.int8_macs and not peak.int8_gmacs_per_s):
        return None
    computing = (work.macs - work.int8_macs) / peak.fp32_gmacs_per_s
    computing += work.int8_macs / peak.int8_gmacs_per_s if peak.int8_gmacs_per_s else 0.0
    moving = work.bytes_moved / peak.bandwidth_gb_per_s if peak.bandwidth_gb_per_s else 0.0
    # amounts over 10⁹ a second are in 10⁻⁹ s
    return max(computing, moving) / 1e6


def _rows(reports: Sequence[Report]) -> list[Shown]:
    if not reports:
        raise UsageError("a page needs at least one report, got none")
    return shown(reports)


def _title(reports: Sequence[Report]) -> str:
    return "Benchmark: " + ", ".join(dict.fromkeys(report.device.name for report in reports))


def _summary(reports: Sequence[Report], rows: Sequence[Shown]) -> str:
    told = [
        f"{report.device.name} is {KINDS[report.device.kind]}"
        + (f" in power mode {report.device.power_mode}" if report.device.power_mode else "")
        for report in reports
    ]
    devices = ", ".join(dict.fromkeys(told))
    measured = sum(row.total is not None for row in rows)
    absent = len(rows) - measured
    left_out = f", {absent} not measured" if absent else ""
    return f"{counted(measured, 'row')} measured{left_out}. {devices}."


def _first_plot(plots: dict[str, dict[str, str | None]]) -> list[str]:
    """Take the plot that shows the answer out of its place: quality against latency, else latency alone."""
    for title, name in ((RESOURCES, PARETO), (LATENCY, DISTRIBUTION)):
        picture = plots.get(title, {}).pop(name, None)
        if picture:
            return [f"<div class=plots>{_page.figure(name, picture)}</div>"]
    return []


def _restored(rows: Sequence[Shown], looks: Sequence[Look]) -> list[str]:
    """Return the photograph before, and after each row of the largest size that has pictures."""
    if not any(found.subject for found in looks):
        return []
    size = max((found.shape for found in looks if found.subject), key=lambda sides: sides[0] * sides[1])
    before = [found for found in looks if found.shape == size and found.subject is None]
    figures = [_page.photograph("before", "", found.jpeg) for found in before]
    for row in rows:
        figures += [
            _page.photograph(row.series, _told(row), found.jpeg)
            for found in looks
            if found.is_of(row.row)
            if found.shape == size
        ]
    title = f"What it gives, at {size[1]}×{size[0]}"
    return [_page.heading(title), f"<div class=photographs>{''.join(figures)}</div>"]


def _told(row: Shown) -> str:
    """Return latency and quality of a row, as far as they are known."""
    told = [f"{ms(row.total.p50.value)} ms"] if row.total else []
    told += [f"{row.row.quality['psnr']:.2f} dB"] if "psnr" in row.row.quality else []
    return ", ".join(told)


def _all_tables(reports: Sequence[Report], rows: Sequence[Shown]) -> list[Table]:
    rows = ordered(rows)
    found = [
        conditions(reports),
        _tables.latency(rows),
        _tables.stages(rows),
        _tables.resources(rows),
        _tables.roofs(rows, roofline_share),
        _tables.sustained(rows),
    ]
    return [content for content in found if content is not None]


def _drawn(rows: Sequence[Shown]) -> dict[str, dict[str, str | None]]:
    """Return plots by the title of the table that they follow."""
    # counted over all rows: a series has one color in every plot
    colours = {name: index for index, name in enumerate(dict.fromkeys(row.series for row in rows))}
    return {
        LATENCY: {
            DISTRIBUTION: _plots.distribution(rows, colours),
            "Latency against megapixels": _plots.megapixels(rows, colours),
        },
        RESOURCES: {PARETO: _plots.pareto(rows, colours)},
        "Share of the machine's peak": {"Roofline": _plots.roofline(rows, colours)},
        "Sustained": {"Sustained run": _plots.sustained(rows, colours)},
    }


def _verdicts(sentences: Sequence[str]) -> list[str]:
    content = _page.listing(sentences)
    if len(sentences) > MOST_SENTENCES:
        return [_page.collapsed("Which rows are faster, and by how much", content)]
    return [content] if sentences else []


def _profiles(rows: Sequence[Shown]) -> list[str]:
    found = [row for row in rows if row.row.modules_ms]
    if not found:
        return []
    parts = [
        _page.heading("Profile"),
        _page.paragraph(
            "Time by module of the source, by the backend's profiler, which makes the whole slower. "
            "What stands in brackets is no module.",
            kind="note",
        ),
    ]
    for row in found:
        picture = icicle(row.row.modules_ms, label=f"Time by module: {row.name}")
        parts += [_page.heading(row.name, 3), f"<div class=flame>{picture}</div>"]
        parts.append(_page.collapsed("Table of modules", _page.table(_tables.modules(row))))
    return parts


def _lines(content: Table) -> list[str]:
    rule = "---:" if content.numbers else "---"
    lines = [_line(content.headings), _line(("---", *[rule] * (len(content.headings) - 1)))]
    lines += [_line(cells) for cells in content.rows]
    return [*lines, "", content.note] if content.note else lines


def _line(cells: Sequence[str]) -> str:
    # a bar would end its cell
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
