"""One build in a process of its own: restores frames when it is asked to, so that builds take turns.

    python benchmarks/_stream_worker.py ARTIFACT HxW THREADS

Reads a number of frames per line from standard input, restores as many by `Runtime.stream`, 8-bit frames in
and out, and writes their wall and processor milliseconds. Runs against older versions of the package too.
"""

import itertools
import json
import sys
import time

import numpy as np

import restorect_edge
from restorect_edge.media.photos import photos

KEPT = 8
"""Frames that are shown in turns, each with noise of its own."""


def main() -> None:
    artifact, sides, threads = sys.argv[1:4]
    height, width = map(int, sides.split("x"))
    scene = next(iter(photos((height, width)).values()))
    random = np.random.default_rng(0)
    noisy = [np.clip(scene + random.normal(0, 3, scene.shape), 0, 255).astype(np.uint8) for _ in range(KEPT)]
    with restorect_edge.load(artifact, threads=int(threads) or None) as runtime:
        print(json.dumps({"provider": runtime.provider}), flush=True)
        for line in sys.stdin:
            frames = itertools.islice(itertools.cycle(noisy), int(line))
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in runtime.stream(frames):
                pass
            took = {"ms": 1e3 * (time.perf_counter() - wall), "cpu_ms": 1e3 * (time.process_time() - cpu)}
            print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
