"""Several methods on the same images: one table of means, one of images."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from restorect_edge.evaluation.report import Report, write_text

__all__ = ["as_markdown", "as_text", "write_comparison", "write_rows"]


def as_markdown(found: Sequence[Report]) -> list[str]:
    """Return the table of means: a row per method, the best value of each metric in bold."""
    metrics = found[0].metrics
    best = {
        key: (max if metric.higher else min)((r.means[key] for r in found), default=None)
        for key, metric in metrics.items()
    }
    lines = [
        "| method | " + " | ".join(m.title for m in metrics.values()) + " | s per image |",
        "|---" * (len(metrics) + 2) + "|",
    ]
    for row in found:
        cells = [metric.shown(row.means[key]) for key, metric in metrics.items()]
        cells = [
            f"**{cell}**" if row.means[key] == best[key] and len(found) > 1 else cell
            for cell, key in zip(cells, metrics, strict=True)
        ]
        # results that were there took no time here
        seconds = "–" if row.runtime == "files" else f"{row.seconds['restoring']:.3f}"
        lines.append("| " + " | ".join([row.source.replace("|", "\\|"), *cells, seconds]) + " |")
    return lines


def as_text(found: Sequence[Report]) -> str:
    """Return the table and the conditions."""
    first = found[0]
    return "\n".join(
        [
            *as_markdown(found),
            "",
            f"{len(first.scores)} images of {first.data}, protocol {first.protocol.name}",
        ]
    )


def write_comparison(path: Path, found: Sequence[Report], *, more: Sequence[str] = ()) -> None:
    """Write a page: the table of means, further lines, then each method's own page.

    Args:
        path: of the page.
        found: one report per method, of the same images and metrics.
        more: lines after the table.
    """
    pages = "\n\n".join(row.as_markdown() for row in found)
    head = "\n".join([f"# {len(found)} methods on {found[0].data}", "", *as_markdown(found), "", *more, ""])
    write_text(path, lambda text: text.write(f"{head}\n{pages}"))


def write_rows(path: Path, found: Sequence[Report]) -> None:
    """Write a line per method and image of `found` to `path` as CSV."""

    def rows(text: TextIO) -> None:
        writer = csv.DictWriter(text, ["method", "name", *found[0].scores[0].values])
        writer.writeheader()
        for row in found:
            writer.writerows({"method": row.source, "name": s.name, **s.values} for s in row.scores)

    write_text(path, rows)
