"""OpenVINO IR, through the same ONNX graph as the other targets."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openvino

from restorect_edge.models.tracing.graph import Graph
from restorect_edge.targets.onnx import converter as onnx_target
from restorect_edge.targets.openvino import ir, planes, rows, shuffles
from restorect_edge.targets.options import ExportOptions
from restorect_edge.utils.foreign import foreign_errors

__all__ = ["convert", "finish"]


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<stem>.xml`` and ``<stem>.bin``; `fp16` stores weights in half, devices choose arithmetic.

    Arguments are those of `Target.convert`.

    Raises:
        BackendError: OpenVINO does not take the graph; the reason is one sentence.
    """
    path = directory / f"{graph.stem}.xml"
    with TemporaryDirectory() as folder:
        source = onnx_target.convert(graph, Path(folder), ExportOptions(dynamic=options.dynamic))
        with foreign_errors(f"OpenVINO cannot read graph '{graph.stem}'"):
            model = openvino.convert_model(source)
        ir.pool_by_plane(model)
        shuffles.add_before_shuffle(model)
        rows.shuffle_by_rows(model)
        rows.unshuffle_last(model)
        planes.mix_by_plane(model)
        for key, value in options.metadata.items():
            model.set_rt_info(value, ["restorect_edge", key])
        if options.precision == "int8":
            ir.merge_constants(model)
            ir.store_half(model)
        openvino.save_model(model, path, compress_to_fp16=options.precision == "fp16")
    if options.precision == "int8":
        ir.strip(path)
    return path


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Return what the stored weights are, for the report.

    Arguments are those of `Target.finish`.
    """
    return {"weights": options.precision, "arithmetic": "float32 asked for by the runtime"}
