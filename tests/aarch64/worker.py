"""Restores pictures with artifacts and writes what comes out; runs on x86 and on emulated arm64 alike.

python worker.py JOBS.json OUT.npz
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np

import restorect_edge


def main() -> None:
    """Run every job: an artifact and the pictures of its golden folder, as float32."""
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {"machine": np.array(platform.machine()), "python": np.array(platform.python_version())}
    for name, path in jobs["artifacts"].items():
        with restorect_edge.load(path, threads=1) as restore:
            found[f"{name}/provider"] = np.array(restore.provider)
            for key, picture in np.load(jobs["pictures"]).items():
                found[f"{name}/{key}"] = restore(picture.astype(np.float32) / np.float32(255))
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
