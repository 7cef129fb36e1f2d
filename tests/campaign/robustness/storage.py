"""Part `storage`: disks that are full, read-only or in the way, under every command that writes."""

import os
import random
import resource
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from robustness.judging import Done, leftovers, of_command
from robustness.kills import ended, undisturbed
from robustness.progress import Failure, Row, draw, fresh
from robustness.verbs import VERBS, finished, inputs
from robustness.worker import forked

from restorect_edge.cli.verbs import main

__all__ = ["case"]

LIMIT = 600.0
KINDS = ("full", "full", "full", "small files", "read-only", "in the way", "no folder", "full temporary")


def case(
    *, number: int, seed: int, artifacts: dict[str, str], folder: str, verbs: list[str] | None = None
) -> Row:
    """Let a command write where it cannot, or cannot write all."""
    warnings.simplefilter("ignore")
    unmounted(Path(folder) / "disk")
    rng, work = draw(seed, "storage", number), fresh(Path(folder))
    root, chosen = work.parents[1], verbs or sorted(VERBS)
    verb = chosen[number % len(chosen)]
    kind = rng.choice(KINDS)
    context = {"artifact": artifacts.get("onnx") or next(iter(artifacts.values()))}
    data = inputs(root / "inputs")
    wanted, _ = undisturbed(verb, root, data, context)
    size = sum(path.stat().st_size for path in (root / "undisturbed" / verb).rglob("*") if path.is_file())
    with _disk(kind, work, rng, size) as (out, prepare, how):
        done = _done(VERBS[verb].arguments(data, out, context), work / "err", prepare)
        failures = [*_judged(verb, kind, done, out, wanted)]
    facts = {"verb": verb, "kind": how, f"exits with {done.code}": 1}
    detailed = [Failure(failure.kind, f"{how}: {failure.detail}") for failure in failures]
    return Row(case=number, failures=detailed, facts=facts)


def _done(arguments: list[str], err: Path, prepare: Callable[[], None]) -> Done:
    child = forked(main, arguments, err, prepare)
    code = ended(child, LIMIT)
    if code is None:
        os.kill(child, 9)
        ended(child, 60)
    return Done(99 if code is None else code, "", err.read_text(encoding="utf-8", errors="replace"))


Disk = tuple[Path, Callable[[], None], str]


@contextmanager
def _disk(kind: str, work: Path, rng: random.Random, size: int) -> Iterator[Disk]:
    """Yield an output folder, what the command's process has to do first, and what is wrong there.

    Without the right to mount, a limit on the size of files stands for a full disk.
    """
    disk, nothing = work / "disk", lambda: None
    disk.mkdir()
    room = max(4096, int(size * rng.random() * 1.1))
    try:
        if kind == "in the way":
            (disk / "out").write_text("a file")
            yield disk / "out", nothing, kind
        elif kind == "no folder":
            yield Path(rng.choice(("/proc/nope", "/dev/null/x", "/sys/nope/x"))), nothing, kind
        elif kind == "small files" or not _mounted(disk, room):
            limit = max(512, int(room * rng.random() * 0.3))
            yield disk / "out", partial(_limit, limit), "small files"
        elif kind == "full temporary":
            yield work / "out", partial(os.environ.update, {"TMPDIR": str(disk)}), kind
        else:
            (disk / "out").mkdir()
            if kind == "read-only":
                subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            yield disk / "out", nothing, kind
    finally:
        unmounted(disk)


def _mounted(disk: Path, room: int) -> bool:
    options = f"size={-(-room // 4096) * 4}k"
    ran = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "campaign", str(disk)], capture_output=True)
    return ran.returncode == 0


def unmounted(disk: Path) -> None:
    """Unmount a disk that a case, or a campaign that was killed, has mounted."""
    for _ in range(50):
        if (
            not os.path.ismount(disk)
            or not subprocess.run(["umount", str(disk)], capture_output=True).returncode
        ):
            return
        time.sleep(0.1)


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _judged(verb: str, kind: str, done: Done, out: Path, wanted: dict[str, Any]) -> Iterator[Failure]:
    if done.code == 99:
        yield Failure(f"{verb}: hangs, {kind}")
        return
    yield from of_command(done, verb)
    if kind in ("in the way", "no folder", "read-only") and done.code == 0:
        yield Failure(f"{verb}: exit code 0 where nothing can be written", kind)
    for left in leftovers(out) if out.is_dir() else ():
        yield Failure(f"{verb}: a partial file is left, {kind}", left)
    found: dict[str, Any] = {}
    try:
        found = finished(out) if out.is_dir() else {}
    except Exception as error:
        yield Failure(f"{verb}: half-written output has a finished name, {kind}", str(error))
        return
    if done.code == 0 and wanted.keys() - found.keys():
        yield Failure(
            f"{verb}: exit code 0 and not all is there, {kind}", str(sorted(wanted.keys() - found.keys()))
        )
    if VERBS[verb].exact and verb != "train":
        for name in sorted(found.keys() & wanted.keys()):
            if found[name] != wanted[name]:
                yield Failure(f"{verb}: another result than undisturbed, {kind}", name)
