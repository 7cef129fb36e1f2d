"""LiteRT (formerly TensorFlow Lite) for Android: one ``.tflite`` per graph, by litert-torch.

Inputs and outputs keep their names and layout: NCHW, RGB in [0, 1], float32. `fp16` stores the weights in
half; a phone's CPU unpacks them, its GPU computes with them.

`int8` is the graph that all targets share, and integer kernels give PyTorch's levels. What is read in float
as well, as the image is, must be kept from the converter's quantizers.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorect_edge.errors import BackendError
from restorect_edge.models.tracing.graph import Graph
from restorect_edge.quantization.qdq import Q
from restorect_edge.targets.litert.ends import with_float_ends
from restorect_edge.targets.options import ExportOptions
from restorect_edge.utils.extras import imported
from restorect_edge.utils.foreign import hushed, hushed_descriptor, reason

__all__ = ["convert", "finish"]

_library = partial(imported, "litert_torch", "LiteRT export", "litert")

_aten = torch.ops.aten
MOVES = (
    _aten.pixel_unshuffle.default,
    _aten.pixel_shuffle.default,
    _aten.permute.default,
    _aten.transpose.int,
    _aten.view.default,
    _aten.reshape.default,
    _aten.squeeze.dims,
    _aten.unsqueeze.default,
    _aten.slice.Tensor,
    _aten.constant_pad_nd.default,
    _aten.pad.default,
)
"""What changes places of values alone: LiteRT's converter moves quantizers past it."""
SWITCHES = {"LITERT_TORCH_SHOW_PROGRESS": "n", "TF_CPP_MIN_LOG_LEVEL": "2"}
"""Environment that keeps progress bars and what C++ code says of oneDNN off standard error."""


def convert(graph: Graph, directory: Path, options: ExportOptions) -> Path:
    """Write ``<graph.stem>.tflite`` below `directory` and return its path.

    Arguments are those of `Target.convert`.

    Raises:
        MissingDependencyError: litert-torch is not installed.
        BackendError: it cannot convert the graph.
    """
    path = directory / f"{graph.stem}.tflite"
    with _quiet():
        library = _library()
        feeds = dict(zip(graph.inputs, _example(graph), strict=True))
        try:
            network, config = graph.program.module(), None
            if options.precision == "int8":
                _quantize_when_called(network)
                _keep_apart(network)
                config = _static()
            named = _Named(network, graph)
            content = library.convert(named, sample_kwargs=feeds, quant_config=config).model_content()
            if options.precision == "fp16":
                content = _with_half_weights(content)
            if options.precision == "int8":
                content = with_float_ends(content)
        except Exception as error:  # torch, MLIR and the quantizer share no narrower base
            told = reason(error)
            raise BackendError(f"litert-torch cannot convert the {graph.role} graph: {told}") from error
        path.write_bytes(_described(content, dict(options.metadata)))
    return path


def finish(directory: Path, files: Sequence[Path], options: ExportOptions) -> dict[str, Any]:
    """Return the operators of each graph and what the stored weights are, for the report.

    Arguments are those of `Target.finish`.
    """
    return {
        "operators": {file.name: _operators(file) for file in files},
        "weights": options.precision,
        "placement": "not measured",
    }


class _Named(nn.Module):
    """A graph called with inputs by name, whose output has a name too: the file's signature."""

    def __init__(self, network: nn.Module, graph: Graph) -> None:
        super().__init__()
        self.network = network
        self.inputs, self.output = graph.inputs, graph.output
        self.training = False  # not by eval(), which a traced module refuses

    def forward(self, **feeds: Tensor) -> dict[str, Tensor]:
        return {self.output: self.network(*(feeds[name] for name in self.inputs))}


def _example(graph: Graph) -> list[Tensor]:
    names = graph.program.graph_signature.user_inputs
    found = {n.name: n.meta["val"] for n in graph.program.graph.nodes if n.op == "placeholder"}
    return [torch.zeros(tuple(found[name].shape), dtype=found[name].dtype) for name in names]


def _quantize_when_called(network: Any) -> None:
    """Let weights be float and quantized by the graph, which litert-torch folds; it refuses stored int8.

    A level times its scale, over the scale, is that level again.
    """
    graph = network.graph
    for node in list(graph.nodes):
        if node.target is Q.dequantize_per_channel.default and node.args[0].op == "get_attr":
            levels, scales, zeros, *rest = node.args
            stored = [network.get_buffer(value.target) for value in (levels, scales, zeros)]
            name = f"{node.name}_float"
            network.register_buffer(name, Q.dequantize_per_channel(*stored, *rest))
            with graph.inserting_before(node):
                weight = graph.get_attr(name)
                pair = graph.call_function(Q.quantize_per_channel.default, (weight, scales, zeros, *rest))
            node.args = (pair, scales, zeros, *rest)
    graph.eliminate_dead_code()
    network.recompile()


def _keep_apart(network: Any) -> None:
    """Put an operation between a value that is also read in float and the quantizer that comes after it.

    LiteRT's converter moves a quantizer up past what only moves values, such as a transposition, and lets all
    readers of that have its levels: a shortcut of the image would be in steps of two levels of 255. Clamping
    to the quantizer's own range changes no level.
    """
    graph = network.graph
    for node in list(graph.nodes):
        if node.target is not Q.quantize_per_tensor.default:
            continue
        reader, value = _shared(node)
        if value is not None:
            scale, zero, low, high = node.args[1:5]
            with graph.inserting_before(reader):
                ends = ((low - zero) * scale, (high - zero) * scale)
                held = graph.call_function(_aten.clamp.default, (value, *ends))
            reader.replace_input_with(value, held)
    network.recompile()


def _shared(quantizer: Any) -> tuple[Any, Any]:
    """Return the nearest value above a quantizer that has other readers, past `MOVES`, after its reader."""
    reader, value = quantizer, quantizer.args[0]
    while len(value.users) == 1 and value.target in MOVES:
        reader, value = value, value.args[0]
    return reader, value if len(value.users) > 1 else None


def _static() -> Any:
    """Return what asks litert-torch for integer kernels; the quantizer in it is not used."""
    from litert_torch.quantize import pt2e_quantizer, quant_config

    scheme = pt2e_quantizer.get_symmetric_quantization_config()
    return quant_config.QuantConfig(pt2e_quantizer=pt2e_quantizer.PT2EQuantizer().set_global(scheme))


def _with_half_weights(content: bytes) -> bytes:
    from ai_edge_quantizer import qtyping, quantizer

    half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    worker = quantizer.Quantizer(bytearray(content))
    worker.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=half,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        ),
        algorithm_key="float_casting",
    )
    return bytes(worker.quantize().quantized_model)


def _described(content: bytes, facts: dict[str, str]) -> bytes:
    """Add metadata entries to a file."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    model.metadata = list(model.metadata or [])
    for name, value in facts.items():
        entry, buffer = schema.MetadataT(), schema.BufferT()
        buffer.data = list(value.encode())
        entry.name, entry.buffer = name.encode(), len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _operators(file: Path) -> list[str]:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = flatbuffer_utils.read_model(str(file))
    return sorted({names[code.builtinCode] for code in model.operatorCodes})


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what litert-torch and the libraries it brings say and draw."""
    found = {name: os.environ.get(name) for name in SWITCHES}
    os.environ.update(SWITCHES)
    try:
        with hushed_descriptor(2), hushed():  # TensorFlow's core writes past Python's streams
            yield
    finally:
        for name, value in found.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
