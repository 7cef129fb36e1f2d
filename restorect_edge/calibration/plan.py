"""The plan of a quantised student: every scale and every exclusion, as JSON for people and programs."""

import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import fx

from restorect_edge.calibration._qdq import Q, StoredConv2d, module_path
from restorect_edge.calibration._scope import EXCLUDED
from restorect_edge.calibration.quantize import QuantizedStudent

__all__ = ["PLAN_FILE", "QuantPlan", "QuantizedTensor"]

PLAN_FILE = "quantization.json"
"""Name of the plan inside an artifact."""
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
    dtype: str = "int8"
    zero_point: int = 0
    arithmetic: str = "int8"
    """`float` for weights that are only stored as int8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantPlan:
    """How a student was quantised, and from what."""

    tensors: tuple[QuantizedTensor, ...]
    """In the order of the graph."""
    excluded: tuple[dict[str, str], ...]
    """Name, operation and reason of everything that stays float."""
    images: int
    calibration_sha256: str
    calibration_source: str
    seed: int
    nncf: str
    scheme: str = SCHEME
    schema_version: int = 1

    @classmethod
    def of(
        cls, network: QuantizedStudent, *, images: int, sha256: str, source: str, seed: int
    ) -> "QuantPlan":
        """Read the plan off a quantised student.

        Args:
            network: what `quantize_student` returned.
            images: how many photographs it was calibrated on.
            sha256: of the calibration set.
            source: what the photographs are, in words.
            seed: of their choice.
        """
        return cls(
            tensors=(*_prior(network), *_body(network)),
            excluded=({"name": "prior", "operation": "all", "why": PRIOR}, *_excluded(network)),
            images=images,
            calibration_sha256=sha256,
            calibration_source=source,
            seed=seed,
            nncf=importlib.metadata.version("nncf"),
        )

    def to_json(self) -> str:
        """Return stable, indented JSON with sorted keys; scales have the digits that float32 needs."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def write(self, directory: Path) -> Path:
        """Write ``quantization.json`` below `directory` and return its path."""
        path = directory / PLAN_FILE
        path.write_text(self.to_json(), encoding="utf-8")
        return path


def _prior(network: QuantizedStudent) -> Iterator[QuantizedTensor]:
    for name, layer in network.prior.named_modules():
        if isinstance(layer, StoredConv2d):
            yield QuantizedTensor(
                name=f"prior.{name}.weight",
                kind="weight",
                feeds=(),
                scale=tuple(_shortest(s) for s in layer.scale),
                axis=0,
                arithmetic="float",
            )


def _body(network: QuantizedStudent) -> Iterator[QuantizedTensor]:
    for node in network.body.graph.nodes:
        if node.target is Q.dequantize_per_channel.default:
            (reader,) = node.users
            scale = network.body.get_buffer(node.args[1].target)
            yield QuantizedTensor(
                name=f"{_name(reader)}.weight",
                kind="weight",
                feeds=(),
                scale=tuple(_shortest(s) for s in scale),
                axis=node.args[3],
            )
        elif node.target is Q.quantize_per_tensor.default:
            origin = node.args[0]
            yield QuantizedTensor(
                name=_name(origin),
                kind=_operation(origin),
                feeds=tuple(_name(reader) for half in node.users for reader in half.users),
                scale=(_shortest(node.args[1]),),
                axis=None,
            )


def _excluded(network: QuantizedStudent) -> Iterator[dict[str, str]]:
    for node in network.body.graph.nodes:
        if node.name in network.excluded and "getitem" not in node.name:
            reason = EXCLUDED[network.excluded[node.name]]
            yield {"name": _name(node), "operation": _operation(node), "why": reason}


def _name(node: fx.Node) -> str:
    path = module_path(node)
    if path:
        return f"body.{path}"
    sources = dict.fromkeys(_origin(source) for source in node.all_input_nodes)
    return f"body ({_operation(node)} of {', '.join(sources)})"


def _origin(node: fx.Node) -> str:
    """Name what a value comes from, looking through quantisers."""
    if node.target in (Q.quantize_per_tensor.default, Q.dequantize_per_tensor.default):
        return _origin(node.all_input_nodes[0])
    return node.name if node.op == "placeholder" else module_path(node) or _operation(node)


def _operation(node: fx.Node) -> str:
    target: Any = node.target
    return str(getattr(target, "__name__", target)).split(".")[0]


def _shortest(value: Any) -> float:
    """Return a float32 as the shortest decimal that reads back as it."""
    return float(str(np.float32(value)))
