"""The plan of a quantized student: every scale and every exclusion, as JSON for people and programs."""

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import fx

from restorect_edge.errors import IncompatibleError
from restorect_edge.quantization.options import Calibration
from restorect_edge.quantization.qdq import WEIGHT_MAX, Q, StoredConv2d, module_path
from restorect_edge.quantization.quantize import QuantizedStudent
from restorect_edge.quantization.scope import EXCLUDED, is_convolution

__all__ = ["PLAN_FILE", "QuantPlan", "QuantizedTensor", "graph_rows", "source_name", "tensors_of"]

PLAN_FILE = "quantization.json"
"""Name of the plan inside an artifact."""
SCHEMA_VERSION = 2
SCHEME = "symmetric int8, zero point 0; weights per output channel, activations per tensor"
PRIOR = "arithmetic in float, 3×3 weights stored as int8: it sets the exposure of the whole image"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedTensor:
    """One tensor in int8: its value is level times scale."""

    name: str
    """Of the module in the source: a parameter, or the module that makes an activation; or what an operation
    between modules works on, such as ``body (relu of down2)``."""
    kind: str
    """`weight`, or the operation that makes the activation, such as `relu`."""
    feeds: tuple[str, ...]
    """What reads it; empty for a weight."""
    scale: tuple[float, ...]
    """One per tensor, or one per index along `axis`."""
    axis: int | None
    levels: tuple[int, int]
    """Least and greatest."""
    dtype: str = "int8"
    zero_point: int = 0
    arithmetic: str = "int8"
    """`float` for weights that are only stored as int8."""

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "QuantizedTensor":
        """Take a row of the plan's JSON."""
        low, high = row["levels"]
        return cls(
            **{**row, "feeds": tuple(row["feeds"]), "scale": tuple(row["scale"]), "levels": (low, high)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantPlan:
    """How a student was quantized, and from what."""

    tensors: tuple[QuantizedTensor, ...]
    """In the order of the graph."""
    excluded: tuple[dict[str, str], ...]
    """Name, operation and reason of everything that stays float."""
    biases: Mapping[str, tuple[float, ...]]
    """Of the body's convolutions, by module: NNCF corrects them for what rounding the weights shifts."""
    weights: str
    weights_sha256: str | None
    """None for a student that did not come from a file."""
    steps: int
    """Euler steps of the flows, which z depends on; 0 for a network without."""
    images: int
    calibration_sha256: str
    calibration_source: str
    seed: int
    nncf: str
    scheme: str = SCHEME
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(
        cls, network: Any, calibration: Calibration, *, weights: str, weights_sha256: str | None
    ) -> "QuantPlan":
        """Read the plan off a quantized network.

        Args:
            network: what `quantize_student` returned, or what has `rows`, as a `QuantizedModule` has.
            calibration: the photographs that it was calibrated on.
            weights: name of the weights it was made from.
            weights_sha256: of their file, if they came from one.
        """
        student = isinstance(network, QuantizedStudent)
        tensors, excluded = _rows(network)
        return cls(
            tensors=tuple(tensors),
            excluded=tuple(excluded),
            biases=dict(_biases(network)) if student else {},
            weights=weights,
            weights_sha256=weights_sha256,
            steps=network.prior.steps if student else 0,
            images=calibration.photographs.count,
            calibration_sha256=calibration.photographs.sha256,
            calibration_source=calibration.photographs.source,
            seed=calibration.seed,
            nncf=importlib.metadata.version("nncf"),
        )

    @classmethod
    def read(cls, path: Path) -> "QuantPlan":
        """Read a plan that `write` wrote.

        Raises:
            IncompatibleError: the file is missing, damaged or of another version.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            version = data["schema_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IncompatibleError(
                f"'{path}' is not a quantization plan: {error!r}; export again"
            ) from error
        if version != SCHEMA_VERSION:
            raise IncompatibleError(
                f"'{path}' has schema version {version}, this restorect_edge reads {SCHEMA_VERSION}; "
                "export again"
            )
        try:
            return cls._from_dict(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IncompatibleError(f"'{path}' is damaged: {error!r}; export again") from error

    @classmethod
    def _from_dict(cls, data: dict[str, Any]) -> "QuantPlan":
        data["tensors"] = tuple(QuantizedTensor.from_dict(row) for row in data["tensors"])
        data["excluded"] = tuple(data["excluded"])
        data["biases"] = {name: tuple(values) for name, values in data["biases"].items()}
        return cls(**data)

    def to_json(self) -> str:
        """Return stable, indented JSON with sorted keys; scales have the digits that float32 needs."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def write(self, directory: Path) -> Path:
        """Write ``quantization.json`` below `directory` and return its path."""
        path = directory / PLAN_FILE
        path.write_text(self.to_json(), encoding="utf-8")
        return path


def _rows(network: Any) -> tuple[Iterable[QuantizedTensor], Iterable[dict[str, str]]]:
    """Return a network's tensors in int8, and what stays in float."""
    if isinstance(network, QuantizedStudent):
        tensors, excluded = graph_rows(network)
        prior = {"name": "prior", "operation": "all", "why": PRIOR}
        return (*_prior(network), *tensors), (prior, *excluded)
    tensors, excluded = network.rows()
    return tensors, excluded


def graph_rows(network: Any) -> tuple[Iterator[QuantizedTensor], Iterator[dict[str, str]]]:
    """Return the same of what has a quantized graph, its `body`, and the operations that it leaves out."""
    return _body(network), _excluded(network)


def tensors_of(network: QuantizedStudent) -> tuple[QuantizedTensor, ...]:
    """List everything that a quantized student holds or passes on as int8, in the order of the graph."""
    return (*_prior(network), *_body(network))


def _prior(network: QuantizedStudent) -> Iterator[QuantizedTensor]:
    for name, layer in network.prior.named_modules():
        if isinstance(layer, StoredConv2d):
            yield QuantizedTensor(
                name=f"prior.{name}.weight",
                kind="weight",
                feeds=(),
                scale=tuple(_shortest(s) for s in layer.scale),
                axis=0,
                levels=(-WEIGHT_MAX, WEIGHT_MAX),
                arithmetic="float",
            )


def _body(network: Any) -> Iterator[QuantizedTensor]:
    for node in network.body.graph.nodes:
        # a stored weight belongs to one layer, by whose name the plan has it
        if node.target is Q.dequantize_per_channel.default:
            (reader,) = node.users
            scale = network.body.get_buffer(node.args[1].target)
            yield QuantizedTensor(
                name=f"{source_name(reader)}.weight",
                kind="weight",
                feeds=(),
                scale=tuple(_shortest(s) for s in scale),
                axis=node.args[3],
                levels=(node.args[4], node.args[5]),
            )
        elif node.target is Q.quantize_per_tensor.default:
            origin = node.args[0]
            yield QuantizedTensor(
                name=source_name(origin),
                kind=_operation(origin),
                feeds=tuple(source_name(reader) for reader in _readers(node)),
                scale=(_shortest(node.args[1]),),
                axis=None,
                levels=(node.args[3], node.args[4]),
            )


def _readers(quantize: fx.Node) -> list[fx.Node]:
    """List what reads a quantized value, in the order of the graph."""
    return sorted(reader for dequantize in quantize.users for reader in dequantize.users)


def _excluded(network: Any) -> Iterator[dict[str, str]]:
    for node in network.body.graph.nodes:
        # taking one of several results is no operation of the source
        if node.name in network.excluded and "getitem" not in node.name:
            reason = EXCLUDED[network.excluded[node.name]]
            yield {"name": source_name(node), "operation": _operation(node), "why": reason}


def _biases(network: QuantizedStudent) -> Iterator[tuple[str, tuple[float, ...]]]:
    for node in network.body.graph.nodes:
        bias = node.args[2] if is_convolution(node) and len(node.args) > 2 else None
        if isinstance(bias, fx.Node):
            values = network.body.get_buffer(str(bias.target))
            yield f"body.{module_path(node)}", tuple(_shortest(value) for value in values)


def source_name(node: fx.Node) -> str:
    """Return what the plan calls an operation: its module, or what it works on."""
    path = module_path(node)
    if path:
        return f"body.{path}"
    sources = dict.fromkeys(_origin(source) for source in node.all_input_nodes)
    return f"body ({_operation(node)} of {', '.join(sources)})"


def _origin(node: fx.Node) -> str:
    """Name what a value comes from, looking through quantizers."""
    if node.target in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
        return _origin(node.all_input_nodes[0])
    return node.name if node.op == "placeholder" else module_path(node) or _operation(node)


def _operation(node: fx.Node) -> str:
    target: Any = node.target
    return str(getattr(target, "__name__", target)).split(".")[0]


def _shortest(value: Any) -> float:
    """Return a float32 as the shortest decimal that reads back as it."""
    return float(str(np.float32(value)))
