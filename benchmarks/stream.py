"""What does a prior every 8 frames save against one on every frame, at 320×240?

    python benchmarks/stream.py [--weights NAME] [--threads N] [--rounds N] [-o FILE]

Streams of `VideoRestorer` take turns in one process: the prior on every frame, every 8 frames, and every 8
with smoothing; a turn is 8 frames. Exits with 2 where, on the artifact with the fastest frames, every 8
costs more than 70 % of every frame: where the whole 95 % interval of its share lies above that.
"""

import sys
import tempfile
from collections.abc import Callable
from typing import Any

from _options import parser, stated
from _results import conditions, report
from tqdm import tqdm

import restorect_edge
from restorect_edge.bench.measure.timing import interleaved
from restorect_edge.inference.video.stream import VideoRestorer
from restorect_edge.media.photos import photos

SIZE = (240, 320)
EVERY, SMOOTH = 8, 0.8
ARTIFACTS = (("onnx", "fp32"), ("onnx", "int8"), ("openvino", "fp32"), ("openvino", "int8"))
STREAMS = {"every frame": (1, 0.0), "every 8": (EVERY, 0.0), "every 8, smoothed": (EVERY, SMOOTH)}
LIMIT = 0.70
WARM_UP = 3

Row = dict[str, Any]
LINE = (
    "{runtime:12} {precision:5} prior {prior:18} {frame_ms:7.2f} ms, "
    "{share:.1%} ({share_low:.1%} to {share_high:.1%})"
)


def main() -> int:
    options = parser(__doc__, "stream", weights="lowlight-nano", threads=1, rounds=51).parse_args()
    facts = conditions(
        **stated(options),
        warm_up=WARM_UP,
        frames_per_turn=EVERY,
        order=", ".join(STREAMS) + ", … in one process",
        limit_share=LIMIT,
    )
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        tqdm(total=len(ARTIFACTS) * (options.rounds + WARM_UP), desc="stream") as bar,
    ):
        for target, precision in ARTIFACTS:
            artifact = restorect_edge.export(
                options.weights,
                target=target,
                precision=precision,
                form="split",
                shapes=[SIZE],
                output_dir=folder,
            )
            with restorect_edge.load(artifact.path, threads=options.threads) as runtime:
                rows += compare(runtime, options.rounds, bar.update)
    report(options.output, "stream", facts, rows, LINE)
    fastest = min((row for row in rows if row["prior"] == "every 8"), key=lambda row: row["frame_ms"])
    return 2 if fastest["share_low"] > LIMIT else 0


def compare(runtime: restorect_edge.Runtime, rounds: int, each_round: Callable[[], object]) -> list[Row]:
    """Time the streams of one artifact in turns and return a row for each."""
    image = next(iter(photos(SIZE).values()))

    def turn(every: int, smooth: float) -> Any:
        restore = VideoRestorer(runtime, prior_every=every, smooth=smooth)
        return lambda: [restore(image) for _ in range(EVERY)]

    calls = {name: turn(*setting) for name, setting in STREAMS.items()}
    times = interleaved(calls, rounds=rounds, warm_up=WARM_UP, each_round=each_round)
    first = next(iter(STREAMS))
    return [
        {
            "runtime": runtime.name,
            "precision": runtime.info.precision,
            "provider": runtime.provider,
            "prior": name,
            "prior_every": every,
            "smooth": smooth,
            "frame_ms": round(times[name].ms.value / EVERY, 3),
            **dict(zip(("share", "share_low", "share_high"), _share(times[name], times[first]), strict=True)),
        }
        for name, (every, smooth) in STREAMS.items()
    ]


def _share(ours: Any, first: Any) -> tuple[float, ...]:
    speed_up = ours.speed_up(first)
    return tuple(round(1 / value, 4) for value in (speed_up.value, speed_up.high, speed_up.low))


if __name__ == "__main__":
    sys.exit(main())
