"""Engines: built on this board where there is none that fits, kernel timings kept between builds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from restorect_edge.artifact import Artifact
from restorect_edge.targets.tensorrt.build_engine import BuildOptions, ensure_engine
from restorect_edge.targets.tensorrt.runtime import ANY_SHAPES, engine_errors

__all__ = ["build_engines"]

TIMING_CACHE = "timing.cache"

Say = Callable[[str], None]


def build_engines(trt: Any, artifact: Artifact, kit: Path, say: Say) -> float | None:
    """Build each engine of an artifact that is not current here, beside its ONNX file.

    Returns:
        The ms that building the present engines took, here or in an earlier run; None if that is not known.

    Raises:
        IncompatibleError: TensorRT cannot take the graph.
        BackendError: there is no GPU, TensorRT failed, or the disk is full.
    """
    cache = None if "rtx" in trt.__name__ else str(kit / TIMING_CACHE)
    seconds: list[float | None] = []
    for graph in artifact.manifest.graphs:
        onnx = artifact.path / graph.file
        engine = onnx.with_suffix(".engine")
        with engine_errors("measuring on a Jetson"):
            ensure_engine(
                trt, str(onnx), str(engine), BuildOptions(timing_cache=cache), ignore=ANY_SHAPES, notify=say
            )
        seconds.append(_recorded(engine))
    known = [value for value in seconds if value is not None]
    return 1e3 * sum(known) if len(known) == len(seconds) else None


def _recorded(engine: Path) -> float | None:
    try:
        found = json.loads(engine.with_name(engine.name + ".json").read_text(encoding="utf-8"))["seconds"]
    except (OSError, ValueError, KeyError):
        return None
    return float(found)
