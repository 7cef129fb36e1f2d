"""What this machine can do at best: multiply-adds of float32 and of 8 bits, and bytes moved, each a second.

Measured, never looked up: chains of convolutions and a matrix product by OpenVINO, whose kernels are those
that artifacts run on, and copies of arrays by numpy that no cache holds. The best run counts. What cannot be
measured is None.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from restorect_edge.bench.measure.record import Peak

__all__ = ["COPIED_BYTES", "best", "measure_peak"]

LAYERS, CHANNELS, SIDE = 4, 256, 28
"""Of the convolutions: many products for each value that is read, and all of them in a core's own cache."""
ROWS = 1024
"""Side of the matrices."""
COPIED_BYTES = 256 << 20
LEAST_RUNS = 3


@dataclass(frozen=True, slots=True)
class _Rate:
    per_s: float
    how: str


def measure_peak(threads: int | None = None, *, seconds: float = 0.6) -> Peak:
    """Measure this machine's peaks.

    Args:
        threads: CPU threads to use; None for one per core.
        seconds: how long each of five workloads runs.
    """
    count = threads or os.cpu_count() or 1
    found = {int8: _multiply_adds(count, seconds, int8=int8) for int8 in (False, True)}
    moved = _copies(count, seconds)
    rates = {"float32": found[False], "int8": found[True], "memory": moved}
    return Peak(
        threads=count,
        fp32_gmacs_per_s=_giga(found[False]),
        int8_gmacs_per_s=_giga(found[True]),
        bandwidth_gb_per_s=_giga(moved),
        how="; ".join(f"{name}: {rate.how if rate else 'not measured'}" for name, rate in rates.items()),
    )


def best(one: Peak, other: Peak) -> Peak:
    """Return the higher of each rate of `one` and `other`, such as before and after a session."""
    names = ("fp32_gmacs_per_s", "int8_gmacs_per_s", "bandwidth_gb_per_s")
    pairs = zip(_parts(one, names), _parts(other, names), strict=True)
    chosen = [max(pair, key=lambda part: part[0] or 0.0) for pair in pairs]
    rates = {name: rate for name, (rate, _) in zip(names, chosen, strict=True)}
    return Peak(threads=one.threads, how="; ".join(how for _, how in chosen), **rates)


def _parts(peak: Peak, names: Sequence[str]) -> list[tuple[float | None, str]]:
    return list(zip((getattr(peak, name) for name in names), peak.how.split("; "), strict=True))


def _multiply_adds(threads: int, seconds: float, *, int8: bool) -> _Rate | None:
    """Return the better of two workloads, None where OpenVINO is not installed or computes otherwise."""
    try:
        import openvino as ov
    except ImportError:
        return None
    rates = [
        _timed_graph(ov, *build(ov.opset13, int8=int8), threads, seconds, int8=int8)
        for build in (_convolutions, _product)
    ]
    return max(filter(None, rates), key=lambda rate: rate.per_s, default=None)


def _timed_graph(
    ov: Any, given: Any, taken: Any, macs: int, name: str, threads: int, seconds: float, *, int8: bool
) -> _Rate | None:
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
    }
    try:
        compiled = ov.Core().compile_model(ov.Model([given], [taken]), "CPU", config)
    except RuntimeError:
        return None
    kernels = _kernels(compiled)
    # what was executed is asked, for a graph with quantizers may be computed in float
    if int8 != all(precision in ("u8", "i8") for precision, _ in kernels):
        return None  # a CPU whose 8-bit arithmetic is that of float32
    request = compiled.create_infer_request()
    image = np.random.default_rng(0).random(tuple(taken.shape), np.float32)
    took = _least_seconds(lambda: request.infer({0: image}, share_inputs=True, share_outputs=True), seconds)
    version = ov.__version__.split("-")[0]
    return _Rate(macs / took, f"{name} by OpenVINO {version} ({', '.join(sorted({k for _, k in kernels}))})")


def _kernels(compiled: Any) -> list[tuple[str, str]]:
    """Return precision and kernel of each layer that multiplies, as it is executed."""
    found = []
    for op in compiled.get_runtime_model().get_ordered_ops():
        info = {key: str(value.value) for key, value in op.get_rt_info().items() if hasattr(value, "value")}
        if info.get("layerType") in ("Convolution", "FullyConnected", "MatMul"):
            found.append((info.get("runtimePrecision", "").lower(), info.get("primitiveType", "")))
    return found


def _convolutions(ops: Any, *, int8: bool) -> tuple[Any, Any, int, str]:
    taken = ops.parameter([1, CHANNELS, SIDE, SIDE], np.float32, name="image")
    values = taken
    for layer in range(LAYERS):
        weights = np.random.default_rng(layer).standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32)
        # a quantizer before each layer, or OpenVINO would compute it in float
        factors = _levels(ops, values, 0.0, 8.0, 256) if int8 else values
        values = ops.relu(
            ops.convolution(factors, _weights(ops, weights, int8), [1, 1], [1, 1], [1, 1], [1, 1])
        )
    macs = LAYERS * CHANNELS * CHANNELS * 9 * SIDE * SIDE
    return values, taken, macs, f"{LAYERS} 3x3 convolutions of {CHANNELS} channels at {SIDE}x{SIDE}"


def _product(ops: Any, *, int8: bool) -> tuple[Any, Any, int, str]:
    taken = ops.parameter([ROWS, ROWS], np.float32, name="rows")
    weights = np.random.default_rng(0).standard_normal((ROWS, ROWS), np.float32)
    factors = _levels(ops, taken, 0.0, 1.0, 256) if int8 else taken
    values = ops.matmul(factors, _weights(ops, weights, int8), False, False)
    return values, taken, ROWS**3, f"a product of {ROWS}x{ROWS} matrices"


def _weights(ops: Any, values: Any, int8: bool) -> Any:
    most = float(np.abs(values).max())
    return _levels(ops, ops.constant(values), -most, most, 255) if int8 else ops.constant(values)


def _levels(ops: Any, values: Any, low: float, high: float, count: int) -> Any:
    ends = np.float32(low), np.float32(high)
    return ops.fake_quantize(values, *ends, *ends, count)


def _copies(threads: int, seconds: float) -> _Rate | None:
    """Copy an array to another in threads: bytes read and written a second, as STREAM counts them."""
    try:
        source, target = (np.ones(COPIED_BYTES // 8) for _ in range(2))
    except MemoryError:
        return None
    ends = np.linspace(0, len(source), threads + 1).astype(int)
    pieces = [slice(*ends[index : index + 2]) for index in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        took = _least_seconds(
            lambda: list(pool.map(lambda piece: np.copyto(target[piece], source[piece]), pieces)), seconds
        )
    return _Rate(2 * source.nbytes / took, f"copies of {COPIED_BYTES >> 20} MiB by numpy")


def _least_seconds(call: Callable[[], object], seconds: float) -> float:
    call()
    started, best, runs = time.perf_counter(), float("inf"), 0
    while runs < LEAST_RUNS or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        call()
        # whatever disturbs a run only makes it slower
        best = min(best, time.perf_counter() - before)
        runs += 1
    return best


def _giga(rate: _Rate | None) -> float | None:
    return None if rate is None else round(rate.per_s / 1e9, 2)
