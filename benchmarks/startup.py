"""How long a command takes before it does anything: ``VERB --help`` in a process of its own, beside NumPy.

    python benchmarks/startup.py [--rounds N] [-o FILE]

Verbs take turns, one process each. Processor time is the process's own, and says on a busy machine what wall
time does not; what the limit is for is wall time on an idle one. Exits with 2 where the processor time of a
verb is above 0.35 s more than that of Python with NumPy.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

from _options import parser
from _results import conditions, write
from tqdm import tqdm

from restorect_edge.cli.verbs import VERBS

LIMIT_S = 0.35
BARE = "python -c 'import numpy'"
COMMANDS = {BARE: ["-c", "import numpy"]} | {
    verb: ["-m", f"restorect_edge.{verb}", "--help"] for verb in VERBS
}


def main() -> int:
    options = parser(__doc__, "startup", rounds=15).parse_args()
    facts = conditions(rounds=options.rounds, order="in turns, one process each", limit_s=LIMIT_S)
    wall: dict[str, list[float]] = {name: [] for name in COMMANDS}
    own: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in tqdm(range(-1, options.rounds), unit="round", file=sys.stderr, disable=None):
        for name, command in COMMANDS.items():
            took, used = measured(command)
            if number >= 0:  # the first round fills the system's cache
                wall[name].append(took)
                own[name].append(used)
    bare = median(own[BARE])
    rows = [
        {
            "command": name,
            "wall_s": round(median(wall[name]), 4),
            "processor_s": round(median(own[name]), 4),
            "beyond_numpy_s": round(median(own[name]) - bare, 4),
        }
        for name in COMMANDS
    ]
    write(options.output, "startup", facts, rows)
    for row in rows:
        print(f"{row['command']:<26} {row['wall_s']:7.3f} s wall {row['processor_s']:7.3f} s of processor")
    return 2 if any(row["beyond_numpy_s"] > LIMIT_S for row in rows) else 0


def measured(command: Sequence[str]) -> tuple[float, float]:
    """Return the wall time and the processor time of a process of this Python, in s."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return took, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
