#!/usr/bin/env python3
"""Makes pages of records that were measured: report.md and report.html of every report.json below a folder.

    python benchmarks/render.py -o out/reports

The records are in the repository, the pages are not. Records that lie side by side, such as those of one
script's networks, get a page together as well, in their common folder.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from restorect_edge.bench.measure.record import RecordError, Report
from restorect_edge.bench.report.write import FILES, html, markdown
from restorect_edge.utils.files import replacing

RESULTS = Path(__file__).resolve().parent / "results"
JSON, *PAGES = FILES


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("records", nargs="?", type=Path, default=RESULTS, help="a folder (default: results)")
    options.add_argument("-o", "--output", type=Path, required=True, help="folder for the pages")
    arguments = options.parse_args(argv)
    try:
        for page in render(arguments.records, arguments.output):
            print(page)
    except (OSError, RecordError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    return 0


def render(records: Path, output: Path) -> list[Path]:
    """Write the pages of all records below a folder, and return their paths.

    Args:
        records: the folder; its own structure is kept.
        output: where to; pages that are there are replaced.

    Raises:
        RecordError: a record is damaged.
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
    return written


if __name__ == "__main__":
    sys.exit(main())
