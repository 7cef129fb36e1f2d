"""What a campaign found: JSON with its conditions, and a page of Markdown rendered from it."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _results import conditions, write
from robustness.parts import PARTS
from robustness.progress import Progress

__all__ = ["complete", "failed", "page", "write_report"]

EXAMPLES = 5
"""Cases that are named of each kind of failure."""


def write_report(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``report.json`` and ``report.md`` below `folder`, and return the former's content."""
    rows = [_row(name, Progress(folder / f"{name}.jsonl"), settings["units"][name]) for name in PARTS]
    facts = conditions(seed=settings["seed"], commit=_commit())
    path = folder / "report.json"
    write(path, "campaign", facts, rows)
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.with_suffix(".md").write_text(page(report), encoding="utf-8")
    return report


def _row(name: str, progress: Progress, planned: int) -> dict[str, Any]:
    kinds: dict[str, list[int]] = defaultdict(list)
    for number, row in sorted(progress.rows.items()):
        for kind in dict.fromkeys(failure.kind for failure in row.failures):
            kinds[kind].append(number)
    done = list(progress.rows.values())
    failures = [
        {"kind": kind, "cases": len(cases), "examples": [f"{name}:{number}" for number in cases[:EXAMPLES]]}
        for kind, cases in sorted(kinds.items(), key=lambda item: -len(item[1]))
    ]
    return {
        "part": name,
        "unit": PARTS[name].unit,
        "planned": planned,
        "tried": sum(row.units for row in done),
        "cases": len(done),
        "seconds": round(sum(row.seconds for row in done), 1),
        "failed_cases": sum(bool(row.failures) for row in done),
        "failures": failures,
        "facts": _totals([row.facts for row in done]),
    }


def _totals(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return sums of the cases' counts, and how many cases there were of each word."""
    totals: dict[str, Any] = {}
    for key, value in (item for row in facts for item in row.items()):
        if isinstance(value, str):
            counts = totals.setdefault(key, {})
            counts[value] = counts.get(value, 0) + 1
        elif isinstance(value, (int, float)):
            totals[key] = round(totals.get(key, 0) + value, 3)
    return totals


def _commit() -> str:
    here = Path(__file__).parent
    ran = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True)
    return ran.stdout.strip() or "unknown"


def failed(report: Mapping[str, Any]) -> bool:
    """Return whether anything failed."""
    return any(row["failed_cases"] for row in report["rows"])


def complete(report: Mapping[str, Any], parts: Sequence[str]) -> bool:
    """Return whether all that was planned of some parts has been tried."""
    return all(row["tried"] >= row["planned"] for row in report["rows"] if row["part"] in parts)


def page(report: Mapping[str, Any]) -> str:
    """Return a report as Markdown."""
    facts, rows = report["conditions"], report["rows"]
    whole = complete(report, list(PARTS))
    lines = [
        "# Robustness campaign" + ("" if whole else " (partial)"),
        "",
        f"Commit {facts['commit']}, seed {facts['seed']}, {facts['date']}; {facts['cpu']}, "
        f"{facts['cores']} cores, {facts['system']}, Python {facts['python']}, "
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        "",
        *[f"- {note}" for note in facts.get("notes", ())],
        *([""] if facts.get("notes") else []),
        "| part | tried | of | cases | failed cases | hours |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['part']} | {row['tried']} {row['unit']} | {row['planned']} | {row['cases']} "
        f"| {row['failed_cases']} | {row['seconds'] / 3600:.2f} |"
        for row in rows
    ]
    lines += [
        "",
        "Go on, or run again: `python tests/campaign/run.py -o OUT --seed N`",
        "",
        "## Failures",
        "",
    ]
    found = [(row, failure) for row in rows for failure in row["failures"]]
    lines += [
        f"- {failure['kind']}: {failure['cases']} cases; `--case {failure['examples'][0]}`"
        for _, failure in found
    ]
    lines += [] if found else ["None."]
    lines += ["", "## Counts", ""]
    lines += [f"- {row['part']}: {json.dumps(row['facts'])}" for row in rows if row["facts"]]
    return "\n".join(lines) + "\n"
