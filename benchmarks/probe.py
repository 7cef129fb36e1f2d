"""INT8 and FP32 against a fixed probe: how fast the student is, whatever the machine.

    python benchmarks/probe.py [--weights NAME] [--rounds N] [-o FILE]

The probe is a plain FP32 network: pixel-unshuffle by 2, 3x3 convolutions 12 to 32, six of 32 to 32 and
32 to 12 with ReLU between them, pixel-shuffle, at 600x400 on OpenVINO. It, the FP32 and the INT8 student
take turns in one process; the ratio is the median over rounds of INT8's time over the probe's within the
round, with the 95 % interval of that median by blocks. Processor time stands beside it, which
does not count what other processes take. Exits with 2 where the ratio exceeds the limit.
"""

import os
import sys
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from _options import parser, stated
from _results import conditions, report
from torch import nn
from tqdm import tqdm

import restorect_edge
from restorect_edge.bench.measure.timing import interleaved
from restorect_edge.media.photos import photos

HEIGHT, WIDTH = 400, 600
CHANNELS, LAYERS = 32, 6
LIMIT = 0.60
"""Most time that INT8 may take, as a share of the probe's."""
THREADS = (1, 2)
WARM_UP = 5
LINE = (
    "{threads} threads: int8 {int8_ms:.1f} ms, fp32 {fp32_ms:.1f} ms, probe "
    "{probe_ms:.1f} ms, int8/probe {ratio:.3f} ({low:.3f} to {high:.3f})"
)


def main() -> int:
    options = parser(__doc__, "probe", weights="lowlight-small", rounds=60).parse_args()
    facts = conditions(**stated(options), warm_up=WARM_UP, limit=LIMIT)
    with tempfile.TemporaryDirectory() as folder:
        files = {precision: _export(precision, options.weights, folder) for precision in ("int8", "fp32")}
        files["probe"] = _save_probe(Path(folder) / "probe.xml")
        rows = [compare(files, threads, options.rounds) for threads in THREADS]
    return report(options.output, "probe", facts, rows, LINE, lambda row: row["ratio"] > LIMIT)


def probe() -> nn.Module:
    """Return the probe with weights of a fixed seed: (1, 3, H, W) to the same, H and W even."""
    torch.manual_seed(0)
    widths = [12, *[CHANNELS] * (LAYERS + 1)]
    layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
    for cin, cout in pairwise(widths):
        layers += [nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(CHANNELS, 12, 3, padding=1), nn.PixelShuffle(2)).eval()


def compare(files: dict[str, Path], threads: int, rounds: int) -> dict[str, Any]:
    """Time every network once per round on a dark photograph, as a bare OpenVINO request."""
    photo = next(iter(photos((HEIGHT, WIDTH)).values()))
    image = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    requests = {name: _request(file, threads) for name, file in files.items()}
    load = os.getloadavg()[0]
    calls = {
        name: partial(request.infer, {0: image}, share_inputs=True, share_outputs=True)
        for name, request in requests.items()
    }
    with tqdm(total=WARM_UP + rounds, desc=f"{threads} threads", disable=None) as bar:
        times = interleaved(calls, rounds=rounds, warm_up=WARM_UP, pause_s=0, each_round=bar.update)
    ratio = times["probe"].speed_up(times["int8"])
    return {
        "threads": threads,
        "load": round(load, 2),
        **{f"{name}_ms": round(timing.ms.value, 2) for name, timing in times.items()},
        "ratio": round(ratio.value, 4),
        "low": round(ratio.low, 4),
        "high": round(ratio.high, 4),
        "cpu_ratio": round(times["probe"].processor_speed_up(times["int8"]).value, 4),
        **{f"{name}_cpu_ms": round(timing.processor_ms.value, 2) for name, timing in times.items()},
        **{f"{name}_all_ms": [round(ms, 2) for ms in timing.samples] for name, timing in times.items()},
    }


def _request(file: Path, threads: int) -> Any:
    config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    config["INFERENCE_NUM_THREADS"] = str(threads)
    return openvino.Core().compile_model(file, "CPU", config).create_infer_request()


def _save_probe(path: Path) -> Path:
    program = torch.export.export(probe(), (torch.zeros(1, 3, HEIGHT, WIDTH),))
    openvino.save_model(openvino.convert_model(program), path, compress_to_fp16=False)
    return path


def _export(precision: str, weights: str, folder: str) -> Path:
    made = restorect_edge.export(
        weights,
        target="openvino",
        precision=precision,
        shapes=[(HEIGHT, WIDTH)],
        output_dir=folder,
        progress=lambda line: print(line, file=sys.stderr),
    )
    return made.path / made.manifest.graphs[0].file


if __name__ == "__main__":
    sys.exit(main())
