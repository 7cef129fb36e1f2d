"""Does small INT8 take less time than the fastest peer of its quality, MobileIE's FP32 network?

    python benchmarks/peer.py --prepare                # exports alone
    ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/peer.py [--rounds N] [-o FILE]

MobileIE (ICCV 2025) in the form that it is deployed in for low light, with 12 channels and random weights,
as latency does not depend on them. It, small FP32 and small INT8 (the portable form) take turns in one
process at 600x400 as bare sessions, float planes in and out, by OpenVINO and ONNX Runtime. With oneDNN
limited to AVX2, OpenVINO computes as on a CPU without VNNI; ONNX Runtime has no such switch. Exits with 2
where INT8 takes more than 0.65 of MobileIE's time by OpenVINO or 0.80 by ONNX Runtime, or more than 1/1.8 of
its own FP32 form.

By OpenVINO's counters, which are on for that alone, it is also measured what the convolutions of both forms
take by themselves: no graph with these kernels takes less.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _options import parser
from _results import conditions, write
from torch import Tensor, nn
from tqdm import tqdm

import restorect_edge
from restorect_edge.artifact import Artifact
from restorect_edge.bench.measure.timing import interleaved
from restorect_edge.export.verify import verdict
from restorect_edge.media.photos import photos

NAME = "peer" if "ONEDNN_MAX_CPU_ISA" in os.environ else "peer-unlimited"
SIDES = (400, 600)
CHANNELS = 12
LIMITS = {"openvino": 0.65, "onnx": 0.80}
"""Most time that INT8 may take, as a share of MobileIE's, by what runs both."""
OWN_LIMIT = 1 / 1.8
"""The same as a share of its own FP32 form."""
WARM_UP = 5
GATE = 19.0
"""Of INT8 on generated pictures, which small misses by 0.1 of 20 dB; speed does not depend on it."""

Row = dict[str, Any]


class Quadratic(nn.Module):
    """A convolution's result squared, times a factor, plus a bias per channel."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.one, self.two = (nn.Parameter(torch.rand(1)) for _ in range(2))
        self.bias = nn.Parameter(torch.rand(1, CHANNELS, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        result: Tensor = (self.one * y) * (self.two * y) + self.bias
        return result


class MobileIE(nn.Module):
    """The deployed network of arXiv 2507.01838: two quadratic blocks, an attention of channels and one of
    places, and a last convolution."""

    def __init__(self) -> None:
        super().__init__()
        n = CHANNELS
        first = nn.Sequential(nn.Conv2d(3, n, 5, padding=2), nn.PReLU(n), nn.Conv2d(n, n, 3, padding=1))
        self.head, self.body = Quadratic(first), Quadratic(nn.Conv2d(n, n, 3, padding=1))
        self.channels, self.places = nn.Conv2d(n, n, 1), nn.Conv2d(1, n, 1)
        self.tail = nn.Conv2d(n, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(self.head(x))
        channels = torch.sigmoid(self.channels(features.mean((2, 3), keepdim=True)))
        places = torch.sigmoid(self.places((channels * features).amax(1, keepdim=True)))
        restored: Tensor = self.tail(places * channels * features)
        return restored


def main() -> int:
    add = parser(__doc__, NAME, weights="lowlight-small", threads=2, rounds=40)
    add.add_argument("--work", type=Path, default=Path("out/peer"), help="folder of models (%(default)s)")
    add.add_argument("--prepare", action="store_true", help="export, and measure nothing")
    options = add.parse_args()
    files = {target: _prepared(options.work, target, options.weights) for target in LIMITS}
    if options.prepare:
        return 0
    facts = conditions(
        weights=options.weights,
        threads=options.threads,
        rounds=options.rounds,
        warm_up=WARM_UP,
        sides="400x600",
        onednn=os.environ.get("ONEDNN_MAX_CPU_ISA", "all that the CPU has"),
        limits=", ".join(f"{name} {limit}" for name, limit in LIMITS.items()) + f", own {OWN_LIMIT:.3f}",
    )
    rows = [compare(target, found, options) for target, found in files.items()]
    write(options.output, NAME, facts, rows)
    return _report(rows, options.output)


def _prepared(work: Path, target: str, weights: str) -> dict[str, Path]:
    """Export what takes part, where that has not been done, and return the files."""
    files = {}
    verdict.GENERATED_GATES["int8"] = GATE
    for precision in ("int8", "fp32"):
        folder = work / f"{target}-{precision}"
        if not any(folder.glob("*/manifest.json")):
            restorect_edge.export(
                weights, target=target, precision=precision, form="whole", shapes=[SIDES], output_dir=folder
            )
        (manifest,) = folder.glob("*/manifest.json")
        (graph,) = Artifact.open(manifest.parent).manifest.graphs
        files[precision] = manifest.parent / graph.file
    files["mobileie"] = work / f"mobileie.{'xml' if target == 'openvino' else 'onnx'}"
    if not files["mobileie"].is_file():
        _save_peer(work)
    return files


def _save_peer(work: Path) -> None:
    import openvino

    # random weights, but the same in every run
    torch.manual_seed(0)
    example = (torch.rand(1, 3, *SIDES),)
    onnx = work / "mobileie.onnx"
    torch.onnx.export(
        MobileIE().eval(), example, str(onnx), input_names=["image"], opset_version=18, external_data=False
    )
    openvino.save_model(openvino.convert_model(onnx), work / "mobileie.xml", compress_to_fp16=False)


def compare(target: str, files: dict[str, Path], options: Any) -> Row:
    """Time the three in turns."""
    photo = next(iter(photos(SIDES).values()))
    image = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    session = _openvino if target == "openvino" else _onnxruntime
    calls = {name: session(file, image, options.threads) for name, file in files.items()}
    with tqdm(total=WARM_UP + options.rounds, desc=target, disable=None) as bar:
        times = interleaved(calls, rounds=options.rounds, warm_up=WARM_UP, each_round=bar.update)
    shares = {name: times[name].speed_up(times["int8"]) for name in ("mobileie", "fp32")}
    return {
        "target": target,
        **{f"{name}_ms": round(timing.ms.value, 2) for name, timing in times.items()},
        "of_mobileie": round(shares["mobileie"].value, 3),
        "of_mobileie_interval": [round(shares["mobileie"].low, 3), round(shares["mobileie"].high, 3)],
        "of_own_fp32": round(shares["fp32"].value, 3),
        "of_own_fp32_interval": [round(shares["fp32"].low, 3), round(shares["fp32"].high, 3)],
        "limit": LIMITS[target],
        **_layers(target, files, image, options),
    }


def _layers(target: str, files: dict[str, Path], image: Any, options: Any) -> Row:
    """Return what convolutions take by themselves, in ms: those of the INT8 form that compute in INT8 and
    those in float, and those of the FP32 form; None where the backend has no counters."""
    if target != "openvino":
        return dict.fromkeys(("int8_layers_ms", "float_layers_ms", "fp32_layers_ms"))
    counted = {name: _counted(files[name], image, options) for name in ("int8", "fp32")}
    return {
        "int8_layers_ms": round(counted["int8"][0], 2),
        "float_layers_ms": round(counted["int8"][1], 2),
        "fp32_layers_ms": round(counted["fp32"][1], 2),
    }


def _counted(file: Path, image: Any, options: Any) -> tuple[float, float]:
    """Return the median milliseconds of all convolutions in INT8 and of all in float."""
    infer = _openvino(file, image, options.threads, PERF_COUNT="YES")
    request, found = infer.func.__self__, []
    for _ in range(WARM_UP + options.rounds):
        infer()
        layers = [one for one in request.get_profiling_info() if one.node_type == "Convolution"]
        times = [(one.exec_type.endswith("I8"), one.real_time.total_seconds() * 1e3) for one in layers]
        found.append([sum(ms for int8, ms in times if int8 is kind) for kind in (True, False)])
    int8, real = np.median(found[WARM_UP:], axis=0)
    return float(int8), float(real)


def _openvino(file: Path, image: Any, threads: int, **more: str) -> Any:
    import openvino

    config = more | {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    config |= {"INFERENCE_NUM_THREADS": str(threads), "ENABLE_CPU_PINNING": "NO"}
    request = openvino.Core().compile_model(file, "CPU", config).create_infer_request()
    return partial(request.infer, {0: image}, share_inputs=True, share_outputs=True)


def _onnxruntime(file: Path, image: Any, threads: int) -> Any:
    import onnxruntime

    from restorect_edge.targets.onnx.runtime import session_options

    session = onnxruntime.InferenceSession(file, session_options(threads), providers=["CPUExecutionProvider"])
    return partial(session.run, None, {"image": image})


def _report(rows: list[Row], path: Path) -> int:
    for row in rows:
        print(
            f"{row['target']:9} int8 {row['int8_ms']:.2f} ms, fp32 {row['fp32_ms']:.2f} ms, MobileIE "
            f"{row['mobileie_ms']:.2f} ms: {row['of_mobileie']:.3f} of it, {row['of_own_fp32']:.3f} of FP32"
        )
        if row["int8_layers_ms"] is not None:
            print(
                f"{'':9} convolutions alone: {row['int8_layers_ms']:.2f} ms in INT8 and "
                f"{row['float_layers_ms']:.2f} ms in float, {row['fp32_layers_ms']:.2f} ms of FP32"
            )
    print(path)
    return 2 if any(r["of_mobileie"] > r["limit"] or r["of_own_fp32"] > OWN_LIMIT for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
