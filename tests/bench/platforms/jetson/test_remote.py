"""The kit over ssh, by a real server on the loopback address."""

import hashlib
import os
import shlex
import subprocess
import sys

import pytest

from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.platforms.jetson import RunOptions, remote
from restorect_edge.cli.bench import main as bench
from restorect_edge.errors import BackendError, IncompatibleError, QualityError, UsageError


class Remote:
    """Calls `remote` for a board and keeps what it says."""

    def __init__(self, board, server, artifact, output):
        self.board, self.server, self.artifact, self.output = board, server, artifact, output
        self.lines = []
        self.on_line = lambda line: None

    def __call__(self, *modes, **options):
        def hear(line):
            self.lines.append(line)
            self.on_line(line)

        options.setdefault("sustained_s", 0.6)
        more = ("--quick", "--root", str(self.board.root))
        return remote(
            self.server.host,
            [self.artifact.path],
            self.output,
            options=RunOptions(power_modes=modes, more=more, **options),
            ssh=self.server.command,
            progress=hear,
        )

    def heard(self, part):
        return [line for line in self.lines if part in line]

    def once(self, part, act):
        """Do something when a line with `part` comes for the first time."""

        def react(line):
            if part in line and len(self.heard(part)) == 1:
                act()

        self.on_line = react


@pytest.fixture
def measure(board, server, artifact_tensorrt, tmp_path):
    return Remote(board, server, artifact_tensorrt, tmp_path / "fetched")


def interrupt():
    raise KeyboardInterrupt


def test_a_board_is_measured_over_ssh(measure, board):
    found = measure(lock_clocks=True)
    assert [(row.power_mode, row.status) for row in found.report.rows] == [
        ("15W", "measured"),
        ("MAXN_SUPER", "measured"),
    ]
    assert found.path == measure.output / "report.json"
    assert "| 96×64 | MAXN_SUPER | measured |" in found.table
    telemetry = sorted(path.name for path in (measure.output / "telemetry").iterdir())
    assert telemetry == ["15W-64x96.txt", "MAXN_SUPER-64x96.txt"]
    assert (board.mode, board.locked) == ("15W", False)
    again = measure(lock_clocks=True)
    assert measure.heard("the kit is there already")
    assert measure.heard("power mode 15W: done already")
    assert again.report.rows == found.report.rows, "nothing is measured twice"


def test_a_lost_connection_is_taken_up_again(measure, board, server):
    measure.once("power mode 25W", server.cut)
    found = measure("15W", "25W", duration_s=1.0)
    assert measure.heard("the connection to jetson was lost; rows that are done are kept there")
    assert measure.heard("power mode 15W: done already")
    assert [(row.power_mode, row.status) for row in found.report.rows] == [
        ("15W", "measured"),
        ("25W", "measured"),
    ]
    assert board.mode == "15W"


def test_ctrl_c_stops_the_board_and_fetches_what_is_done(measure, board):
    measure.once("96×64, power mode 25W", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure("15W", "25W", duration_s=1.0)
    assert board.mode == "15W"
    assert not (board.folder / "found.json").exists()
    text = (measure.output / "report.json").read_text()
    assert '"not measured"' in text and "the run was stopped before this was done" in text


def test_a_copy_goes_on_where_it_broke_off(measure, board, kit):

    archive = kit.path.read_bytes()
    partial = board.folder / f".kit-{hashlib.sha256(archive).hexdigest()[:16]}.partial"
    board.folder.mkdir()
    partial.write_bytes(archive[: len(archive) // 2])
    measure("current")
    assert measure.heard(f"copying the kit: {len(archive) / 1e6:.1f} MB, {len(archive) / 2e6:.1f} are there")
    assert not partial.exists()


def test_a_copy_that_did_not_arrive_whole_is_made_again(measure, board, kit):

    archive = kit.path.read_bytes()
    partial = board.folder / f".kit-{hashlib.sha256(archive).hexdigest()[:16]}.partial"
    board.folder.mkdir()
    partial.write_bytes(b"something else")
    with pytest.raises(BackendError, match="did not arrive whole at jetson; run the command again"):
        measure("current")
    assert measure("current").report.rows[0].status == "measured"


def test_no_room_for_the_kit(measure, board, kit):
    command = ["mount", "-t", "tmpfs", "-o", f"size={kit.bytes // 2}", "tmpfs", str(board.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        with pytest.raises(BackendError, match=r"jetson: .*No space left on device"):
            measure("current")
    finally:
        subprocess.run(["umount", str(board.home)], check=True)
    assert board.calls == []


def test_another_jetpack(measure, board):
    (board.root / "etc" / "nv_tegra_release").write_text("# R35 (release), REVISION: 4.1, GCID: 1")
    with pytest.raises(IncompatibleError, match=r"jetson: .* 35\.4\.1 \(JetPack 5\).* needs JetPack 6 or 7"):
        measure()


def test_wrong_pictures(measure, board):
    board.set("wrong")
    with pytest.raises(QualityError, match=r"golden image .*; what was measured is in '.*report.json'"):
        measure("current")
    assert '"failed"' in (measure.output / "report.json").read_text()


def test_an_unknown_mode_lists_those_of_the_board(measure):
    with pytest.raises(UsageError, match="mode 'MAXN'; known: 15W, 25W, 7W, MAXN_SUPER, current"):
        measure("MAXN")


def test_throttling_comes_back_as_the_status_of_the_row(measure, board):
    board.set("throttle")
    (row,) = measure("current", sustained_s=6.0).report.rows
    assert row.status == "throttled"


def test_nobody_listens(measure, server, tmp_path):
    server.process.terminate()
    server.process.wait(10)
    with pytest.raises(BackendError, match=r"no connection to 'jetson': .*refused.* without a password"):
        measure()


@pytest.mark.parametrize("host", ["", "-oProxyCommand=evil"])
def test_what_is_no_host(host, artifact_tensorrt, tmp_path):
    with pytest.raises(UsageError, match="is no host; it is user@name"):
        remote(host, [artifact_tensorrt.path], tmp_path)


def test_no_ssh_client(artifact_tensorrt, tmp_path):
    with pytest.raises(UsageError, match="'no-such-ssh' is not installed"):
        remote("jetson", [artifact_tensorrt.path], tmp_path, ssh=("no-such-ssh",))


def test_the_command_makes_its_report_one_like_ours(
    board, server, artifact_tensorrt, tmp_path, monkeypatch, capsys
):
    """The user's own `ssh` and the board's own `python3` are found by their names."""
    folder, output = tmp_path / "client", tmp_path / "report"
    script(folder / "ssh", f'exec {shlex.join(server.command)} "$@"')
    script(tmp_path / "bin" / "python3", f'exec "{sys.executable}" "$@" --root "{board.root}"')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    arguments = [str(artifact_tensorrt.path), "--host", server.host, "-o", str(output)]
    code = bench([*arguments, "--quick", "--sustained", "0.6", "--power-mode", "15W", "MAXN_SUPER"])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "copying the kit" in err
    assert "TensorRT · cuda · MAXN_SUPER" in out
    report = Report.open(output / "report.json")
    assert [(row.power_mode, row.status) for row in report.rows] == [
        ("15W", "measured"),
        ("MAXN_SUPER", "measured"),
    ]
    assert "Orin Nano" in (output / "report.html").read_text()
    assert bench(arguments) == 1
    assert "use --overwrite" in capsys.readouterr().err


def script(path, line):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
