"""The kit, run as a user runs it after unpacking, against stand-ins for what JetPack has."""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.platforms.jetson import bundle
from restorect_edge.bench.platforms.jetson.bundle import LARGEST_BYTES
from restorect_edge.errors import IncompatibleError, UsageError


@pytest.fixture
def unpacked(board, kit):
    board.unpack(kit)
    return board


def report(board, folder="results") -> Report:
    return Report.open(board.folder / folder / "report.json")


def read_until(process, word):
    """Read standard error until a line has a word; return all lines."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if word in line:
            return lines
    pytest.fail(f"'{word}' never came: {lines}")


# The archive


def test_the_kit_is_small_and_the_same_every_time(kit, artifact_tensorrt, tmp_path):
    again = bundle([artifact_tensorrt.path], tmp_path / "again.tar.gz")
    assert again.id == kit.id
    assert again.path.read_bytes() == kit.path.read_bytes()
    assert kit.bytes == kit.path.stat().st_size < LARGEST_BYTES == 30_000_000
    with tarfile.open(kit.path) as tar:
        names = tar.getnames()
        assert {m.uid for m in tar.getmembers()} == {0}
    assert {name.split("/")[0] for name in names} == {"restorect-kit"}
    assert not [name for name in names if name.endswith(".engine")]


def test_only_what_tensorrt_runs_goes_into_a_kit(artifact_openvino, artifact_tensorrt, tmp_path):
    with pytest.raises(UsageError, match="is for openvino; a Jetson runs artifacts for tensorrt or onnx"):
        bundle([artifact_openvino.path], tmp_path / "kit.tar.gz")
    with pytest.raises(UsageError, match="at least one artifact"):
        bundle([], tmp_path / "kit.tar.gz")
    with pytest.raises(UsageError, match="two artifacts are called"):
        bundle([artifact_tensorrt.path, artifact_tensorrt.path], tmp_path / "kit.tar.gz")
    with pytest.raises(UsageError, match="no artifact at"):
        bundle([tmp_path / "none"], tmp_path / "kit.tar.gz")
    assert not list(tmp_path.iterdir())


def test_too_large_a_kit_is_refused(artifact_split, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules["restorect_edge.bench.platforms.jetson.bundle"], "LARGEST_BYTES", 1_000_000
    )
    with pytest.raises(UsageError, match=r"would have \d+\.\d MB, 1 are allowed: take fewer"):
        bundle([artifact_split.path], tmp_path / "kit.tar.gz")


# A whole run


def test_a_run_measures_two_power_modes_and_puts_everything_back(unpacked):
    done = unpacked.run("--lock-clocks")
    assert done.returncode == 0, done.stderr
    found = report(unpacked)
    assert [(row.power_mode, row.status, row.reason) for row in found.rows] == [
        ("15W", "measured", ""),
        ("MAXN_SUPER", "measured", ""),
    ]
    for row in found.rows:
        assert row.provider == "TensorRT 10.3.0 on Orin (compute capability 8.7)"
        assert row.cold.build_ms > 0 < row.cold.load_ms
        assert len(row.total_ms) >= 10
        assert all(model < total for model, total in zip(row.model_ms, row.total_ms, strict=True))
        assert row.sustained[-1].power_mw in (10000, 12000)
        assert row.sustained[-1].clock_mhz == 918
        assert row.sustained[-1].temperature_c == pytest.approx(65.562)
    device = found.device
    assert (device.kind, device.power_mode, device.l4t, device.jetpack) == (
        "jetson",
        "15W",
        "36.4.4",
        "6.2.1+b38",
    )
    assert device.libraries["module"] == "Jetson Orin Nano 8GB"
    assert device.clocks_locked is False
    assert found.protocol.least_runs == 10
    assert (unpacked.mode, unpacked.locked) == ("15W", False)
    assert unpacked.calls == [
        "jetson_clocks --store",
        "jetson_clocks",
        "jetson_clocks --restore",
        "nvpmodel -m 2",
        "jetson_clocks --store",
        "jetson_clocks",
        "jetson_clocks --restore",
        "nvpmodel -m 0",
    ]
    assert "| 96×64 | MAXN_SUPER | measured |" in done.stdout
    assert not (unpacked.folder / "found.json").exists()


def test_energy_is_power_times_time(unpacked):
    """The stand-in draws 10 and 12 W in turns: 11 W on average, whatever the rate."""
    unpacked.run("--power-mode", "current", "--sustained", "3")
    (row,) = report(unpacked).rows
    per_image_s = sum(m.ms for m in row.sustained) / len(row.sustained) / 1e3
    assert row.energy_mj / 1e3 == pytest.approx(11 * per_image_s, rel=0.35)
    log = next((unpacked.folder / "results" / "telemetry").iterdir()).read_text()
    assert "VDD_IN 10000mW" in log and "VDD_IN 12000mW" in log


def test_engines_are_kept_until_something_differs(unpacked):
    assert "building model.engine: there is no model.engine yet" in unpacked.run("--power-mode", "25W").stderr
    engine = next((unpacked.folder / "artifacts").rglob("*.engine"))
    assert b"kernel;" in (unpacked.folder / "timing.cache").read_bytes()
    again = unpacked.run("--power-mode", "7W")
    assert "building" not in again.stderr
    unpacked.set("tensorrt", "10.7.0")
    upgraded = unpacked.run("--power-mode", "25W")
    assert "built for TensorRT 'TensorRT 10.3.0', now it is 'TensorRT 10.7.0'" in upgraded.stderr
    assert "of another kit, board or protocol: moved to" in upgraded.stderr
    assert engine.read_bytes().startswith(b"stand-in engine of TensorRT 10.7.0")
    assert [row.power_mode for row in report(unpacked).rows] == ["25W"]
    assert upgraded.returncode == 0


def test_wrong_pictures_are_not_timed(unpacked):
    unpacked.set("wrong")
    done = unpacked.run()
    assert done.returncode == 2
    rows = report(unpacked).rows
    assert {row.status for row in rows} == {"failed"}
    assert all("golden image" in row.reason and "50 dB are needed" in row.reason for row in rows)
    assert not any(row.total_ms for row in rows)
    unpacked.unset("wrong")
    assert unpacked.run().returncode == 0, "what failed is tried again"
    assert {row.status for row in report(unpacked).rows} == {"measured"}


def test_throttling_marks_the_row(unpacked):
    unpacked.set("throttle")
    done = unpacked.run("--power-mode", "current", "--sustained", "6")
    (row,) = report(unpacked).rows
    assert (done.returncode, row.status) == (0, "throttled")
    assert row.reason == "the GPU clock fell in the run without rest"
    assert row.total_ms, "the samples are kept"


def test_over_current_marks_the_row(unpacked):
    folder = unpacked.root / "sys" / "class" / "hwmon" / "hwmon3"
    folder.mkdir(parents=True)
    counter = folder / "oc1_event_cnt"
    counter.write_text("4\n")
    process = unpacked.start("--power-mode", "current")
    read_until(process, "timing")
    counter.write_text("6\n")
    process.communicate(timeout=60)
    (row,) = report(unpacked).rows
    assert (row.status, row.reason) == ("throttled", "oc1: 2 over-current events")


# Boards and modes that do not fit


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (
            "# R35 (release), REVISION: 4.1, GCID: 1, BOARD: t186ref",
            "35.4.1 .JetPack 5.*needs JetPack 6 or 7",
        ),
        (None, "this is no Jetson: there is no /etc/nv_tegra_release"),
    ],
)
def test_another_jetpack_is_refused_before_anything_is_changed(unpacked, release, message):
    path = unpacked.root / "etc" / "nv_tegra_release"
    path.write_text(release) if release else path.unlink()
    done = unpacked.run()
    assert done.returncode == 4
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert re.search(message, done.stderr)
    assert unpacked.calls == []


@pytest.mark.parametrize(("version", "code", "word"), [("8.6.2", 4, "TensorRT 8.6.2 is too old")])
def test_an_old_tensorrt_is_refused(unpacked, version, code, word):
    unpacked.set("tensorrt", version)
    done = unpacked.run()
    assert (done.returncode, unpacked.calls) == (code, [])
    assert word in done.stderr


def test_no_tensorrt_is_a_missing_dependency(unpacked):
    unpacked.environment["PYTHONPATH"] = ""
    unpacked.environment["STANDIN_PYTHON"] = _bare(unpacked)
    done = unpacked.run()
    assert done.returncode == 3
    assert "no TensorRT module" in done.stderr


def _bare(board) -> str:
    """An interpreter that finds numpy and nothing else."""
    site = board.home / "site"
    site.mkdir()
    for name in ("numpy", "numpy.libs"):
        source = Path(sysconfig.get_path("platlib"), name)
        if source.exists():
            (site / name).symlink_to(source)
    path = board.home / "bare-python"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{site}" exec "{Path(sys.executable).resolve()}" -S "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_a_mode_that_needs_a_restart_is_left_and_named(unpacked):
    unpacked.set("reboot", "2\n")
    done = unpacked.run()
    assert done.returncode == 0, done.stderr
    rows = report(unpacked).rows
    assert [(row.power_mode, row.status) for row in rows] == [
        ("15W", "measured"),
        ("MAXN_SUPER", "not measured"),
        ("25W", "measured"),
    ]
    assert "only be set at boot: sudo nvpmodel -m 2, restart, run again" in rows[1].reason
    assert unpacked.mode == "15W"


def test_unknown_modes_are_named_with_those_of_the_board(unpacked):
    done = unpacked.run("--power-mode", "MAXN")
    assert done.returncode == 1
    assert "unknown power mode 'MAXN'; known: 15W, 25W, 7W, MAXN_SUPER, current" in done.stderr
    assert unpacked.calls == []


def test_a_failing_nvpmodel_stops_the_run(unpacked):
    unpacked.set("broken")
    done = unpacked.run("--power-mode", "15W", "25W")
    assert done.returncode == 5
    assert "nvpmodel did not set power mode 25W (1): it is 15W, exit code 1, it said: NVPM" in done.stderr
    assert [(row.power_mode, row.status) for row in report(unpacked).rows] == [
        ("15W", "measured"),
        ("25W", "not measured"),
    ]


def test_a_changed_file_is_refused(unpacked):
    path = unpacked.folder / "boards.json"
    path.write_text(path.read_text() + " ")
    done = unpacked.run()
    assert done.returncode == 4
    assert "boards.json' was changed; unpack the kit again" in done.stderr


def test_wrong_usage_exits_with_1(unpacked):
    done = unpacked.run("--power")
    assert done.returncode == 1
    assert "error: " in done.stderr


# Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_everything_back_and_the_next_run_goes_on(unpacked, number):
    process = unpacked.start("--power-mode", "15W", "MAXN_SUPER", "--lock-clocks", "--duration", "1")
    read_until(process, "power mode MAXN_SUPER")
    read_until(process, "timing")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "run again to go on" in errors
    assert (unpacked.mode, unpacked.locked) == ("15W", False)
    first = report(unpacked).rows
    assert [(row.power_mode, row.status) for row in first] == [
        ("15W", "measured"),
        ("MAXN_SUPER", "not measured"),
    ]
    assert first[1].reason == "the run was stopped before this was done; run it again to go on"
    again = unpacked.run("--power-mode", "15W", "MAXN_SUPER", "--lock-clocks", "--duration", "1")
    assert again.returncode == 0, again.stderr
    assert "power mode 15W: done already" in again.stderr
    rows = report(unpacked).rows
    assert rows[0].total_ms == first[0].total_ms
    assert rows[1].status == "measured"


def test_a_run_that_was_killed_is_made_good_by_the_next(unpacked):
    process = unpacked.start("--power-mode", "25W", "--lock-clocks", start_new_session=True)
    read_until(process, "timing")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert (unpacked.mode, unpacked.locked) == ("25W", True)
    done = unpacked.run("--power-mode", "current")
    assert "an earlier run was killed: putting back power mode 15W" in done.stderr
    assert (unpacked.mode, unpacked.locked) == ("15W", False)
    assert [row.power_mode for row in report(unpacked).rows] == ["15W"]


@pytest.mark.parametrize("ending", ["closed", "silent"])
def test_a_run_nobody_attends_stops(unpacked, ending):
    if ending == "silent":
        path = unpacked.folder / "jetson_bench" / "stop.py"
        text = path.read_text().replace("SILENCE_S = 20.0", "SILENCE_S = 4.0")
        _replace_in_kit(unpacked, "jetson_bench/stop.py", text)
    process = unpacked.start("--power-mode", "25W", "--attended", "--duration", "30", stdin=subprocess.PIPE)
    read_until(process, "power mode 25W")
    if ending == "closed":
        process.stdin.close()
    else:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = process.stderr.read()
    process.wait(60)
    assert process.returncode == 130, errors
    assert "error: the connection ended" in errors
    assert unpacked.mode == "15W"


def _replace_in_kit(board, name, text):
    (board.folder / name).write_text(text)
    content = json.loads((board.folder / "kit.json").read_text())
    content["files"][name] = hashlib.sha256(text.encode()).hexdigest()
    (board.folder / "kit.json").write_text(json.dumps(content))


def test_two_runs_do_not_share_a_folder_at_once(unpacked):
    first = unpacked.start("--power-mode", "current", "--duration", "1")
    read_until(first, "timing")
    second = unpacked.run("--power-mode", "current", "--duration", "1")
    first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "power mode 15W: done already" in second.stderr, "it waited, and found the work done"


# A full disk


def _no_large_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_no_room_for_the_engine(unpacked):
    done = unpacked.run("--power-mode", "15W", "25W", preexec_fn=_no_large_files)
    assert done.returncode == 5
    assert "error: the disk is full (" in done.stderr
    assert "free some space and run again to go on" in done.stderr
    assert not list(unpacked.folder.rglob("*.engine"))
    assert not list(unpacked.folder.rglob("*.tmp"))
    assert unpacked.mode == "15W"
    again = unpacked.run("--power-mode", "15W", "25W")
    assert again.returncode == 0, again.stderr


@pytest.fixture
def small_disk(board):
    """The home of the board on a disk of 12 MB."""
    board.home.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(board.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    yield board
    subprocess.run(["umount", str(board.home)], check=True)


def test_a_disk_that_fills_up_keeps_what_is_done(small_disk, kit):
    small_disk.unpack(kit)
    process = small_disk.start("--power-mode", "15W", "25W", "--duration", "1")
    read_until(process, "power mode 25W")
    ballast = small_disk.home / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 5, errors
    assert "error: the disk is full" in errors
    assert small_disk.mode == "15W"
    ballast.unlink()
    again = small_disk.run("--power-mode", "15W", "25W", "--duration", "1")
    assert again.returncode == 0, again.stderr
    assert "power mode 15W: done already" in again.stderr
    assert [row.status for row in report(small_disk).rows] == ["measured", "measured"]


def test_damaged_artifacts_do_not_go_into_a_kit(artifact_tensorrt, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(artifact_tensorrt.path, copy)
    (copy / "model.onnx").write_bytes(b"other")
    with pytest.raises(IncompatibleError, match="was changed after the export"):
        bundle([copy], tmp_path / "kit.tar.gz")
