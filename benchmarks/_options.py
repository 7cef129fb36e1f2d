"""The command line that the benchmarks have in common."""

import argparse
from pathlib import Path
from typing import Any

from _results import result_path

__all__ = ["parser", "stated"]

OPTIONS = {
    "weights": (str, "name or file"),
    "threads": (int, "CPU threads"),
    "rounds": (int, "how often each takes its turn"),
    "trials": (int, "how often the experiment is made"),
    "frames": (int, "of each scene"),
    "size": (str, "HxW"),
    "batch": (int, "samples per step"),
    "patch": (int, "side of a sample in pixels"),
}


def stated(options: argparse.Namespace) -> dict[str, Any]:
    """Return those of `OPTIONS` that a script takes, as they were given: conditions of its result."""
    return {name: value for name, value in vars(options).items() if name in OPTIONS}


def parser(doc: str | None, name: str, **defaults: str | float) -> argparse.ArgumentParser:
    """Return a parser that knows ``--output``, and more of `OPTIONS`.

    Args:
        doc: of the script, whose first line is the description.
        name: of the result, which `--output` is named after.
        defaults: of those of `OPTIONS` that the script takes.
    """
    assert doc
    found = argparse.ArgumentParser(description=doc.splitlines()[0])
    for option, default in defaults.items():
        kind, meaning = OPTIONS[option]
        found.add_argument(
            f"--{option}", type=kind, default=default, help=f"{meaning} (default: %(default)s)"
        )
    found.add_argument("-o", "--output", type=Path, default=result_path(name), help="result file")
    return found
