"""Which runtime gives the picture of PyTorch, for which frames, and how long does a frame take?

    python benchmarks/runtimes.py [--only python,cpp,gstreamer,web,kotlin] [--rounds N] [--work DIR]

Runs the golden vectors (`runtimes/golden/`) through every runtime that runs here: the Python backends, the
C++ runner and the GStreamer element (cmake, ninja and the packages of their READMEs), the web package in
headless Chromium (Node and npm) and the Kotlin module (kotlinc), whose network runs in another process.
Writes the result and, between its markers, the table of `runtimes/README.md`. What needs another machine is
listed as `not compiled here` or `not run on device`. With `--only`, the lines of others stay as the result
file has them, and its conditions say what was run again. Exits with 2 where a vector fails. `--work` keeps
builds and artifacts, so that a second run of the same version measures without making them again.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from _golden import ELSEWHERE, RUNTIMES, cpp, gstreamer, kotlin, python, web
from _options import parser
from _results import conditions, merged, read, write
from _runtimes_table import replace_table, table
from tqdm import tqdm

PAGE = RUNTIMES / "README.md"
RUNNERS = ("python", "cpp", "gstreamer", "web", "kotlin")

Row = dict[str, Any]


def main() -> int:
    options = _parser().parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(RUNNERS):
        sys.stderr.write(f"unknown runners {', '.join(sorted(unknown))}; known: {', '.join(RUNNERS)}\n")
        return 1
    facts = conditions(rounds=options.rounds, timed="640x480, conversion and restoration", threads=1)
    with tempfile.TemporaryDirectory() as scratch, tqdm(desc="vectors", unit="line") as bar:
        work = (options.work or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        rows = []
        for row in _distinct(_all(chosen, options.rounds, work)):
            rows.append(row)
            bar.set_postfix_str(f"{row['runtime']} {row['form']} {row['format']}")
            bar.update()
    if set(chosen) < set(RUNNERS) and options.output.is_file():
        facts, rows = _merged(read(options.output), chosen, facts, rows)
    write(options.output, "runtimes", facts, rows)
    replace_table(options.page, table(rows, facts))
    return _report(rows, options.output)


def _all(chosen: Sequence[str], rounds: int, scratch: Path) -> Iterator[Row]:
    if "python" in chosen:
        yield from python(rounds, scratch)
    if "cpp" in chosen:
        yield from cpp(rounds, scratch)
    if "gstreamer" in chosen:
        yield from gstreamer(rounds, scratch)
    if "web" in chosen:
        yield from web(rounds, scratch)
    if "kotlin" in chosen:
        yield from kotlin(scratch)


def _distinct(lines: Iterator[Row]) -> Iterator[Row]:
    """Yield each line once, with its status, and a row for each runtime of other machines."""
    seen = set()
    for line in lines:
        if _key(line) not in seen:
            seen.add(_key(line))
            yield {**line, "status": "run here"}
    for name, status in ELSEWHERE.items():
        nothing = dict.fromkeys(("precision", "format", "form", "vectors", "passed", "max_difference"))
        yield {"runtime": name, **nothing, "ms_640x480": None, "status": status}


def _merged(before: Row, chosen: Sequence[str], facts: Row, rows: Sequence[Row]) -> tuple[Row, list[Any]]:
    """Return conditions and lines of a result in which those of the chosen runners are new."""
    ran = [row for row in rows if row["status"] == "run here"]
    return merged(before, facts, ran, _key, chosen, lambda row: _runner(row) in chosen)


def _key(row: Row) -> tuple[Any, ...]:
    return row["runtime"], row["precision"], row["format"], row["form"]


def _runner(row: Row) -> str:
    """Return which runner a line is of: the runtimes of Python bear the names of backends."""
    if row["status"] != "run here":
        return ""
    return next((name for name in RUNNERS if row["runtime"].split("-")[0] == name), "python")


def _report(rows: Sequence[Row], path: Path) -> int:
    ran = [row for row in rows if row["vectors"]]
    failed = [row for row in ran if row["passed"] < row["vectors"]]
    for row in failed:
        print(
            f"{row['runtime']} {row['precision']} {row['form']} {row['format']}: "
            f"{row['passed']} of {row['vectors']} vectors, {row['max_difference']} levels off"
        )
    print(f"{sum(row['passed'] for row in ran)} of {sum(row['vectors'] for row in ran)} vectors passed")
    print(path)
    return 2 if failed else 0


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "runtimes")
    found.add_argument("--only", default=",".join(RUNNERS), help="of these (default: %(default)s)")
    found.add_argument("--rounds", type=int, default=25, help="timed frames; 0: none (default: %(default)s)")
    found.add_argument("--work", type=Path, help="keep builds and artifacts here")
    found.add_argument("--page", type=Path, default=PAGE, help="Markdown with the table's markers")
    return found


if __name__ == "__main__":
    sys.exit(main())
