"""The modules that the operations of an artifact's own graph come from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from restorect_edge.inference.profiling.graph import Operation, Source, module_of_weight, place

__all__ = ["planned_names", "source_of"]

PLAN = "quantization.json"


def source_of(operations: Sequence[Operation], role: str, planned: Mapping[str, str]) -> Source:
    """Assign an artifact's operations to modules.

    Args:
        operations: of one of its graphs, in order.
        role: `whole`, `prior` or `body`.
        planned: see `planned_names`.
    """
    owners = _owners(operations, role, planned)
    return Source(
        place(operations, owners),
        owners,
        {value: op for op in operations for value in op.gives},
        {op.name: op for op in operations},
    )


def planned_names(folder: Path) -> dict[str, str]:
    """Return names of the weights and biases that an artifact's quantization plan lists, by the same with
    underscores for points; nothing without a plan."""
    path = folder / PLAN
    if not path.is_file():
        return {}
    plan = json.loads(path.read_text(encoding="utf-8"))
    names = [tensor["name"] for tensor in plan["tensors"] if tensor["kind"] == "weight"]
    names += [f"{module}.bias" for module in plan.get("biases", ())]
    return {name.replace(".", "_"): name for name in names}


def _owners(operations: Sequence[Operation], role: str, planned: Mapping[str, str]) -> dict[str, str]:
    """Return the module of each operation that reads weights, directly or through what unpacks them."""
    unpacked: dict[str, str | None] = {}
    owners = {}
    for op in operations:
        modules = [module_of_weight(name, role, planned) for name in op.weights]
        modules += [unpacked[value] for value in op.reads if value in unpacked]
        module = next((m for m in modules if m is not None), None)
        # what reads constants alone unpacks weights for whoever reads it
        if op.kind != "Parameter" and all(value in unpacked for value in op.reads):
            unpacked.update(dict.fromkeys(op.gives, module))
        elif module is not None:
            owners[op.name] = module
    return owners
