"""A report's page: one HTML file that asks nothing of the network, for any screen, light or dark."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Literal

from restorect_edge.bench.report.tables import Table

__all__ = ["banner", "collapsed", "figure", "heading", "listing", "page", "paragraph", "photograph", "table"]

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --muted: #5f666e; --line: #dfe2e6; --paper: #ffffff;
  --band: #f5f6f8; --warn: #a8441a; --s0: #2f6fa1; --s1: #c7602b; --s2: #3d8a5c; --s3: #8a4f9e;
  --s4: #a67c12; --s5: #5b6770; --s6: #b03a5b; --s7: #138a91; --s8: #6b7d1f; --s9: #4a4fb3;
  --face: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --muted: #a0a7af; --line: #363b41;
  --paper: #15181b; --band: #1d2125; --warn: #f0925f; --s0: #6aaee0; --s1: #ee8d58; --s2: #6cc190;
  --s3: #c08ad4; --s4: #d9b14a; --s5: #9aa7b1; --s6: #ec7f9c; --s7: #54c4ca; --s8: #b3c75e;
  --s9: #9a9ff0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 var(--face);
  -webkit-text-size-adjust: 100%; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .4rem 0; max-width: 46rem; }
ul { margin: .8rem 0; padding-left: 1.2rem; font-size: .9rem; max-width: 60rem; }
p.answer { font-size: 1.15rem; line-height: 1.45; margin: .7rem 0; }
.banner { border: 2px solid var(--warn); color: var(--warn); border-radius: 8px; padding: .6rem .9rem;
  font-weight: 600; max-width: none; }
.note { color: var(--muted); font-size: .86rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .75rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--muted); font-weight: 500; background: var(--band); white-space: nowrap; }
tbody th { font-weight: 500; min-width: 10rem; }
table.numbers td { white-space: nowrap; }
table.numbers td, table.numbers thead th + th { text-align: right; }
table.remarks td:last-child { text-align: left; white-space: normal; min-width: 14rem; }
table.remarks thead th:last-child { text-align: left; }
td.absent { color: var(--muted); font-style: italic; }
td.flagged { color: var(--warn); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1.5rem 2rem; align-items: start; margin: 1rem 0; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .3rem; }
.photographs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr));
  gap: 1rem; margin: .8rem 0; }
.photographs img { display: block; width: 100%; border-radius: 6px; }
.photographs figcaption { font-weight: 400; font-size: .86rem; margin: .3rem 0 0; }
.photographs figcaption span { color: var(--muted); }
svg.plot { display: block; width: 100%; max-width: 36rem; height: auto; }
svg.plot text { font-family: var(--face) !important; }
.flame { overflow-x: auto; }
svg.icicle { display: block; min-width: 44rem; width: 100%; height: auto; }
svg.icicle text { font: 500 12px var(--face); fill: #fff; dominant-baseline: central; pointer-events: none; }
svg.icicle rect.other { fill: var(--line); } svg.icicle rect.other ~ text { fill: var(--ink); }
svg.icicle .c0 { fill: #2f6fa1; } svg.icicle .c1 { fill: #b0521f; } svg.icicle .c2 { fill: #34794f; }
svg.icicle .c3 { fill: #7d4790; } svg.icicle .c4 { fill: #80600c; } svg.icicle .c5 { fill: #56626b; }
svg.icicle g:hover rect { opacity: .8; }
details { margin: .8rem 0; } summary { cursor: pointer; color: var(--muted); font-size: .9rem; }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """Return the whole document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """Return a heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, kind: Literal["", "note", "answer"] = "") -> str:
    """Return a paragraph; a note is small, and an answer, which the page begins with, large."""
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
    """Return a plot with its title."""
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"


def photograph(name: str, told: str, jpeg: bytes) -> str:
    """Return a photograph within the page, with its name and what is told of it below."""
    source = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    more = f" <span>{escape(told)}</span>" if told else ""
    return (
        f'<figure><img src="{source}" alt="{escape(f"the photograph, {name}")}">'
        f"<figcaption>{escape(name)}{more}</figcaption></figure>"
    )


def collapsed(summary: str, content: str) -> str:
    """Return content that is shown when it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _row(cells: Sequence[str]) -> str:
    return f"<tr><th scope=row>{escape(cells[0])}</th>" + "".join(_cell(text) for text in cells[1:]) + "</tr>"


def _cell(text: str) -> str:
    absent = text in ("–", "not known") or text.startswith("not measured")
    flagged = text.startswith(("throttled", "failed")) or "not stable" in text
    kind = " class=flagged" if flagged else " class=absent" if absent else ""
    return f"<td{kind}>{escape(text)}</td>"
