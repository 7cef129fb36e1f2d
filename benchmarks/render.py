#!/usr/bin/env python3
"""Makes pages of records that were measured: of every report.json below a folder, and of results with tables.

    python benchmarks/render.py -o out/reports

The records are in the repository, the pages are not. A report becomes report.md and report.html; reports that
lie side by side, such as those of one script's networks, get a page together as well, in their common folder.
A result of `TABLES` becomes a Markdown file of its name.
"""

import argparse
import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from _results import read

from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.report.write import FILES, html, markdown
from restorect_edge.utils.files import replacing

RESULTS = Path(__file__).resolve().parent / "results"
MODULES = [str(RESULTS.parent), str(RESULTS.parents[1] / "tests" / "campaign")]
"""Where those of `TABLES` are."""
JSON, *PAGES = FILES
TABLES = {
    "ablation": "ablation",
    "ablation-joint": "ablation",
    "campaign": "robustness.report",
    "illumination-map": "illumination_map",
    "zoo": "zoo",
}
"""Module by name of a result whose numbers are read as a table: its `page` makes Markdown of the content."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("records", nargs="?", type=Path, default=RESULTS, help="a folder (default: results)")
    options.add_argument("-o", "--output", type=Path, required=True, help="folder for the pages")
    arguments = options.parse_args(argv)
    try:
        for page in render(arguments.records, arguments.output):
            print(page)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 0


def render(records: Path, output: Path) -> list[Path]:
    """Write the pages of all records below a folder, and return their paths.

    Args:
        records: the folder; its own structure is kept.
        output: where to; pages that are there are replaced.

    Raises:
        RecordError, ValueError: a record is damaged.
        OSError: the pages cannot be written.
    """
    together: dict[Path, list[Report]] = defaultdict(list)
    for path in sorted(records.rglob(JSON)):
        report, folder = Report.open(path), path.parent.relative_to(records)
        together[folder].append(report)
        if len(list(path.parents[1].glob(f"*/{JSON}"))) > 1:
            together[folder.parent].append(report)
    written = []
    for folder, reports in sorted(together.items()):
        for name, text in zip(PAGES, (markdown(reports), html(reports)), strict=True):
            with replacing(output / folder / name) as stream:
                stream.write(text.encode())
            written.append(output / folder / name)
    for path in tabled(records):
        written.append(output / path.parent.relative_to(records) / f"{path.stem}.md")
        with replacing(written[-1]) as stream:
            stream.write(page(path).encode())
    return written


def tabled(records: Path) -> Iterator[Path]:
    """Yield the result files below a folder that have a table."""
    return (path for name in TABLES for path in sorted(records.rglob(f"{name}--*.json")))


def page(path: Path) -> str:
    """Return a result file with a table as Markdown.

    Raises:
        ValueError: the file is damaged.
    """
    result = read(path)
    sys.path += MODULES
    try:
        text: str = importlib.import_module(TABLES[result["name"]]).page(result)
    finally:
        del sys.path[-len(MODULES) :]
    return text


if __name__ == "__main__":
    sys.exit(main())
