"""INT8 against FP32: the same student on one image, in turns in one process, backend by backend.

    python benchmarks/precision.py [--weights NAME] [--threads N] [--rounds N] [-o FILE]

Times `runtime(image)`, uint8 in and uint8 out. The ratio is the median over rounds of FP32's time over
INT8's within the round, so a machine whose speed drifts does not decide it. Losses are reported as well.
"""

import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from _options import parser, stated
from _results import conditions, report
from tqdm import tqdm

import restorect_edge
from restorect_edge.bench.measure.timing import PAUSE_S, interleaved
from restorect_edge.media.photos import photos

SIZES = ((400, 600), (720, 1280))
TARGETS = ("onnx", "openvino")
PRECISIONS = ("fp32", "int8")
WARM_UP = 3
LINE = (
    "{target:9} {width}x{height:<5} fp32 {fp32_ms:7.1f} ms  int8 {int8_ms:7.1f} ms  speed-up {speed_up:.2f}"
)


def main() -> int:
    options = parser(__doc__, "precision", weights="lowlight-small", threads=2, rounds=30).parse_args()
    facts = conditions(
        **stated(options),
        warm_up=WARM_UP,
        pause_s=PAUSE_S,
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for target in TARGETS:
            with ExitStack() as stack:
                runtimes = {
                    precision: stack.enter_context(
                        restorect_edge.load(
                            _export(target, precision, options.weights, folder), threads=options.threads
                        )
                    )
                    for precision in PRECISIONS
                }
                rows += [compare(target, runtimes, size, options.rounds) for size in SIZES]
    return report(options.output, "precision", facts, rows, LINE)


def compare(target: str, runtimes: dict[str, Any], size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Time every precision once per round on a photograph of `size`, (height, width)."""
    image = next(iter(photos(size).values()))
    calls = {precision: partial(runtime, image) for precision, runtime in runtimes.items()}
    with tqdm(total=WARM_UP + rounds, desc=f"{target} {size[1]}x{size[0]}") as bar:
        times = interleaved(calls, rounds=rounds, warm_up=WARM_UP, pause_s=PAUSE_S, each_round=bar.update)
    fp32, int8 = (times[precision] for precision in PRECISIONS)
    return {
        "target": target,
        "provider": runtimes["int8"].provider,
        "height": size[0],
        "width": size[1],
        "fp32_ms": round(fp32.ms.value, 2),
        "int8_ms": round(int8.ms.value, 2),
        "speed_up": round(int8.speed_up(fp32).value, 3),
        "fp32_all_ms": [round(value, 2) for value in fp32.samples],
        "int8_all_ms": [round(value, 2) for value in int8.samples],
    }


def _export(target: str, precision: str, weights: str, folder: str) -> Path:
    return restorect_edge.export(
        weights,
        target=target,
        precision=precision,
        shapes=SIZES,
        output_dir=folder,
        progress=lambda line: print(line, file=sys.stderr),
    ).path


if __name__ == "__main__":
    sys.exit(main())
