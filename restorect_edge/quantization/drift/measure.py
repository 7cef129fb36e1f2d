"""Drift: how far INT8 takes each module from the float student, measured in one pass in bounded memory.

Each module's output is compared with the float one twice: *accumulated*, where its inputs have drifted
already, and *alone*, where they are the float network's, so that only rounding for this module is seen.
Energies are summed in float64 over pixels, channels and photographs, and activations dropped as soon as
nothing reads them, so memory does not grow with the number of modules or photographs.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from restorect_edge.models.flow import LatentFlow
from restorect_edge.models.student import Prior, Student
from restorect_edge.quantization.qdq import Q, StoredConv2d, module_path
from restorect_edge.quantization.quantize import QuantizedStudent, planes
from restorect_edge.quantization.scope import is_convolution

__all__ = ["STAGES", "Energies", "ModuleDrift", "PairedBody", "measure"]

STAGES = ("prior", "flow", "body", "output")
"""Parts of the report, in the order of the network."""
PAIRS = (
    Q.quantize_per_tensor.default,
    Q.dequantize_per_tensor.default,
    Q.dequantize_per_channel.default,
)
"""What the float network has not."""


@dataclass(slots=True)
class Energies:
    """Running sums that SNR and cosine come from, of any number of tensor pairs."""

    signal: float = 0.0
    noise: float = 0.0
    other: float = 0.0
    product: float = 0.0
    """Σ x·y of float outputs x and stand-ins y; signal is Σ x², noise Σ (x − y)², other Σ y²."""

    def add(self, wanted: Tensor, got: Tensor) -> None:
        """Add a pair of one shape: `wanted`, the float output, and `got`, what stands in for it."""
        x, y = wanted.flatten().double(), got.flatten().double()
        self.signal += float(x @ x)
        self.other += float(y @ y)
        self.product += float(x @ y)
        # in place: activations of whole photographs are large
        y.sub_(x)
        self.noise += float(y @ y)

    @property
    def snr(self) -> float:
        """Energy of the float output over that of the difference, in dB; infinite where nothing differs."""
        if self.noise == 0.0:
            return math.inf
        return 10.0 * math.log10(self.signal / self.noise) if self.signal else -math.inf

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the two, as vectors over everything added; 1 where nothing differs."""
        if self.noise == 0.0:
            return 1.0
        norms = math.sqrt(self.signal) * math.sqrt(self.other)
        return self.product / norms if norms else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleDrift:
    """How far one module's output in INT8 is from the float one."""

    name: str
    """In the source, such as ``body.encode1.0.first``; for a flow, the latent after a step."""
    stage: str
    """One of `STAGES`."""
    snr: float
    """In dB, with inputs that have drifted; infinite where nothing differs."""
    cosine: float
    alone_snr: float | None
    """In dB, with the float network's inputs; None for what is no single module."""
    alone_cosine: float | None


@dataclass(slots=True)
class _Meter:
    stage: str
    accumulated: Energies = field(default_factory=Energies)
    alone: Energies | None = None

    def add(self, wanted: Tensor, got: Tensor, alone: Tensor | None) -> None:
        self.accumulated.add(wanted, got)
        if alone is not None:
            self.alone = self.alone or Energies()
            self.alone.add(wanted, alone)

    def read(self, name: str) -> ModuleDrift:
        return ModuleDrift(
            name=name,
            stage=self.stage,
            snr=self.accumulated.snr,
            cosine=self.accumulated.cosine,
            alone_snr=self.alone.snr if self.alone else None,
            alone_cosine=self.alone.cosine if self.alone else None,
        )


class _Meters(dict[str, _Meter]):
    def add(self, name: str, stage: str, wanted: Tensor, got: Tensor, alone: Tensor | None = None) -> None:
        self.setdefault(name, _Meter(stage)).add(wanted, got, alone)


def measure(
    student: Student, quantized: QuantizedStudent, photographs: Iterable[NDArray[np.uint8]]
) -> tuple[ModuleDrift, ...]:
    """Run both networks on photographs and compare every module with weights, and every step of the flows.

    The body gets z of the float prior, so that its drift is its own; the last row is the whole network with z
    of the quantized prior.

    Args:
        student: fused, in evaluation mode.
        quantized: made from it by `quantize_student` or `rebuild`.
        photographs: (H, W, 3) uint8 RGB, read one at a time.

    Returns:
        By stage, and within one in the order of the graph.

    Raises:
        UsageError: a photograph with a side under 8 pixels.
    """
    meters = _Meters()
    with torch.no_grad():
        for levels in photographs:
            _compare(student, quantized, planes(levels), meters)
    rows = [meter.read(name) for name, meter in meters.items()]
    return tuple(sorted(rows, key=lambda row: STAGES.index(row.stage)))


def _compare(student: Student, quantized: QuantizedStudent, image: Tensor, meters: _Meters) -> None:
    z, drifted_z = _compare_priors(student.prior, quantized.prior, student.thumbnail(image), meters)
    restored = PairedBody(quantized.body, student.body, meters).run(image, z)
    meters.add("body", "output", restored.wanted, restored.got)
    meters.add("student", "output", restored.wanted, quantized.body(image, drifted_z))


# prior: its input has a fixed size, so the outputs of one image may be held


def _compare_priors(
    prior: Prior, quantized: Prior, thumbnail: Tensor, meters: _Meters
) -> tuple[Tensor, Tensor]:
    """Compare module by module and return z of both."""
    with _tapped(prior) as wanted:
        z: Tensor = prior(thumbnail)
    with _tapped(quantized) as got:
        drifted_z: Tensor = quantized(thumbnail)
    for name, (given, output) in wanted.layers.items():
        alone = quantized.get_submodule(name)(given)
        meters.add(f"prior.{name}", "prior", output, got.layers[name][1], alone)
    for name, latent in wanted.latents():
        meters.add(f"prior.{name}", "flow", latent, got.after[name])
    return z, drifted_z


@dataclass(slots=True)
class _Taps:
    """What passed through a prior for one image."""

    layers: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Input and output of each layer outside of the flows."""
    flows: dict[str, list[Tensor]] = field(default_factory=dict)
    """z before each step, and at last after them."""

    def latents(self) -> Iterator[tuple[str, Tensor]]:
        """Yield z after each step, under its name."""
        for name, states in self.flows.items():
            yield from ((f"{name} step {k}", z) for k, z in enumerate(states) if k)

    @property
    def after(self) -> dict[str, Tensor]:
        return dict(self.latents())


@contextmanager
def _tapped(prior: Prior) -> Iterator[_Taps]:
    taps = _Taps()
    flows = {name: part for name, part in prior.named_children() if isinstance(part, LatentFlow)}
    with ExitStack() as hooks:
        for name, module in prior.named_modules():
            if isinstance(module, (nn.Conv2d, StoredConv2d)) and name.partition(".")[0] not in flows:
                hooks.enter_context(module.register_forward_hook(_layer_hook(taps, name)))
        for name, flow in flows.items():
            states = taps.flows.setdefault(name, [])
            hooks.enter_context(flow.from_latent.register_forward_hook(_input_hook(states)))
            hooks.enter_context(flow.register_forward_hook(_output_hook(states)))
        yield taps


def _layer_hook(taps: _Taps, name: str) -> Any:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        taps.layers[name] = inputs[0], output

    return hook


def _input_hook(states: list[Tensor]) -> Any:
    return lambda module, inputs, output: states.append(inputs[0])


def _output_hook(states: list[Tensor]) -> Any:
    return lambda module, inputs, output: states.append(output)


# body: one walk through the quantized graph computes both networks side by side


@dataclass(frozen=True, slots=True)
class _Lanes:
    """A value of the graph as the three computations have it."""

    wanted: Any
    """In the float network."""
    got: Any
    """In the quantized network."""
    alone: Any
    """What a module that is fed by the float network takes: `wanted`, rounded where it is rounded for it."""


class PairedBody(fx.Interpreter):
    """Runs a quantized body and its float form together, so that outputs are compared as they appear.

    Args:
        quantized: the body's graph.
        source: the float body.
        meters: where each convolution's outputs are added.
    """

    def __init__(self, quantized: fx.GraphModule, source: nn.Module, meters: _Meters) -> None:
        super().__init__(quantized)
        self._parameters = {name.replace(".", "_"): value for name, value in source.named_parameters()}
        self._meters = meters

    def run_node(self, n: fx.Node) -> Any:
        """Compute an operation in every lane, and compare if it is a module's."""
        if n.op in ("placeholder", "get_attr"):
            value = super().run_node(n)
            return _Lanes(self._parameters.get(str(n.target), value), value, value)
        if n.op == "output":
            return super().run_node(n)
        wanted = self._lane(n, "wanted") if n.target not in PAIRS else self._source(n).wanted
        got, alone = self._lane(n, "got"), wanted
        if n.target in PAIRS:
            alone = self._lane(n, "alone")
        elif is_convolution(n):
            self._meters.add(f"body.{module_path(n)}", "body", wanted, got, self._lane(n, "alone"))
        return _Lanes(wanted, got, alone)

    def _source(self, n: fx.Node) -> _Lanes:
        lanes: _Lanes = self.env[n.all_input_nodes[0]]
        return lanes

    def _lane(self, n: fx.Node, lane: str) -> Any:
        arguments, keywords = fx.node.map_arg(
            (n.args, n.kwargs), lambda source: getattr(self.env[source], lane)
        )
        target: Any = n.target
        return target(*arguments, **keywords)
