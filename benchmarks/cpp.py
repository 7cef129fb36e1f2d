"""Is the C++ runtime slower than the Python runtime on the same OpenVINO artifact?

    python benchmarks/cpp.py [--weights NAME] [--threads N] [--rounds N] [-o FILE]

Builds `runtimes/cpp` (cmake, ninja and the packages of its README) and loads it into this process through its
C interface, where both runtimes use the same OpenVINO library. They take turns, uint8 image
in and uint8 image out. Exits with 2 where C++ is slower: where the whole 95 % interval of its speed-up lies
below 1.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _cpp_build import SOURCE, build
from _options import parser, stated
from _results import conditions, report
from tqdm import tqdm

import restorect_edge
from restorect_edge.bench.measure.timing import interleaved

SIZES = ((64, 96), (480, 640), (720, 1280))
WARM_UP = 3
LINE = (
    "{width}x{height:<5} "
    "Python {python_ms:8.2f} ms  C++ {cpp_ms:8.2f} ms  "
    "speed-up {speed_up:.3f} ({speed_up_low:.3f} to {speed_up_high:.3f})"
)


def main() -> int:
    options = parser(__doc__, "cpp", weights="lowlight-small", threads=1, rounds=25).parse_args()
    facts = conditions(
        **stated(options),
        warm_up=WARM_UP,
        order="Python, C++, Python, C++, … in one process",
    )
    with tempfile.TemporaryDirectory() as folder, tqdm(total=len(SIZES) * (options.rounds + WARM_UP)) as bar:
        artifact = restorect_edge.export(
            options.weights, target="openvino", form="split", dynamic=True, output_dir=folder
        )
        library = _library(Path(folder, "build"))
        with (
            restorect_edge.load(artifact.path, threads=options.threads) as python,
            library.open(artifact.path, threads=options.threads) as cpp,
        ):
            rows = [compare(python, cpp, size, options.rounds, bar) for size in SIZES]
    return report(options.output, "cpp", facts, rows, LINE, lambda row: row["speed_up_high"] < 1)


def compare(python: Any, cpp: Any, size: tuple[int, int], rounds: int, bar: Any) -> dict[str, Any]:
    """Time both runtimes in turns on one image of `size`, (height, width)."""
    image = np.random.default_rng(0).integers(0, 64, (*size, 3), dtype=np.uint8)
    calls = {"python": lambda: python(image), "cpp": lambda: cpp(image)}
    times = interleaved(calls, rounds=rounds, warm_up=WARM_UP, each_round=bar.update)
    speed_up = times["cpp"].speed_up(times["python"])
    return {
        "provider": cpp.provider,
        "height": size[0],
        "width": size[1],
        "python_ms": round(times["python"].ms.value, 3),
        "cpp_ms": round(times["cpp"].ms.value, 3),
        "speed_up": round(speed_up.value, 4),
        "speed_up_low": round(speed_up.low, 4),
        "speed_up_high": round(speed_up.high, 4),
        "max_difference": int(np.abs(python(image).astype(int) - cpp(image)).max()),
    }


def _library(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(
        "restorect_ctypes", SOURCE / "examples" / "restorect_ctypes.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Library(build(folder, "restorect") / "librestorect.so")


if __name__ == "__main__":
    sys.exit(main())
