"""The report of a folder: a row per file, as CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from restorect_edge.batch.journal import Row
from restorect_edge.errors import UsageError
from restorect_edge.utils.destination import require_writable
from restorect_edge.utils.files import replacing

__all__ = ["check_report", "write_report"]

SUFFIXES = (".csv", ".json")


def check_report(path: Path) -> None:
    """Raise `UsageError` before any work for a report of another kind, or that cannot be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"the report '{path}' ends in .csv or .json")
    require_writable(path, option="--report")


def write_report(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows; names that are not UTF-8 keep their bytes in CSV, and are escaped in JSON.

    Args:
        path: ends in ``.csv`` or ``.json``.
        rows: of all files.

    Raises:
        UsageError: the file cannot be written.
    """
    check_report(path)
    content = _csv(rows) if path.suffix.lower() == ".csv" else _json(rows)
    try:
        with replacing(path) as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"cannot write the report '{path}': {error.strerror}") from error


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Row)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _json(rows: Sequence[Row]) -> bytes:
    return (json.dumps([asdict(row) for row in rows], indent=1) + "\n").encode()
