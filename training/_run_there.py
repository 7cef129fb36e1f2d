"""Train what `training/move.py` packed, for so many minutes, and leave weights and log in a folder.

    python run.py --minutes 9 -o out

A few steps are timed first, and the run gets as many as fit, so that its learning rate comes to its end; a
checkpoint is written every tenth of them. Nothing but the standard library is needed to unpack.
"""

import argparse
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMED = 20
"""Steps that are timed."""
USED = 0.9
"""Share of the time that is filled with steps; validation and saving take the rest."""


def main() -> int:
    """Unpack, train and return the exit code."""
    args = _parser().parse_args()
    ends = time.monotonic() + 60 * args.minutes
    facts = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    args.output_dir.mkdir(parents=True, exist_ok=True)
    work = HERE / "work"  # not in the output: data need not travel back
    unpack(facts["parts"], work)
    steps = args.steps or fitting(facts["arguments"], work, args.timed, ends)
    command = _command(facts["arguments"], args.output_dir.resolve() / "run", steps)
    code = train([*command, "--validate-every", str(max(1, steps // 10))], work, ends, args.output_dir)
    if not (args.output_dir / "run" / "best.safetensors").is_file():
        print(f"error: no checkpoint was reached, see {args.output_dir / 'console.txt'}", file=sys.stderr)
        return code or 1
    print(f"weights and log are in {args.output_dir / 'run'}")
    return code


def unpack(parts: dict[str, str], folder: Path) -> None:
    """Join the parts and unpack them.

    Raises:
        SystemExit: a part is missing or not what was packed.
    """
    joined = io.BytesIO()
    for name, digest in parts.items():
        path = HERE / name
        if not path.is_file():
            raise SystemExit(f"error: '{name}' is missing: send all {len(parts)} parts")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise SystemExit(f"error: '{name}' is damaged: send it again")
        joined.write(content)
    joined.seek(0)
    with tarfile.open(fileobj=joined) as archive:
        archive.extractall(folder, filter="data")


def fitting(arguments: list[str], work: Path, steps: int, ends: float) -> int:
    """Return how many steps fit, by the seconds that a short run's own log counts."""
    run = work / "timed"
    subprocess.run(_command(arguments, run, steps), cwd=work, env=_environment(work), check=True)
    last = json.loads((run / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    rate = last["step"] / max(last["seconds"], 1e-6)
    fit = max(steps, int(USED * (ends - time.monotonic()) * rate))
    print(f"{rate:.1f} steps/s: {fit} steps", flush=True)
    return fit


def train(command: list[str], work: Path, ends: float, output: Path) -> int:
    """Run to the end, or stop it in time: the run saves itself then, and can be resumed."""
    with (output / "console.txt").open("w", encoding="utf-8") as console:
        child = subprocess.Popen(command, cwd=work, env=_environment(work), stdout=console, stderr=console)
        try:
            return child.wait(max(1.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGTERM)
            child.wait(60)
            return 0


def _command(arguments: list[str], output: Path, steps: int) -> list[str]:
    chosen = ["--iterations", str(steps), "-o", str(output)]
    return [sys.executable, "-m", "restorect_edge.train", *arguments, *chosen]


def _environment(work: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(work)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, required=True, help="of the whole, unpacking included")
    parser.add_argument("-o", "--output-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--timed", type=int, default=TIMED, metavar="STEPS", help="steps that are timed first"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="so many, instead of as many as fit")
    return parser


if __name__ == "__main__":
    sys.exit(main())
