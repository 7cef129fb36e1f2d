"""The parts of a campaign: what a case of each is, how many there are, and how they are run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustness.client import Worker
from robustness.progress import Progress, Row, keep

__all__ = ["PARTS", "Part", "run_part"]

TORCH = ("torch", "restorect_edge.export.verify.check", "restorect_edge.export.verify.reference")
BACKENDS = ("onnxruntime", "openvino")


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the table."""

    call: str
    """``module:function`` of a case, which is called by keyword and returns a `Row`.

    Arguments of all: `number` of the case, `seed` of the campaign, `artifacts` (their directories by name)
    and the `folder` to work in, beside which the part keeps what its cases share. Kills and storage are also
    given `verbs`, to take in turn, or None for all; threads `seconds`, of all cases together.
    """
    units: int
    """What a full campaign tries."""
    unit: str
    per_case: int
    timeout: float
    """Seconds after which a case counts as a hang."""
    fork: bool = False
    """Whether each case has a process of its own."""
    libraries: tuple[str, ...] = ()
    """What that process has imported already."""

    def cases(self, units: int) -> int:
        """Return how many cases try so many units."""
        return -(-units // self.per_case)


PARTS: Mapping[str, Part] = {
    "images": Part("robustness.images:case", 10_000, "pictures", 10, 600),
    "artifacts": Part(
        "robustness.artifacts:case", 1_000, "artifacts", 1, 300, fork=True, libraries=(*TORCH, *BACKENDS)
    ),
    "kills": Part("robustness.kills:case", 100, "kills", 5, 3600, libraries=(*TORCH, "nncf")),
    "storage": Part("robustness.storage:case", 100, "disks", 1, 900, libraries=TORCH),
    "threads": Part("robustness.threads:case", 3600, "seconds", 3600, 7200),
}


def run_part(
    name: str, folder: Path, settings: Mapping[str, Any], numbers: list[int] | None, progress: Progress
) -> None:
    """Run the cases of a part that have not been run, or those that are named.

    Args:
        name: of the part.
        folder: of the campaign.
        settings: seed, units, artifacts and verbs.
        numbers: cases to run again; None goes on.
        progress: of the part.
    """
    part = PARTS[name]
    pending = progress.pending(part.cases(settings["units"][name])) if numbers is None else numbers
    with Worker(folder / f"{name}.log") as worker:
        for count, number in enumerate(pending, 1):
            row = _one(worker, name, number, folder, settings)
            progress.add(row)
            if row.failures or count % 50 == 0 or count == len(pending):
                found = "".join(f"\n  {failure.kind}" for failure in row.failures)
                print(f"{name} {number}: {count} of {len(pending)} cases{found}", flush=True)


def _one(worker: Worker, name: str, number: int, folder: Path, settings: Mapping[str, Any]) -> Row:
    part, work = PARTS[name], folder / "work" / f"{name}-{number}"
    arguments: dict[str, Any] = {
        "number": number,
        "seed": settings["seed"],
        "artifacts": settings["artifacts"],
        "folder": str(work),
    }
    if name in ("kills", "storage"):
        arguments["verbs"] = settings["verbs"]
    if name == "threads":
        arguments["seconds"] = settings["units"][name]
    limit = part.timeout + (arguments.get("seconds") or 0)
    lean = name in ("kills", "storage") and settings["verbs"] is not None
    libraries = () if lean else part.libraries
    row = worker.ask(part.call, arguments, fork=part.fork, timeout=limit, libraries=libraries)
    if row.failures:
        keep(work, folder / "failures")
    return row if row.units != 1 else _with_units(row, part, settings["units"][name], number)


def _with_units(row: Row, part: Part, units: int, number: int) -> Row:
    """Count a case that crashed as what it was to try."""
    planned = min(part.per_case, units - number * part.per_case) if row.failures else row.units
    return Row(
        case=row.case, units=max(1, planned), seconds=row.seconds, failures=row.failures, facts=row.facts
    )
