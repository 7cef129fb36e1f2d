"""What every benchmark of this folder writes: conditions, then rows, as strict JSON."""

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import restorect_edge
from restorect_edge.utils.cpu import cpu_name

__all__ = ["RESULTS", "check", "conditions", "merged", "read", "report", "result_path", "write"]

RESULTS = Path(__file__).parent / "results"
KEYS = {"name", "conditions", "rows"}
AGAIN = ("date", "load_before", "rounds", "now", "peak")
"""Conditions that are kept of a part that has been run again."""
LIBRARIES = ("restorect-edge", "numpy", "pillow", "torch", "onnxruntime", "openvino")

Row = dict[str, Any]


def conditions(**more: Any) -> dict[str, Any]:
    """Return what the numbers depend on: processor, cores, versions and how busy the machine is now.

    Args:
        more: what is particular to the benchmark, such as threads and rounds.
    """
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": _versions(),
        "load_before": round(os.getloadavg()[0], 2),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **more,
    }


def result_path(name: str) -> Path:
    """Return ``results/<version>/<name>--host.json``."""
    return RESULTS / restorect_edge.__version__ / f"{name}--host.json"


def write(path: Path, name: str, facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a result file.

    Raises:
        ValueError: there are no rows, they have different keys, or a number is not finite.
    """
    result = {"name": name, "conditions": dict(facts), "rows": [dict(row) for row in rows]}
    check(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def report(
    path: Path,
    name: str,
    facts: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    line: str,
    exceeds: Callable[[Mapping[str, Any]], bool] = lambda row: False,
) -> int:
    """Write a result file, print its rows and its path, and return the exit code of a script.

    Args:
        path: of the file.
        name: of the result.
        facts: what the numbers depend on.
        rows: the numbers.
        line: format of what is printed of a row.
        exceeds: whether a row exceeds a limit, so that the code is 2.
    """
    write(path, name, facts, rows)
    for row in rows:
        print(line.format_map(row))
    print(path)
    return 2 if any(map(exceeds, rows)) else 0


def merged(
    before: Mapping[str, Any],
    facts: Mapping[str, Any],
    rows: Sequence[Row],
    key: Callable[[Row], Any],
    names: Sequence[str],
    stale: Callable[[Row], bool] = lambda row: False,
) -> tuple[dict[str, Any], list[Row]]:
    """Return conditions and rows of a result of which a part has been run again.

    Args:
        before: the result as it was; its conditions stay, and say under `run_again` what is new since when.
        facts: conditions of the part.
        rows: of the part; they take the places of those with their keys.
        key: what tells rows apart.
        names: of what has been run again.
        stale: whether a row of `before` belongs to the part, so that it goes where there is no new one.
    """
    new = {key(row): row for row in rows}
    kept = {key(row): row for row in before["rows"] if key(row) not in new and not stale(row)}
    order = dict.fromkeys(key(row) for row in (*before["rows"], *rows))
    again = {name: {part: facts[part] for part in AGAIN if part in facts} for name in names}
    conditions = before["conditions"]
    found = {**conditions, "run_again": {**conditions.get("run_again", {}), **again}}
    return found, [(kept | new)[each] for each in order if each in kept or each in new]


def read(path: Path) -> dict[str, Any]:
    """Read a result file and check it; raises ValueError as `write` does."""
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    check(result)
    return result


def check(result: Mapping[str, Any]) -> None:
    """Raise ValueError unless `result` has a name, conditions and rows with the same keys."""
    if result.keys() != KEYS:
        raise ValueError(f"a result has the keys {sorted(KEYS)}, got {sorted(result)}")
    rows = result["rows"]
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("a result has at least one row, and the same keys in each")
    for row in rows:
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"'{key}' is {value}")


def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
