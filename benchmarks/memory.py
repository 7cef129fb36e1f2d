"""Peak resident memory of restoring large photographs, each in a process of its own.

    python benchmarks/memory.py [--weights NAME] [--sizes HxW,...] [-o FILE]        (Linux)

The image is synthesised. The peak is the high-water mark of the process's resident memory: interpreter,
libraries, network, the input and output image and everything in between. Exits with 2 where a limit is
exceeded.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _options import parser
from _results import conditions, write
from numpy.typing import NDArray
from tqdm import tqdm

import restorect_edge

LIMITS_MB = {48: 2000, 12: 1200}
"""Megapixels → most resident memory, in MB of 10⁶ bytes."""
EXPORTS = {"onnxruntime": "onnx", "openvino": "openvino"}


def main() -> int:
    options = _parser().parse_args()
    if options.child:
        source, size = options.child
        print(json.dumps(measure(source, _size(size))))
        return 0
    facts = conditions(
        weights=options.weights, image="uint8, synthesised", peak="VmHWM, 10^6 bytes", limits_mb=LIMITS_MB
    )
    sizes = [_size(text) for text in options.sizes.split(",")]
    rows = []
    with tempfile.TemporaryDirectory() as folder, tqdm(total=3 * len(sizes), desc="memory") as bar:
        for runtime, source in _sources(options.weights, Path(folder), bar).items():
            for height, width in sizes:
                bar.set_postfix_str(f"{runtime} {width}x{height}")
                rows.append({"runtime": runtime, **in_own_process(source, f"{height}x{width}")})
                bar.update()
    write(options.output, "memory", facts, rows)
    return _report(rows, options.output)


def measure(source: str, size: tuple[int, int]) -> dict[str, Any]:
    """Restore one synthesised image in this process and return what that took."""
    with restorect_edge.load(source) as runtime:
        loaded = _peak_mb()
        image = synthesise(*size)
        started = time.perf_counter()
        restored = runtime(image)
        seconds = time.perf_counter() - started
        if restored.shape != image.shape:
            raise RuntimeError(f"restored {restored.shape} from {image.shape}")
        return {
            "provider": runtime.provider,
            "height": size[0],
            "width": size[1],
            "megapixels": round(size[0] * size[1] / 1e6, 2),
            "peak_mb": _peak_mb(),
            "loaded_mb": loaded,
            "seconds": round(seconds, 2),
        }


def in_own_process(source: str, size: str) -> dict[str, Any]:
    """Run `measure` in a fresh interpreter."""
    command = [sys.executable, __file__, "--child", source, size]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    # libraries may print before it
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def synthesise(height: int, width: int) -> NDArray[np.uint8]:
    """Return a dark (H, W, 3) image: a gradient with noise, made by strips so that it costs no memory."""
    image = np.empty((height, width, 3), np.uint8)
    noise = np.random.default_rng(0)
    across = np.linspace(0, 40, width, dtype=np.float32)[:, None]
    for top in range(0, height, 256):
        strip = image[top : top + 256]
        strip[:] = across + noise.integers(0, 24, strip.shape, dtype=np.uint8)
    return image


def _sources(weights: str, folder: Path, bar: Any) -> dict[str, str]:
    found = {"torch": weights}
    for runtime, target in EXPORTS.items():
        bar.set_postfix_str(f"exporting {target}")
        artifact = restorect_edge.export(
            weights, target=target, form="split", dynamic=True, precision="fp32", output_dir=folder
        )
        found[runtime] = str(artifact.path)
    return found


def _report(rows: list[dict[str, Any]], path: Path) -> int:
    failed = False
    for row in rows:
        limit = LIMITS_MB.get(round(row["megapixels"]))
        over = limit is not None and row["peak_mb"] > limit
        failed |= over
        verdict = "" if limit is None else f"  limit {limit} MB{': EXCEEDED' if over else ''}"
        print(f"{row['runtime']:12} {row['megapixels']:6.1f} MP  peak {row['peak_mb']:6.0f} MB{verdict}")
    print(path)
    return 2 if failed else 0


def _peak_mb() -> float:
    """Return VmHWM: `ru_maxrss` would start at what the parent process held when it started this one."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kibibytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return round(kibibytes * 1024 / 1e6, 1)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


def _parser() -> argparse.ArgumentParser:
    found = parser(__doc__, "memory", weights="lowlight-small")
    found.add_argument("--sizes", default="3000x4000,6000x8000", help="HxW, comma-separated (%(default)s)")
    found.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return found


if __name__ == "__main__":
    sys.exit(main())
