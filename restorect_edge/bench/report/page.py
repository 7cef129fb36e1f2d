"""A report's page: one HTML file that asks nothing of the network, for any screen, light or dark."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Literal

from restorect_edge.bench.report.tables import Table

__all__ = ["banner", "collapsed", "figure", "heading", "listing", "page", "paragraph", "photograph", "table"]

HERE = Path(__file__).parent


def page(title: str, parts: Sequence[str]) -> str:
    """Return the whole document, with `title` and the HTML of its `parts`."""
    style = HERE.joinpath("page.css").read_text(encoding="utf-8")
    whole = Template(HERE.joinpath("page.html").read_text(encoding="utf-8"))
    return whole.substitute(title=escape(title), style=style, content="\n".join(parts))


def heading(text: str, level: int = 2) -> str:
    """Return `text` as a heading of `level` 1 to 6."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, kind: Literal["", "note", "answer"] = "") -> str:
    """Return `text` as a paragraph of a `kind`: a note is small; an answer, which comes first, is large."""
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def banner(text: str) -> str:
    """Return a warning that nobody overlooks."""
    return f"<p class=banner role=alert>{escape(text)}</p>"


def listing(items: Sequence[str]) -> str:
    """Return a list of sentences."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def table(content: Table) -> str:
    """Return a table that scrolls by itself where the screen is narrower, and its note."""
    kind = "numbers" if content.numbers else "text"
    remarks = " remarks" if content.headings[-1] == "status" else ""
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in content.headings)
    rows = "".join(_row(cells) for cells in content.rows)
    note = paragraph(content.note, kind="note") if content.note else ""
    return (
        f'<div class=scroll tabindex=0><table class="{kind}{remarks}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def figure(title: str, svg: str) -> str:
    """Return a plot, an `svg` element, with its `title`."""
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"


def photograph(name: str, told: str, jpeg: bytes) -> str:
    """Return a photograph within the page.

    Args:
        name: of what it shows, below it.
        told: what is said of it beside the name.
        jpeg: the file.
    """
    source = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    more = f" <span>{escape(told)}</span>" if told else ""
    return (
        f'<figure><img src="{source}" alt="{escape(f"the photograph, {name}")}">'
        f"<figcaption>{escape(name)}{more}</figcaption></figure>"
    )


def collapsed(summary: str, content: str) -> str:
    """Return `content`, HTML, below a `summary` that opens it."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _row(cells: Sequence[str]) -> str:
    return f"<tr><th scope=row>{escape(cells[0])}</th>" + "".join(_cell(text) for text in cells[1:]) + "</tr>"


def _cell(text: str) -> str:
    absent = text in ("–", "not known") or text.startswith("not measured")
    flagged = text.startswith(("throttled", "failed")) or "not stable" in text
    kind = " class=flagged" if flagged else " class=absent" if absent else ""
    return f"<td{kind}>{escape(text)}</td>"
