"""What a campaign has done so far: a file of JSON lines per part, from which a killed one goes on."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Failure", "Progress", "Row", "draw", "fresh", "keep"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that must not happen, and did."""

    kind: str
    """Same words for the same fault: what the report groups by."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one case: a line of the file."""

    case: int
    units: int = 1
    """Pictures, artifacts, kills, seconds or disks that it tried."""
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class Progress:
    """The rows of one part, each on disk before the next case begins.

    Args:
        path: the part's file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[int, Row] = {row.case: row for row in _read(path)}

    def add(self, row: Row) -> None:
        """Append a row; a case that is run again replaces what it said before."""
        self.rows[row.case] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = (json.dumps(asdict(row)) + "\n").encode("utf-8", "backslashreplace")
        with self.path.open("ab") as stream:
            if stream.tell() and not _ends_whole(self.path):
                stream.write(b"\n")  # a killed campaign may have cut its last line
            stream.write(line)

    def pending(self, count: int) -> list[int]:
        """Return the numbers of the cases below `count` that have not been run."""
        return [number for number in range(count) if number not in self.rows]


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read() == b"\n"


def _read(path: Path) -> Iterator[Row]:
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            data = json.loads(line)
            data["failures"] = [Failure(**failure) for failure in data["failures"]]
            yield Row(**data)


def draw(seed: int, part: str, number: int) -> random.Random:
    """Return the random numbers of one case, whichever cases ran before it."""
    return random.Random(f"{seed}:{part}:{number}")


def fresh(folder: Path) -> Path:
    """Empty a case's folder, or make it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def keep(folder: Path, failures: Path) -> None:
    """Move the input of a case that failed to where it is kept."""
    kept = failures / folder.name
    shutil.rmtree(kept, ignore_errors=True)
    failures.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, shutil.Error):
        shutil.move(folder, kept)
