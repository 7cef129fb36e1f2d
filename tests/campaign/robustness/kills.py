"""Part `kills`: SIGKILL and SIGTERM at random moments of run, export, calibrate and train."""

import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from robustness.judging import Done, leftovers, of_command
from robustness.progress import Failure, Row, draw, fresh
from robustness.verbs import VERBS, clean, finished, inputs
from robustness.worker import forked

from restorect_edge.cli.verbs import main

__all__ = ["case", "ended", "undisturbed"]

CHAIN = 5
"""Kills in a row, each of a command that goes on after the last, before one is let finish."""
KILLED = ("run", "export", "calibrate", "train")
LIMIT = 600.0
"""Seconds after which an undisturbed command counts as hanging."""
PROCESSES = 0.2
"""Share of the chains whose commands are processes of their own, instead of copies of this one."""


def case(
    *, number: int, seed: int, artifacts: dict[str, str], folder: str, verbs: list[str] | None = None
) -> Row:
    """Kill a command five times, let it go on each time, then let it finish."""
    warnings.simplefilter("ignore")
    rng, work = draw(seed, "kills", number), fresh(Path(folder))
    root = work.parents[1]
    chosen = verbs or KILLED
    verb = chosen[number % len(chosen)]
    if verb == "export" and rng.random() < 0.4:
        verb = "export openvino"
    context = {"artifact": artifacts.get("onnx") or next(iter(artifacts.values()))}
    chain = _Chain(verb, rng, inputs(root / "inputs"), work, context)
    chain.wanted, chain.took = undisturbed(verb, root, chain.data, context)
    failures = [failure for _ in range(CHAIN) for failure in chain.kill()]
    failures += chain.finish()
    facts = {"verb": verb, **chain.facts}
    return Row(case=number, units=CHAIN, failures=failures, facts=facts)


def undisturbed(verb: str, root: Path, data: Path, context: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Return what a command finishes, and the seconds that it takes; found out once in a campaign."""
    kept = root / "undisturbed" / f"{verb}.pickle"
    if not kept.is_file():
        out = fresh(root / "undisturbed" / verb)
        started = time.monotonic()
        wanted = clean(verb, data, out, context)
        partial = kept.with_suffix(".partial")
        partial.write_bytes(pickle.dumps((wanted, time.monotonic() - started)))
        partial.rename(kept)
    found: tuple[dict[str, Any], float] = pickle.loads(kept.read_bytes())
    return found


class _Chain:
    """One output folder, and the commands that are killed while they write to it."""

    def __init__(
        self, verb: str, rng: random.Random, data: Path, work: Path, context: dict[str, Any]
    ) -> None:
        self.verb, self.rng, self.data, self.work, self.context = verb, rng, data, work, context
        self.out = work / "out"
        self.out.mkdir()
        self.wanted: dict[str, Any] = {}
        self.took = 0.0
        self.replaces = False
        self.own = rng.random() < PROCESSES
        self.done: set[str] = set()
        self.facts = {
            "kills that hit": 0,
            "kills while it wrote": 0,
            "left by a kill": 0,
            "processes": int(self.own),
        }

    def start(self) -> int:
        """Start the command, to go on where there is something to go on from, and return its number."""
        arguments = VERBS[self.verb].arguments(self.data, self.out, self.context)
        arguments += VERBS[self.verb].again(self.out) + ["--overwrite"] * self.replaces
        err = self.work / "err"
        if not self.own:
            return forked(main, arguments, err, lambda: None)
        with err.open("wb") as stream:
            child = subprocess.Popen(
                [sys.executable, "-m", "restorect_edge", *arguments], stdout=subprocess.DEVNULL, stderr=stream
            )
        child.returncode = 0  # this process waits for it itself
        return child.pid

    def kill(self) -> Iterator[Failure]:
        """Start the command, kill it, and look at what is there."""
        number = self.rng.choice((signal.SIGKILL, signal.SIGTERM))
        child = self.start()
        writing = self.rng.random() < 0.6
        self._wait(child, writing)
        with suppress(ProcessLookupError):
            os.kill(child, number)
        code = ended(child, 120)
        if code is None:
            yield Failure(f"{self.verb}: does not end on {number.name}", self._err())
            os.kill(child, signal.SIGKILL)
            ended(child, 60)
        else:
            if code == -signal.SIGINT:  # Python ends so after exec was interrupted; a shell shows it as 130
                code = 130
            hit = code in (-number, 130)
            self.facts["kills that hit"] += hit
            self.facts["kills while it wrote"] += hit and writing
            if not hit:
                yield from self._refused(code)
            elif number == signal.SIGTERM:
                yield from of_command(
                    Done(code, "", self._err()), f"{self.verb} on SIGTERM", interrupted=True
                )
        self.facts["left by a kill"] += bool([*leftovers(self.out)])
        yield from self._whole(f"after {number.name}")

    def finish(self) -> Iterator[Failure]:
        """Let the command finish, and compare with what it writes undisturbed."""
        code = ended(self.start(), LIMIT)
        if code is None:
            yield Failure(f"{self.verb}: hangs after kills", self._err())
            return
        yield from self._refused(code)
        yield from self._whole("at the end")
        if code == 0:
            missing = sorted(self.wanted.keys() - self.done)
            if missing:
                yield Failure(
                    f"{self.verb}: unfinished at the end", f"{len(missing)} missing, such as {missing[0]}"
                )
            for left in leftovers(self.out):
                yield Failure(f"{self.verb}: a partial file is left at the end", left)

    def _wait(self, child: int, writing: bool) -> None:
        """Wait for the moment: any of the run, or shortly after something changes in the folder."""
        begun, until = time.monotonic(), self.rng.uniform(0, 1.1) * self.took
        before, changes = _state(self.out), self.rng.choice((1, 2, 3, 6, 12))
        while time.monotonic() - begun < (LIMIT if writing else until):
            if _has_ended(child):
                return
            if writing and (state := _state(self.out)) != before:
                before, changes = state, changes - 1
                if not changes:
                    time.sleep(self.rng.choice((0.0, 0.001, 0.02)))
                    return
            time.sleep(0.0005 if writing else 0.005)

    def _refused(self, code: int) -> Iterator[Failure]:
        """Judge a command that came to its own end: it may say that all is done, and nothing else."""
        yield from of_command(Done(code, "", self._err()), self.verb)
        complete = not self.wanted.keys() - self.done
        if code and re.search(r"\bexists?\b", self._err()):  # one of them, or several
            if complete or self.verb != "run":
                return
            yield Failure("run: does not go on with a folder of which some is restored", self._err())
            self.replaces = True
        elif code:
            yield Failure(f"{self.verb}: fails after a kill", self._err())

    def _whole(self, when: str) -> Iterator[Failure]:
        """Judge what has the name of something finished: it is whole, right, and none has gone."""
        try:
            found = finished(self.out)
        except Exception as error:
            yield Failure(f"{self.verb}: half-written output has a finished name", f"{when}: {error}")
            return
        lost = self.done - found.keys()
        waiting = {name for name in lost if [*self.out.glob(f".partial-{name}*-old")]}
        if lost - waiting:
            yield Failure(f"{self.verb}: finished work is lost", f"{when}: {sorted(lost)}")
        self.done |= found.keys() & self.wanted.keys()
        if VERBS[self.verb].exact and self._comparable(when):
            for name in sorted(found.keys() & self.wanted.keys()):
                if found[name] != self.wanted[name]:
                    yield Failure(f"{self.verb}: another result than undisturbed", f"{when}: {name}")

    def _comparable(self, when: str) -> bool:
        return self.verb != "train" or when == "at the end"

    def _err(self) -> str:
        return (self.work / "err").read_text(encoding="utf-8", errors="replace")[-1500:]


def _state(folder: Path) -> list[str]:
    return sorted(f"{root}/{name}" for root, folders, files in os.walk(folder) for name in (*folders, *files))


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def ended(child: int, limit: float) -> int | None:
    """Wait for a process and return its code, a signal's negative; None where it goes on."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if _has_ended(child):
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.005)
    return None
