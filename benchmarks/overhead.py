"""What `Runtime.__call__` costs on top of the bare session: uint8 image in, uint8 image out.

    python benchmarks/overhead.py [--weights NAME] [--threads N] [--rounds N] [-o FILE]

A is ``runtime(image)`` with a uint8 image. B runs the same session on a float32 tensor that is ready.
They take turns, A, B, A, B …, in one process; the overhead is the median over rounds of A over B,
less one, in wall time and in processor time. Exits with 2 where the wall overhead is above 10 %.
"""

import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from _options import parser, stated
from _results import conditions, report
from tqdm import tqdm

import restorect_edge
from restorect_edge.bench.measure.timing import interleaved

SIZES = ((400, 600), (1080, 1920))
TARGETS = {"onnxruntime": "onnx", "openvino": "openvino"}
LIMIT_PERCENT = 10.0
WARM_UP = 3
LINE = (
    "{runtime:12} {width}x{height:<5} session {session_ms:8.1f} ms  "
    "runtime {runtime_ms:8.1f} ms  overhead {overhead_percent:5.1f} % "
    "(processor time {overhead_cpu_percent:.1f} %)"
)


def main() -> int:
    options = parser(__doc__, "overhead", weights="lowlight-small", threads=1, rounds=25).parse_args()
    facts = conditions(
        **stated(options),
        warm_up=WARM_UP,
        order="A, B, A, B, … in one process",
        limit_percent=LIMIT_PERCENT,
    )
    rows = []
    total = len(TARGETS) * len(SIZES) * options.rounds
    with tempfile.TemporaryDirectory() as folder, tqdm(total=total, desc="overhead") as bar:
        for name, target in TARGETS.items():
            bar.set_postfix_str(f"exporting {target}")
            artifact = restorect_edge.export(
                options.weights, target=target, precision="fp32", shapes=SIZES, output_dir=folder
            )
            with restorect_edge.load(artifact.path, threads=options.threads) as runtime:
                for size in SIZES:
                    bar.set_postfix_str(f"{name} {size[1]}x{size[0]}")
                    rows.append({"runtime": name, **compare(runtime, size, options.rounds, bar)})
    return report(
        options.output, "overhead", facts, rows, LINE, lambda row: row["overhead_percent"] > LIMIT_PERCENT
    )


def compare(runtime: Any, size: tuple[int, int], rounds: int, bar: Any) -> dict[str, Any]:
    """Time the runtime and its own session in turns, on one image of `size`, (height, width)."""
    image = np.random.default_rng(0).integers(0, 64, (*size, 3), dtype=np.uint8)
    bare = _bare(runtime, image)
    calls = {"runtime": lambda: runtime(image), "session": bare}
    times = interleaved(calls, rounds=rounds, warm_up=WARM_UP, pause_s=0, each_round=bar.update)
    ours, theirs = times["runtime"], times["session"]
    return {
        "provider": runtime.provider,
        "height": size[0],
        "width": size[1],
        "runtime_ms": round(ours.ms.value, 3),
        "session_ms": round(theirs.ms.value, 3),
        "overhead_percent": round(100 * (theirs.speed_up(ours).value - 1), 2),
        "runtime_cpu_ms": round(ours.processor_ms.value, 3),
        "session_cpu_ms": round(theirs.processor_ms.value, 3),
        "overhead_cpu_percent": round(100 * (theirs.processor_speed_up(ours).value - 1), 2),
    }


def _bare(runtime: Any, image: Any) -> Callable[[], Any]:
    """Return a call of the library's own session, as its documentation shows it, with its input ready."""
    graph = next(g for g in runtime.info.graphs if g.shape == image.shape[:2])
    session = runtime._sessions[graph]
    planes = image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    feeds = {"image": np.ascontiguousarray(planes)}
    if runtime.name == "onnxruntime":
        return lambda: session.run(None, feeds)
    return lambda: session.infer(feeds, share_inputs=True, share_outputs=True)


if __name__ == "__main__":
    sys.exit(main())
