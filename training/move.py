"""Pack a training run, so that it can move to a machine with a GPU: code, data and start weights, in parts.

    python training/move.py -o bundle --data pairs/train --validation pairs/val --init lowlight-small \\
        -- student --preset base --batch 64 --learning-rate 0.002 --prior-rate 0 --window 1
    python bundle/run.py --minutes 9 -o out        # there: joins, unpacks, trains, writes weights and log

The bundle is a folder of files of at most 24 MiB, with their hashes, and `run.py`, which needs what
`restorect-edge[train]` installs, and no network. Data go as they are, since compressed pictures are the
smallest cache; they are decoded once at the start.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from restorect_edge.errors import RestorectError, UsageError
from restorect_edge.weights import locate

PART = 24 * 2**20
"""Most bytes of a part."""
RUNNER = Path(__file__).with_name("_run_there.py")
CODE = Path(__file__).parents[1] / "restorect_edge"


def main(argv: list[str] | None = None) -> int:
    """Pack, and return the exit code."""
    args = _parser().parse_args(argv)
    try:
        parts = pack(args)
    except RestorectError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{args.output_dir}: {len(parts)} parts, {sum(p.stat().st_size for p in parts) / 2**20:.1f} MiB")
    return 0


def pack(args: argparse.Namespace) -> list[Path]:
    """Write the bundle and return its parts.

    Raises:
        UsageError: nothing to pack, or a bundle is there already.
    """
    for folder in (*args.data, args.validation):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"no data at '{folder}': it must be a folder")
    if args.output_dir.exists() and any(args.output_dir.iterdir()):
        raise UsageError(f"'{args.output_dir}' is not empty: give another folder, or delete it")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as whole:
        with tarfile.open(fileobj=whole, mode="w") as archive:
            for name, path in contents(args):
                archive.add(path, name, filter=_plain)
        whole.seek(0)
        parts = list(split(whole, args.output_dir, args.part_bytes))
    facts = {
        "parts": {part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in parts},
        "arguments": arguments(args),
    }
    (args.output_dir / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(RUNNER, args.output_dir / "run.py")
    return parts


def contents(args: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """Yield what goes along, by its name there; start weights with their card."""
    yield "restorect_edge", CODE
    for index, folder in enumerate(args.data):
        yield f"data{index}", folder
    if args.validation is not None:
        yield "validation", args.validation
    if args.init is not None:
        path = locate(args.init)
        yield "init.safetensors", path
        if path.with_suffix(".json").is_file():
            yield "init.json", path.with_suffix(".json")


def arguments(args: argparse.Namespace) -> list[str]:
    """Return the command's arguments as they are there; bfloat16 throughout unless said otherwise."""
    found = list(args.command)
    for index in range(len(args.data)):
        found += ["--data", f"data{index}"]
    if args.validation is not None:
        found += ["--validation", "validation"]
    if args.init is not None:
        found += ["--init", "init.safetensors"]
    return found if "--amp" in found or found[0] == "prior" else [*found, "--amp", "1.0"]


def split(whole: Iterable[bytes], folder: Path, most: int) -> Iterator[Path]:
    """Cut a stream into files of at most so many bytes."""
    index = 0
    while block := whole.read(most):  # type: ignore[attr-defined]
        part = folder / f"part-{index:03d}.bin"
        part.write_bytes(block)
        yield part
        index += 1


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out caches, and who packed it and when, so that the same content gives the same bytes."""
    if "__pycache__" in entry.name:
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--validation", type=Path, metavar="DIR")
    parser.add_argument("--init", metavar="NAME|PATH", help="weights to begin with")
    parser.add_argument("--part-bytes", type=int, default=PART, metavar="N", help="most bytes of a part")
    parser.add_argument("command", nargs="+", help="after --: what restorect_edge.train is given")
    return parser


if __name__ == "__main__":
    sys.exit(main())
