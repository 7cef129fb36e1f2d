"""The table of runtimes: a row per runtime, precision and form, a column per frame layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restorect_edge.errors import UsageError
from restorect_edge.media.frames import LAYOUTS

__all__ = ["END", "START", "replace_table", "table"]

START = "<!-- the table below is made by benchmarks/runtimes.py -->"
END = "<!-- end of the table -->"

Row = Mapping[str, Any]


def table(rows: Sequence[Row], facts: Mapping[str, Any]) -> str:
    """Return the table as Markdown, with what it was measured on."""
    layouts = [layout for layout in LAYOUTS if any(row["format"] == layout for row in rows)]
    head = ["runtime", "precision", "form", *layouts, "largest difference"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    groups: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in rows:
        key = row["runtime"], row["precision"], row["form"], row["status"]
        groups.setdefault(key, {})[row["format"]] = row
    for (runtime, precision, form, status), found in groups.items():
        if form is None:
            lines.append(f"| {runtime} | {status} {'| ' * (len(head) - 2)}|")
            continue
        cells = [_cell(found.get(layout)) for layout in layouts]
        worst = max(row["max_difference"] for row in found.values())
        lines.append(f"| {' | '.join([runtime, precision or '–', form, *cells, _levels(worst)])} |")
    timed = any(row["ms_640x480"] is not None for row in rows)
    times = f"ms of a 640×480 frame on {facts['cpu']}, {facts['threads']} thread for the Python ones"
    return "\n".join(
        [*lines, "", f"Vectors passed of those run; {times if timed else 'times: not measured'}."]
    )


def replace_table(page: Path, text: str) -> None:
    """Write `text` between the markers of a page.

    Raises:
        UsageError: the page has not both markers.
    """
    whole = page.read_text(encoding="utf-8")
    before, start, rest = whole.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise UsageError(f"'{page}' has no line '{START}' with '{END}' after it")
    page.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _cell(row: Row | None) -> str:
    if row is None:
        return "–"
    passed = f"{row['passed']}/{row['vectors']}"
    return passed if row["ms_640x480"] is None else f"{passed}, {row['ms_640x480']:.1f} ms"


def _levels(count: int) -> str:
    return f"{count} level{'' if count == 1 else 's'}"
