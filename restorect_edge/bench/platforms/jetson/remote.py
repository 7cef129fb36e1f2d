"""The kit on a board over ssh: copy it, run it, fetch what it measured.

Every step can be repeated: a copy goes on where it broke off, the kit keeps each row that is done, and a
lost connection is tried again. While it runs, the board hears a sign of life every few seconds and stops,
everything put back, when there is none.
"""

import hashlib
import io
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import TypeVar

from restorect_edge.bench.measure.protocol import FREE_SHAPES
from restorect_edge.bench.measure.record import RecordError, Report
from restorect_edge.bench.platforms.jetson.bundle import FOLDER, Kit, Shape, bundle
from restorect_edge.bench.platforms.jetson.ssh import LOST, ConnectionLostError, Shell
from restorect_edge.errors import BackendError, of_exit_code
from restorect_edge.utils.files import replacing

__all__ = ["Fetched", "RunOptions", "remote"]

REPORT = "report.json"
PYTHON = "python3"
"""The board's interpreter: JetPack's own has TensorRT."""
PAUSES_S = (1.0, 5.0, 15.0)
"""Before each further try after a lost connection."""

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the kit is asked to do; None leaves it to the kit."""

    power_modes: tuple[str, ...] = ()
    """Names such as ``15W``; empty: two, the board's default and the one that allows most."""
    lock_clocks: bool = False
    """Run ``jetson_clocks``, and undo it afterwards."""
    duration_s: float | None = None
    """Least time that the timed runs of a row take together."""
    sustained_s: float | None = None
    """Time of the run that power is measured over."""
    more: tuple[str, ...] = ()
    """Further arguments of the kit's script, as they are."""

    def arguments(self) -> list[str]:
        """Return the arguments of the kit's script."""
        found = ["--power-mode", *self.power_modes] if self.power_modes else []
        found += ["--lock-clocks"] if self.lock_clocks else []
        found += ["--duration", f"{self.duration_s:g}"] if self.duration_s is not None else []
        found += ["--sustained", f"{self.sustained_s:g}"] if self.sustained_s is not None else []
        return [*found, *self.more]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came back from a board."""

    path: Path
    """The report, JSON as `restorect_edge.bench.measure.record.Report` reads it."""
    report: Report
    table: str
    """The rows as Markdown, as the board printed them."""


def remote(
    host: str,
    artifacts: Sequence[Path | str],
    output_dir: Path,
    *,
    shapes: Sequence[Shape] = FREE_SHAPES,
    options: RunOptions = RunOptions(),
    ssh: Sequence[str] = ("ssh",),
    progress: Progress = lambda message: None,
) -> Fetched:
    """Measure artifacts on a Jetson: make the kit, copy it over ssh, run it there and fetch the report.

    Called again after an interruption, it goes on where it was: neither the copy nor the rows that were
    measured are made twice.

    Args:
        host: ``user@name``, or a host of the user's ssh configuration, which also sets port and key.
        artifacts: directories made for TensorRT (or ONNX).
        output_dir: where the report and the telemetry go; made if it is not there.
        shapes: (height, width) to measure artifacts of dynamic shape at.
        options: what the kit is asked to do.
        ssh: the command to connect with, and arguments of its own.
        progress: told what happens, a line at a time.

    Raises:
        UsageError: a wrong artifact, option, or power mode (the board's are listed).
        QualityError: an artifact does not give its golden images there; the report is fetched.
        MissingDependencyError: no TensorRT or numpy on the board.
        IncompatibleError: not a JetPack that the kit runs on, or a damaged artifact.
        BackendError: no connection, a full disk, or a program of the board failed. What was measured
            until then is fetched, and the message says where it is and what was lost.
        KeyboardInterrupt: passed on, after the board has stopped and put everything back.
    """
    with tempfile.TemporaryDirectory() as scratch:
        kit = bundle(artifacts, Path(scratch, "kit.tar.gz"), shapes=shapes)
        archive = kit.path.read_bytes()
    board = _Board(Shell(host, ssh), progress)
    board.shell.text("true", patience_s=60)
    board.patiently("copying the kit", lambda: board.install(kit, archive))
    return board.measure(kit, options, output_dir)


class _Board:
    def __init__(self, shell: Shell, progress: Progress) -> None:
        self.shell = shell
        self.progress = progress

    def patiently(self, what: str, step: Callable[[], T]) -> T:
        """Run a step that can be repeated, again after a lost connection."""
        for pause in PAUSES_S:
            try:
                return step()
            except ConnectionLostError as error:
                self.progress(f"{what}: {error}; trying again in {pause:g} s")
                time.sleep(pause)
        return step()

    def install(self, kit: Kit, archive: bytes) -> None:
        digest = hashlib.sha256(archive).hexdigest()
        partial = f".kit-{digest[:16]}.partial"
        state = self.shell.text(
            f"mkdir -p {FOLDER} && cd {FOLDER} && cat .installed 2>/dev/null || echo none; "
            f"cat {partial} 2>/dev/null | wc -c"
        ).split()
        if state[0] == kit.id:
            self.progress("the kit is there already")
            return
        # what arrived before a lost connection is not sent again
        there = min(int(state[1]), len(archive))
        again = f", {there / 1e6:.1f} are there" if there else ""
        self.progress(f"copying the kit: {len(archive) / 1e6:.1f} MB{again}")
        self.shell.send(f"cd {FOLDER} && cat >> {partial}", archive[there:])
        arrived = self.shell.text(f"cd {FOLDER} && sha256sum {partial}").split()[0]
        if arrived != digest:
            self.shell.text(f"rm -f {FOLDER}/{partial}")
            raise BackendError(f"the kit did not arrive whole at {self.shell.host}; run the command again")
        self.shell.text(
            f"cd {FOLDER} && rm -f .installed && tar -xzf {partial} --strip-components=1 && rm -f {partial} "
            f"&& echo {kit.id} > .installed"
        )

    def measure(self, kit: Kit, options: RunOptions, output_dir: Path) -> Fetched:
        asked = hashlib.sha256(repr(options.arguments()).encode()).hexdigest()
        # by kit and options, so that the same command finds the rows that it has measured
        results = f"results/{kit.id[:12]}-{asked[:6]}"
        words = [PYTHON, "restorect_bench.py", "--attended", "-o", results, *options.arguments()]
        command = f"cd {FOLDER} && exec {' '.join(map(quote, words))}"
        try:
            code, table, last = self.patiently("measuring", lambda: self._run(command))
        except KeyboardInterrupt:
            self._fetch(results, output_dir)
            raise
        found = self.patiently("fetching", lambda: self._fetch(results, output_dir))
        if code != 0:
            where = f"; what was measured is in '{output_dir / REPORT}'" if found else ""
            message = f"{self.shell.host}: {last}{where}"
            raise of_exit_code(code, message, what="measuring on a Jetson", extra="tensorrt")
        if found is None:
            raise BackendError(f"{self.shell.host} wrote no report in {FOLDER}/{results}")
        return Fetched(path=output_dir / REPORT, report=found, table=table)

    def _run(self, command: str) -> tuple[int, str, str]:
        lines: list[str] = []

        def hear(line: str) -> None:
            lines.append(line)
            self.progress(line)

        code, table = self.shell.attended(command, hear)
        if code == LOST:
            raise ConnectionLostError(
                f"the connection to {self.shell.host} was lost; rows that are done are kept there"
            )
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return code, table, (errors or lines or ["it gives no reason"])[-1]

    def _fetch(self, results: str, output_dir: Path) -> Report | None:
        """Copy the report and the telemetry, as far as they are there, and return the report."""
        packed = self.shell.raw(
            f"cd {FOLDER}/{results} 2>/dev/null || exit 0; set --; "
            f'for name in {REPORT} telemetry; do [ -e $name ] && set -- "$@" $name; done; '
            '[ $# -eq 0 ] || tar -cf - "$@"'
        )
        if not packed or REPORT not in _unpack(packed, output_dir):
            return None
        try:
            return Report.open(output_dir / REPORT)
        except RecordError as error:
            raise BackendError(f"{self.shell.host} sent a report that cannot be read: {error}") from error


def _unpack(packed: bytes, folder: Path) -> list[str]:
    """Write the files of a tar archive below a folder and return their names; none lands outside."""
    names = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member) if member.isfile() else None
            # the archive comes from the board, and may name any path
            if content is not None and not path.is_absolute() and ".." not in path.parts:
                with replacing(folder / path) as file:
                    file.write(content.read())
                names.append(member.name)
    return names
