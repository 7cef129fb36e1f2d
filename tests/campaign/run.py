"""A robustness campaign: mutated pictures and artifacts, kills, threads, full and read-only disks.

    python tests/campaign/run.py -o out/campaign                     (make campaign; hours)
    python tests/campaign/run.py -o out/campaign --parts images artifacts
    python tests/campaign/run.py -o out/campaign --images 100 --artifacts 20 --kills 5 --disks 6 --seconds 60
    python tests/campaign/run.py -o out/campaign --case images:17    (one case again, its input kept)

A campaign that was ended goes on where it was with the same command: finished cases are in
OUT/PART.jsonl. The inputs of every case that failed are in OUT/failures/PART-CASE. Parts may run side by
side, each by a command of its own. OUT/report.json and OUT/report.md say what was tried and what failed.
Nothing that it does needs more than Linux and the extra 'all'; full disks are tmpfs where it may mount, else
limits on file sizes.

Exits with 2 where anything failed, and with 3 where not everything that was asked for has been tried yet.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1]), str(HERE.parents[1] / "benchmarks")]

from robustness.base import artifacts  # noqa: E402
from robustness.parts import PARTS, run_part  # noqa: E402
from robustness.progress import Progress  # noqa: E402
from robustness.report import complete, failed, write_report  # noqa: E402

OPTIONS = {
    "images": "images",
    "artifacts": "artifacts",
    "kills": "kills",
    "storage": "disks",
    "threads": "seconds",
}
"""Option that sets how much of a part is tried."""


def parser() -> argparse.ArgumentParser:
    """Return the parser."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder of the campaign")
    p.add_argument("--seed", type=int, default=0, help="decides every case; default 0")
    p.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), help="default: all")
    for name, part in PARTS.items():
        p.add_argument(
            f"--{OPTIONS[name]}",
            type=int,
            default=part.units,
            metavar="N",
            help=f"{part.unit}, default {part.units}",
        )
    p.add_argument("--base", type=Path, metavar="DIR", help="artifacts to use; default: made below OUT")
    p.add_argument("--verbs", nargs="+", metavar="VERB", help="of kills and storage; default: all that write")
    p.add_argument("--case", metavar="PART:N", help="run one case again")
    p.add_argument("--report", action="store_true", help="write the report of what has been tried, and stop")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run a campaign, or go on with it, and return the exit code."""
    args = parser().parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = args.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(args, folder)
    if not args.report:
        settings["artifacts"] = artifacts(args.base or folder / "base")
    if args.case:
        name, _, number = args.case.partition(":")
        run_part(name, folder, settings, [int(number)], Progress(folder / f"{name}.jsonl"))
    elif not args.report:
        for name in args.parts:
            run_part(name, folder, settings, None, Progress(folder / f"{name}.jsonl"))
    report = write_report(folder, settings)
    print(folder / "report.md")
    return 2 if failed(report) else 0 if complete(report, args.parts) else 3


def _settings(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return what decides the cases; a campaign goes on with the seed that it began with."""
    path = folder / "campaign.json"
    if path.is_file() and json.loads(path.read_text())["seed"] != args.seed:
        sys.exit(f"'{folder}' holds a campaign of another seed: give --seed as it was, or another folder")
    path.write_text(json.dumps({"seed": args.seed}) + "\n")
    units = {name: getattr(args, option) for name, option in OPTIONS.items()}
    return {"seed": args.seed, "units": units, "artifacts": {}, "verbs": args.verbs}


if __name__ == "__main__":
    sys.exit(main())
