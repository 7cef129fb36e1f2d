"""Builds of the C++ runtime."""

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

CPP = Path(__file__).parents[2] / "runtimes" / "cpp"


@pytest.fixture(scope="session")
def built(run, program, shared):
    """`built(kind, *targets)` returns the folder of a build, ``sanitized`` or ``fast``."""
    cmake, ninja = program("cmake"), program("ninja")
    openvino = pytest.importorskip("openvino")
    wheel = Path(openvino.__file__).parent / "cmake"

    def build(kind: str, *targets: str) -> Path:
        folder = shared / f"cpp-{kind}"
        sanitize = "ON" if kind == "sanitized" else "OFF"
        options = f"-DOpenVINO_DIR={wheel}", f"-DRESTORECT_SANITIZE={sanitize}"
        with FileLock(f"{folder}.lock"):
            if not (folder / "build.ninja").is_file():
                run(cmake, "-G", "Ninja", "-S", CPP, "-B", folder, *options)
            run(ninja, "-C", folder, *targets)
        return folder

    return build


@pytest.fixture(scope="session")
def run():
    """`run(*command, code=0, **environment)` runs a program that must exit with `code`."""

    def done(*command, code: int = 0, **environment: str) -> subprocess.CompletedProcess:
        result = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert result.returncode == code, f"{command}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        return result

    return done


@pytest.fixture(scope="session")
def sanitizers(tmp_path_factory) -> dict[str, str]:
    """Environment of a sanitized build."""
    known = tmp_path_factory.mktemp("sanitizers") / "leaks.txt"
    # TBB leaves an observer behind now and then, GLib its first block of names, made as the library is loaded
    known.write_text("leak:libtbb\nleak:call_init\n")
    return {
        "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
        "LSAN_OPTIONS": f"suppressions={known}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        # TBB loads libtbbbind with RTLD_DEEPBIND, which AddressSanitizer refuses
        "TBB_ENABLE_SANITIZERS": "1",
    }
