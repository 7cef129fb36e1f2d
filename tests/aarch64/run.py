"""The package and the Jetson kit on emulated arm64, compared with x86. Functional only: nothing is timed.

    python tests/aarch64/run.py [--prefix DIR] [-o FILE]          (make test-aarch64)

Needs Debian's qemu-user-static, debootstrap and gcc-aarch64-linux-gnu, and the registries of Debian and of
PyPI. It makes a Debian bookworm arm64 prefix (Python 3.11) with aarch64 wheels, kept for the next run, then:

- imports the base install, and runs `doctor` and `inspect`;
- restores pictures with ONNX and OpenVINO artifacts, FP32 and INT8, here and there, and compares;
- runs the whole kit there, numpy alone, TensorRT and NVIDIA's programs by stand-ins;
- runs the kit on x86 with Python 3.10 and 3.12, where they are installed, with numpy alone.

Exits with 2 where anything differs by more than its tolerance.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import restorect_edge
from restorect_edge.bench.measure.record import Report
from restorect_edge.bench.platforms.jetson import bundle
from restorect_edge.evaluation.metrics import psnr
from restorect_edge.media.photos import photos

ROOT = Path(__file__).resolve().parents[2]
STANDINS = ROOT / "tests" / "bench" / "platforms" / "jetson" / "standins"
RECORDED = ROOT / "tests" / "bench" / "platforms" / "jetson" / "recorded"
sys.path.insert(0, str(ROOT / "benchmarks"))

from _results import conditions, result_path, write  # noqa: E402

SUITE, PYTHON = "bookworm", "3.11"
SHAPE = (64, 96)
WHEELS = ("numpy", "pillow", "tqdm", "onnxruntime", "openvino", "openvino-telemetry")
PLATFORMS = ("2_17", "2_27", "2_28", "2_34", "2_35")
LEAST_DB = {"fp32": 100.0, "int8": 45.0}
"""Least PSNR of a picture restored there against the same restored here. FP32 differs in the order of sums;
an INT8 value that lies between two steps may be rounded either way: such pictures agree at 48 dB and more."""
KITS = ("3.10", "3.12")
CPUINFO = (
    "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\n"
)
"""Of a Cortex-A76, which QEMU emulates: ONNX Runtime reads this file, and QEMU would show it the host's."""


@dataclass(frozen=True, slots=True)
class Arm:
    """The prefix, and how a program of it is run."""

    root: Path

    @property
    def site(self) -> Path:
        return self.root / "opt" / "site"

    @property
    def command(self) -> list[str]:
        python = self.root / "usr" / "bin" / f"python{PYTHON}"
        return ["qemu-aarch64-static", "-cpu", "cortex-a76", "-L", str(self.root), str(python)]

    def make(self) -> None:
        """Download and unpack what is not there yet."""
        done = self.root / ".made"
        if done.exists():
            return
        shutil.rmtree(self.root, ignore_errors=True)
        include = "--include=python3,libstdc++6,libgomp1"
        run(["debootstrap", "--arch=arm64", "--foreign", "--variant=minbase", include, SUITE, str(self.root)])
        for package in sorted((self.root / "var" / "cache" / "apt" / "archives").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(self.root)])
        with tempfile.TemporaryDirectory() as folder:
            tags = [word for tag in PLATFORMS for word in ("--platform", f"manylinux_{tag}_aarch64")]
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
            run([*pip, *tags, "--python-version", PYTHON, "-d", folder, *WHEELS])
            for wheel in Path(folder).iterdir():
                shutil.unpack_archive(wheel, self.site, "zip")
        (self.root / "proc").mkdir(exist_ok=True)
        (self.root / "proc" / "cpuinfo").write_text(CPUINFO)
        done.touch()


def run(command: list[str], **environment: str) -> str:
    """Run a command and return its output; an error shows what it said."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} exits with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def export(folder: Path) -> dict[str, str]:
    """Export the four artifacts; return their paths by name."""
    found = {}
    for target in ("onnx", "openvino"):
        for precision in ("fp32", "int8"):
            options: dict[str, Any] = {"num_calib": 8} if precision == "int8" else {}
            made = restorect_edge.export(
                target=target, precision=precision, shapes=[SHAPE], output_dir=folder, **options
            )
            found[f"{target}-{precision}"] = str(made.path)
    return found


def package(folder: Path) -> Path:
    """Build the wheel of this project and unpack it, as an installer does; return where."""
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run([*pip, "-w", str(folder / "wheel"), str(ROOT)])
    shutil.unpack_archive(next((folder / "wheel").glob("*.whl")), folder / "package", "zip")
    return folder / "package"


def base_rows(arm: Arm, installed: Path, artifact: str) -> Iterator[dict[str, Any]]:
    """Yield a row for each thing that the base install must do."""
    environment = {"PYTHONPATH": f"{installed}:{arm.site}"}
    code = "import restorect_edge as r; print([getattr(r, n) for n in r.__all__ if n != 'export'])"
    for what, words in (
        ("import", ["-c", code]),
        ("doctor", ["-m", "restorect_edge.doctor", "--json"]),
        ("inspect", ["-m", "restorect_edge.inspect", artifact]),
    ):
        output = run([*arm.command, *words], **environment)
        yield row(f"base install: {what}", "ok" if output else "no output", python=PYTHON)


def artifact_rows(
    arm: Arm, installed: Path, artifacts: dict[str, str], scratch: Path
) -> Iterator[dict[str, Any]]:
    """Restore the same pictures here and there, and yield a row for each artifact."""
    pictures = photos(SHAPE)
    np.savez(scratch / "pictures.npz", **pictures)
    jobs = {"artifacts": artifacts, "pictures": str(scratch / "pictures.npz")}
    (scratch / "jobs.json").write_text(json.dumps(jobs))
    worker = [str(Path(__file__).with_name("worker.py")), str(scratch / "jobs.json")]
    run([sys.executable, *worker, str(scratch / "here.npz")], PYTHONPATH=str(installed))
    run([*arm.command, *worker, str(scratch / "there.npz")], PYTHONPATH=f"{installed}:{arm.site}")
    here, there = np.load(scratch / "here.npz"), np.load(scratch / "there.npz")
    for name in artifacts:
        pairs = [(there[f"{name}/{key}"], here[f"{name}/{key}"]) for key in pictures]
        worst = min(min(psnr(a, b, peak=1.0), 200.0) for a, b in pairs)
        least = LEAST_DB[name.rpartition("-")[2]]
        yield row(
            f"{name}: restores as on x86",
            "ok" if worst >= least else "differs",
            python=str(there["python"]),
            provider=str(there[f"{name}/provider"]),
            worst_db=round(float(worst), 2),
            least_db=least,
            max_abs=float(max(np.abs(a - b).max() for a, b in pairs)),
        )


def kit_row(
    python: list[str], version: str, machine: str, compiler: str, libraries: Path, folder: Path
) -> dict[str, Any]:
    """Run the whole kit with one interpreter that finds numpy alone, and return its row."""
    board = Board(folder)
    run([compiler, "-shared", "-fPIC", "-o", str(folder / "libcuda.so.1"), str(STANDINS / "driver.c")])
    site = folder / "site"
    site.mkdir()
    for source in libraries.glob("numpy*"):
        (site / source.name).symlink_to(source)
    done = subprocess.run(
        [*python, "-S", "restorect_bench.py", "--quick", "--root", str(board.root)],
        cwd=folder / "restorect-kit",
        env={**board.environment, "PYTHONPATH": f"{STANDINS / 'modules'}:{site}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(
            f"the kit on {machine}, Python {version}, exits with {done.returncode}:\n{done.stderr}"
        )
    report = Report.open(folder / "restorect-kit" / "results" / "report.json")
    right = [row.status for row in report.rows] == ["measured"] * 2 and board.mode == "0"
    assert report.device.cpu is not None and machine in report.device.cpu
    return row(
        f"kit on {machine}, numpy alone: two power modes, golden images, everything put back",
        "ok" if right else "differs",
        python=str(report.device.python),
        provider=str(report.rows[0].provider) + " (stand-in)",
    )


class Board:
    """An Orin Nano below a folder, by stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.root, self._state = folder / "root", folder / "state"
        tree = self.root / "proc" / "device-tree"
        for path in (tree, self.root / "etc", self._state):
            path.mkdir(parents=True)
        shutil.copy(RECORDED / "nv_tegra_release-r36.txt", self.root / "etc" / "nv_tegra_release")
        modes = (RECORDED / "nvpmodel-conf-modes-orin-nano-r36.txt").read_text()
        (self.root / "etc" / "nvpmodel.conf").write_text(f"{modes}\n< PM_CONFIG DEFAULT=0 >\n")
        (tree / "model").write_text("Jetson Orin Nano by stand-ins\0")
        (tree / "compatible").write_text("nvidia,p3767-0005\0nvidia,tegra234\0")
        (self._state / "mode").write_text("0")
        (self._state / "tensorrt").write_text("10.3.0")
        self.environment = {
            "PATH": f"{STANDINS / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LD_LIBRARY_PATH": str(folder),
            "STANDIN_GPU_PYTHON": sys.executable,
            "STANDIN_ROOT": str(self.root),
            "STANDIN_STATE": str(self._state),
        }

    @property
    def mode(self) -> str:
        return (self._state / "mode").read_text().strip()


def kit_rows(arm: Arm, scratch: Path) -> Iterator[dict[str, Any]]:
    """Run the kit on arm64, and on x86 with JetPack's Python versions where they are installed."""
    artifact = restorect_edge.export(
        target="tensorrt", precision="fp32", shapes=[SHAPE], output_dir=scratch / "tensorrt"
    )
    kit = bundle([artifact.path], scratch / "kit.tar.gz")
    arm_folder = _unpacked(kit.path, scratch / "kit-aarch64")
    yield kit_row(arm.command, PYTHON, "aarch64", "aarch64-linux-gnu-gcc", arm.site, arm_folder)
    for version in KITS:
        python = find_python(version)
        if python is None:
            yield row(f"kit on x86_64, Python {version}", "not run: that Python is not installed here")
            continue
        libraries = scratch / f"numpy-{version}"
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
        run([*pip, "--python-version", version, "--target", str(libraries), "numpy"])
        folder = _unpacked(kit.path, scratch / f"kit-{version}")
        yield kit_row([python], version, "x86_64", "cc", libraries, folder)


def find_python(version: str) -> str | None:
    """Return an interpreter of a version: on the path, or of pyenv."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*sorted(versions.glob(f"{version}.*/bin/python{version}"), reverse=True)]
    on_path = shutil.which(f"python{version}")
    for candidate in [*map(str, candidates), *([on_path] if on_path else [])]:
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def row(what: str, result: str, **more: Any) -> dict[str, Any]:
    """Return a row; keys that a check has not are None."""
    keys = ("python", "provider", "worst_db", "least_db", "max_abs")
    return {"what": what, "result": result, **{key: more.get(key) for key in keys}}


def main() -> int:
    """Run everything, write the result and return the exit code."""
    parser = argparse.ArgumentParser(description="Run the package and the kit on emulated arm64.")
    parser.add_argument("--prefix", type=Path, default=ROOT / "build" / "aarch64", help="kept between runs")
    parser.add_argument("-o", "--output", type=Path, default=result_path("aarch64"))
    arguments = parser.parse_args()
    for program in ("qemu-aarch64-static", "debootstrap", "aarch64-linux-gnu-gcc"):
        if shutil.which(program) is None:
            print(
                f"'{program}' is missing: apt-get install qemu-user-static debootstrap gcc-aarch64-linux-gnu",
                file=sys.stderr,
            )
            return 3
    arm = Arm(arguments.prefix.resolve())
    arm.make()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        artifacts = export(scratch / "artifacts")
        installed = package(scratch)
        for make in (
            base_rows(arm, installed, artifacts["onnx-fp32"]),
            artifact_rows(arm, installed, artifacts, scratch),
            kit_rows(arm, scratch),
        ):
            for found in make:
                print(f"{found['result']:8} {found['what']}", flush=True)
                rows.append(found)
    emulator = run(["qemu-aarch64-static", "--version"]).splitlines()[0]
    facts = conditions(
        emulator=emulator, emulated="cortex-a76", prefix=f"Debian {SUITE} arm64", timing="none"
    )
    write(arguments.output, "aarch64", facts, rows)
    print(arguments.output)
    return 0 if not any(found["result"] in ("differs", "no output") for found in rows) else 2


if __name__ == "__main__":
    sys.exit(main())
