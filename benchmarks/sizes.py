"""Pictures of ever new sizes through one runtime: is the memory bounded?        (Linux)

    python benchmarks/sizes.py [--weights NAME] [--frames N] [-o FILE]

Resident memory is read every fifth of the way, in a process for each backend.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, write
from threads import EXPORTS

import restorect_edge

SIDES = (64, 400)
MARKS = 5


def main() -> int:
    options = _parser().parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.frames)))
        return 0
    facts = conditions(
        weights=options.weights, pictures=options.frames, sides=SIDES, memory="VmRSS, 10^6 bytes"
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for runtime, target in EXPORTS.items():
            artifact = restorect_edge.export(
                options.weights, target=target, form="split", dynamic=True, output_dir=folder
            )
            command = [sys.executable, __file__, "--child", str(artifact.path)]
            command += ["--frames", str(options.frames)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append({"runtime": runtime, **json.loads(done.stdout.splitlines()[-1])})
            print(rows[-1], flush=True)
    write(options.output, "sizes", facts, rows)
    print(options.output)
    return 0


def measure(source: str, count: int) -> dict[str, Any]:
    """Restore pictures of random sizes and return the resident memory along the way."""
    random = np.random.default_rng(0)
    marks, sizes = [], set()
    with restorect_edge.load(source) as runtime:
        for index in range(count + 1):
            size = tuple(int(side) for side in random.integers(*SIDES, 2))
            sizes.add(runtime.info.spec.size.padded(*size))
            runtime(np.zeros((*size, 3), np.uint8))
            if index % (count // MARKS) == 0:
                marks.append(_resident_mb())
        return {"provider": runtime.provider, "padded_sizes": len(sizes), "resident_mb": marks}


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kibibytes = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return round(kibibytes * 1024 / 1e6, 1)


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "sizes", weights="lowlight-small", frames=1500)
    found.add_argument("--child", help=argparse.SUPPRESS)
    return found


if __name__ == "__main__":
    sys.exit(main())
