"""Builds of `runtimes/cpp` against the `openvino` wheel."""

import subprocess
import sys
from pathlib import Path

__all__ = ["SOURCE", "build"]

SOURCE = Path(__file__).parents[1] / "runtimes" / "cpp"


def build(folder: Path, *targets: str) -> Path:
    """Build `targets` for speed, without tests, and return `folder`. Messages go to standard error.

    Raises:
        FileNotFoundError: no cmake or ninja.
        subprocess.CalledProcessError: it does not build.
    """
    import openvino

    wheel = Path(openvino.__file__).parent / "cmake"
    options = f"-DOpenVINO_DIR={wheel}", "-DRESTORECT_TESTS=OFF"
    configure = ["cmake", "-G", "Ninja", "-S", SOURCE, "-B", folder, *options]
    subprocess.run(configure, check=True, stdout=sys.stderr)
    subprocess.run(["ninja", "-C", folder, *targets], check=True, stdout=sys.stderr)
    return folder
