"""A board that is none: stand-ins for NVIDIA's programs, TensorRT and the CUDA driver, below one folder."""

import getpass
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from restorect_edge.bench.platforms.jetson import bundle

HERE = Path(__file__).parent
STANDINS = HERE / "standins"
RECORDED = HERE / "recorded"

MODES = ("15W", "25W", "MAXN_SUPER", "7W")
QUICK = ("--quick", "--sustained", "0.6")


@pytest.fixture(scope="session")
def driver(cuda_driver):
    """The folder of a libcuda.so.1 that is host memory."""
    return cuda_driver.parent


@pytest.fixture(scope="session")
def kit(tmp_path_factory, artifact_tensorrt):
    """The kit of a float16 artifact of 64x96."""
    return bundle([artifact_tensorrt.path], tmp_path_factory.mktemp("kit") / "kit.tar.gz")


@dataclass
class Board:
    """What a test does to the board, and sees of it."""

    root: Path
    """With `etc`, `proc` and `sys`."""
    state: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen] = field(default_factory=list)

    def set(self, name: str, text: str = "") -> None:
        (self.state / name).write_text(text)

    def unset(self, name: str) -> None:
        (self.state / name).unlink()

    @property
    def mode(self) -> str:
        return MODES[int((self.state / "mode").read_text())]

    @property
    def locked(self) -> bool:
        return (self.state / "locked").exists()

    @property
    def calls(self) -> list[str]:
        path = self.state / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def folder(self) -> Path:
        return self.home / "restorect-kit"

    def unpack(self, kit) -> None:
        """What a user does with the archive: tar -xzf."""
        self.home.mkdir(exist_ok=True)
        with tarfile.open(kit.path) as tar:
            tar.extractall(self.home, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))

    def arguments(self, *more: str) -> list[str]:
        return ["restorect_bench.py", "--root", str(self.root), *QUICK, *more]

    def start(self, *more: str, **options) -> subprocess.Popen:
        process = subprocess.Popen(
            [self.environment["STANDIN_PYTHON"], *self.arguments(*more)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.started.append(process)
        return process

    def run(self, *more: str, **options) -> subprocess.CompletedProcess:
        """Run the kit to its end."""
        process = self.start(*more, **options)
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture
def board(tmp_path, driver):
    """An Orin Nano Super with JetPack 6.2.1, in its default mode."""
    root, state = tmp_path / "root", tmp_path / "state"
    for folder in (state, root / "etc", root / "proc" / "device-tree"):
        folder.mkdir(parents=True)
    (root / "etc" / "nv_tegra_release").write_text((RECORDED / "nv_tegra_release-r36.txt").read_text())
    modes = (RECORDED / "nvpmodel-conf-modes-orin-nano-r36.txt").read_text()
    (root / "etc" / "nvpmodel.conf").write_text(modes + "\n< PM_CONFIG DEFAULT=0 >\n")
    model = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0"
    (root / "proc" / "device-tree" / "model").write_text(model)
    compatible = "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0"
    (root / "proc" / "device-tree" / "compatible").write_text(compatible)
    (root / "proc" / "meminfo").write_text("MemTotal: 7802880 kB\nMemAvailable: 5000000 kB\n")
    made = Board(root, state, tmp_path / "home")
    made.set("mode", "0")
    made.set("tensorrt", "10.3.0")
    made.environment = {
        "PATH": f"{STANDINS / 'bin'}:{os.environ['PATH']}",
        "HOME": str(made.home),
        "LD_LIBRARY_PATH": str(driver),
        "PYTHONPATH": str(STANDINS / "modules"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "STANDIN_PYTHON": sys.executable,
        "STANDIN_GPU_PYTHON": sys.executable,
        "STANDIN_ROOT": str(root),
        "STANDIN_STATE": str(state),
    }
    yield made
    for process in made.started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@dataclass
class SshServer:
    """A real sshd on the loopback address."""

    command: tuple[str, ...]
    """The client's, which knows port and key."""
    host: str
    process: subprocess.Popen

    def sessions(self) -> list[int]:
        """The processes that serve connections."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def cut(self) -> None:
        """Break all connections, as a network does."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def server(board, program, tmp_path):
    """sshd for the board, with keys and a configuration of its own; every command starts in the home."""
    sshd, keygen, ssh = program("sshd"), program("ssh-keygen"), program("ssh")
    board.home.mkdir(exist_ok=True)
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python = _python(tmp_path / "bin", board)
    variables = {**board.environment, "PATH": f"{python.parent}:{board.environment['PATH']}"}
    quoted = " ".join(f'"{name}={value}"' for name, value in variables.items())
    (folder / "sshd_config").write_text(
        f"""
ListenAddress 127.0.0.1
Port {port}
HostKey {folder / "host"}
AuthorizedKeysFile {folder / "user.pub"}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv {quoted}
ForceCommand cd '{board.home}' && exec sh -c "$SSH_ORIGINAL_COMMAND"
"""
    )
    known = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {known[0]} {known[1]}\n")
    (folder / "ssh_config").write_text(
        f"""
Host jetson
    HostName 127.0.0.1
    Port {port}
    User {getpass.getuser()}
    IdentityFile {folder / "user"}
    IdentitiesOnly yes
    UserKnownHostsFile {folder / "known_hosts"}
    StrictHostKeyChecking yes
"""
    )
    separation = Path("/run/sshd")
    made = os.geteuid() == 0 and not separation.exists()
    if made:
        separation.mkdir(mode=0o755)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sshd, "-D", "-e", "-f", folder / "sshd_config"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(port, process, folder / "log")
        yield SshServer((ssh, "-F", str(folder / "ssh_config")), "jetson", process)
    finally:
        process.terminate()
        process.wait(10)
        if made:
            separation.rmdir()


def _python(folder: Path, board: Board) -> Path:
    """The board's python3."""
    folder.mkdir()
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\nexec "{board.environment["STANDIN_PYTHON"]}" "$@"\n')
    path.chmod(0o755)
    return path


def _wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    pytest.fail(f"sshd does not listen: {log.read_text()}")
