"""Make the artifacts that the package carries, so that the shipped weights run without PyTorch.

python export/ready.py            # those whose weights have changed
python export/ready.py --all      # every one
"""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import restorect_edge
from restorect_edge.artifact import Artifact, file_hash, hash_files
from restorect_edge.weights import locate
from restorect_edge.weights.ready import FOLDER

READY = {
    "lowlight-nano": ("fp32", "int8"),
    "lowlight-small": ("fp32", "int8"),
    "lowlight-open": ("fp32", "int8"),
    "backlit-small": ("fp32",),
    "underwater-small": ("fp32",),
    "fundus-small": ("fp32",),
}
"""Weights, and the precisions that they are carried in."""


def main() -> int:
    """Make what is missing or of other weights, and remove what is not listed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="make those of unchanged weights again too")
    args = parser.parse_args()
    wanted = {f"{name}-{precision}": (name, precision) for name in READY for precision in READY[name]}
    for left in FOLDER.glob("*") if FOLDER.is_dir() else ():
        if left.name not in wanted:
            shutil.rmtree(left)
    for folder, (name, precision) in wanted.items():
        if args.all or not is_current(FOLDER / folder, name):
            make(name, precision, FOLDER / folder)
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(f"{len(wanted)} artifacts in {FOLDER}, {size / 1e6:.1f} MB")
    return 0


def is_current(path: Path, name: str) -> bool:
    """Whether an artifact was made from the weights as they are now."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(manifest["weights"]["sha256"] == file_hash(locate(name)))


def make(name: str, precision: str, path: Path) -> None:
    """Export weights for ONNX Runtime, verified, and keep what running them needs."""
    with tempfile.TemporaryDirectory() as folder:
        made = restorect_edge.export(
            name,
            target="onnx",
            precision=precision,
            form="split",
            dynamic=True,
            output_dir=folder,
            progress=say,
        )
        shutil.rmtree(made.path / "golden")  # the shipped photographs are in the package already
        manifest = replace(made.manifest, files=hash_files(made.path))
        (made.path / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(made.path, path)
    # its hashes are checked once more, where it now lies
    Artifact.open(path)


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
