"""Core ML's compute units, each of which is measured by itself, and where it means to run each operation.

Not run on device: written to the interfaces of coremltools 9 and of macOS.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restorect_edge.errors import BackendError
from restorect_edge.mil.library import library, quiet
from restorect_edge.targets.coreml.runtime import COMPUTE_UNITS as DEVICE_UNITS
from restorect_edge.utils.foreign import reason

__all__ = ["COMPUTE_UNITS", "DEVICES", "NEEDS", "Placement", "absent", "placement", "plan_of", "planned"]

COMPUTE_UNITS = {
    "cpuOnly": "CPU_ONLY",
    "cpuAndGPU": "CPU_AND_GPU",
    "cpuAndNeuralEngine": "CPU_AND_NE",
    "all": "ALL",
}
"""What Core ML may use, by Apple's name, with that of coremltools; it decides by itself what runs where."""
DEVICES = {
    unit: next(device for device, used in DEVICE_UNITS.items() if used == name)
    for unit, name in COMPUTE_UNITS.items()
}
"""Device of the Core ML runtime by Apple's name."""
PLACES = {
    "MLCPUComputeDevice": "cpu",
    "MLGPUComputeDevice": "gpu",
    "MLNeuralEngineComputeDevice": "neuralEngine",
}
NEEDS = (
    "Core ML predicts on macOS only, this is {system}; on a Mac with macOS 14.4 or later run: "
    "pip install 'restorect-edge[coreml]', then the same command"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where Core ML means to run a program's operations, by ``cpu``, ``gpu`` and ``neuralEngine``.

    It is a plan: Core ML's own estimate before anything ran, and no measurement.
    """

    operations: Mapping[str, int]
    """How many operations each device gets; constants, which no device is given, are left out."""
    cost: Mapping[str, float]
    """Share of the estimated cost that each device gets; empty where Core ML gives no estimate."""

    @property
    def share(self) -> dict[str, float]:
        """Share of the operations that each device gets."""
        total = sum(self.operations.values())
        return {device: count / total for device, count in self.operations.items()}

    def summary(self) -> str:
        """Return one line, such as ``planned: neuralEngine 96 % of operations, 99 % of estimated cost``."""
        parts = []
        for device, share in sorted(self.share.items(), key=lambda item: -item[1]):
            cost = f", {100 * self.cost[device]:.0f} % of estimated cost" if device in self.cost else ""
            parts.append(f"{device} {100 * share:.0f} % of operations{cost}")
        return "planned: " + ("; ".join(parts) or "nothing was placed")


def absent(*, system: str = sys.platform) -> BackendError | None:
    """Say what a machine that is no Mac needs; None on a Mac.

    Args:
        system: as `sys.platform` calls it.
    """
    return None if system == "darwin" else BackendError(NEEDS.format(system=system))


def planned(package: Path, unit: str) -> str:
    """Say where Core ML means to run a package's operations, or why it does not say so.

    Args:
        package: an ``.mlpackage``.
        unit: one of `COMPUTE_UNITS`.
    """
    try:
        return placement(plan_of(package, unit)).summary()
    except BackendError as error:
        return f"not planned: {error}"


def plan_of(package: Path, unit: str) -> Any:
    """Compile a package and return its `MLComputePlan`.

    Args:
        package: an ``.mlpackage``.
        unit: one of `COMPUTE_UNITS`.

    Raises:
        BackendError: this is no Mac, or Core ML cannot plan the model.
        MissingDependencyError: coremltools is not installed.
    """
    missing = absent()
    if missing is not None:
        raise missing
    ct = library("the compute plan of Core ML")
    units = ct.ComputeUnit[COMPUTE_UNITS[unit]]
    try:
        with quiet():
            from coremltools.models.compute_plan import MLComputePlan

            model = ct.models.MLModel(str(package), compute_units=units)
            return MLComputePlan.load_from_path(model.get_compiled_model_path(), compute_units=units)
    except Exception as error:  # Core ML's errors come as RuntimeError, ValueError and Exception
        raise BackendError(f"Core ML cannot plan '{package}' for {unit}: {reason(error)}") from error


def placement(plan: Any) -> Placement:
    """Read a compute plan: which device each operation is meant for, and its estimated cost.

    Args:
        plan: an `MLComputePlan` of coremltools, or an object of the same shape.

    Raises:
        BackendError: the model is no ML program.
    """
    program = plan.model_structure.program
    if program is None:
        raise BackendError("Core ML plans ML programs here, and this model is none; export it again")
    counts: dict[str, int] = {}
    costs: dict[str, float] = {}
    for operation in _operations(program.functions["main"].block):
        usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
        if usage is None:
            continue
        name = type(usage.preferred_compute_device).__name__
        device = PLACES.get(name, name)
        counts[device] = counts.get(device, 0) + 1
        cost = plan.get_estimated_cost_for_mlprogram_operation(operation)
        if cost is not None:
            costs[device] = costs.get(device, 0.0) + cost.weight
    total = sum(costs.values())
    return Placement(
        operations=counts, cost={device: cost / total for device, cost in costs.items()} if total else {}
    )


def _operations(block: Any) -> Iterator[Any]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _operations(inner)
