"""What a run has done so far, in a hidden file beside its outputs, from which the same command goes on."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from restorect_edge.batch.jobs import Job
from restorect_edge.utils.files import clear_abandoned

__all__ = ["EXISTING", "FAILED", "LEFT_OUT", "RESTORED", "Journal", "Row", "append"]

RESTORED, FAILED, EXISTING, LEFT_OUT = "restored", "failed", "existing", "left out"
"""What became of a file; ``existing``: not touched, since --skip-existing was given."""
PREFIX = ".restorect-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one file: a line of the journal and of the report."""

    source: str
    destination: str = ""
    status: str = RESTORED
    reason: str = ""
    """Why it was left out or failed, or what was not kept."""
    width: int | None = None
    """Of the input, in pixels."""
    height: int | None = None
    brightness_before: float | None = None
    """Mean luma, 0 to 1."""
    brightness_after: float | None = None
    read_ms: float | None = None
    prepare_ms: float | None = None
    prior_ms: float | None = None
    model_ms: float | None = None
    finish_ms: float | None = None
    write_ms: float | None = None
    bytes: int | None = None
    """Of the output."""


class Journal:
    """The rows of a run; each is on disk before the output that it tells of has its name.

    Args:
        root: folder that the outputs lie in or below.
        command: everything that decides what the outputs are. Another command has a journal of its own.
    """

    def __init__(self, root: Path, command: Mapping[str, Any]) -> None:
        described = json.dumps(command, sort_keys=True, default=str)
        digest = hashlib.sha256(described.encode("utf-8", "surrogatepass")).hexdigest()
        self._open(root / f"{PREFIX}{digest[:16]}.jsonl")

    @classmethod
    def at(cls, path: Path) -> "Journal":
        """Return the journal in a file, which another process may write to."""
        journal = cls.__new__(cls)
        journal._open(path)
        return journal

    def _open(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, Row] = {row.source: row for row in _read(path)}
        self._stream: Any = None

    @property
    def interrupted(self) -> bool:
        """Whether the same command was begun before and not finished."""
        return self.path.exists()

    def is_done(self, job: Job) -> bool:
        """Whether an earlier run has restored this file: its output is there as it was written."""
        row = self.rows.get(str(job.source))
        if row is None or row.status != RESTORED or row.destination != str(job.destination):
            return False
        try:
            return (
                job.destination.stat().st_size == row.bytes
                # a source that was changed since is restored again
                and job.source.stat().st_mtime <= self.path.stat().st_mtime
            )
        except OSError:
            return False

    def add(self, row: Row) -> None:
        """Record a row; safe from several threads, a line being one write."""
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.rows[row.source] = row
        os.write(self._stream, (json.dumps(asdict(row)) + "\n").encode())

    def close(self, *, finished: bool) -> None:
        """End the journal; of a finished run the file goes."""
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None
        if finished:
            with suppress(FileNotFoundError):
                self.path.unlink()

    def clean(self, jobs: Sequence[Job]) -> None:
        """Remove half-written files that a killed run has left beside its outputs."""
        for folder in {job.destination.parent for job in jobs}:
            clear_abandoned(folder)


def append(path: Path, row: Row) -> None:
    """Record `row` in the journal at `path`, from a process that does not own it; a line is one write."""
    stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(stream, (json.dumps(asdict(row)) + "\n").encode())
    finally:
        os.close(stream)


def _read(path: Path) -> Iterator[Row]:
    """Yield the rows of a journal; a last line that was cut off does not count."""
    names = {field.name for field in fields(Row)}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        with suppress(ValueError, TypeError, AttributeError):
            yield Row(**{key: value for key, value in json.loads(line).items() if key in names})
