"""The operations of an artifact's own graph, as its file names them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restorect_edge.bench.profile.graph import Operation, Source, module_of_weight, place
from restorect_edge.errors import MissingDependencyError

__all__ = ["onnx_operations", "openvino_operations", "planned_names", "source_of"]

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
    """Return names of the weights and biases that an artifact's quantisation plan lists, by the same with
    underscores for points; nothing without a plan."""
    path = folder / PLAN
    if not path.is_file():
        return {}
    plan = json.loads(path.read_text(encoding="utf-8"))
    names = [tensor["name"] for tensor in plan["tensors"] if tensor["kind"] == "weight"]
    names += [f"{module}.bias" for module in plan.get("biases", ())]
    return {name.replace(".", "_"): name for name in names}


def onnx_operations(path: Path) -> list[Operation]:
    """Read the nodes of an ``.onnx`` file.

    Raises:
        MissingDependencyError: the library `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("naming the operations of an ONNX graph", "export") from error
    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    return [
        Operation(
            name=node.name,
            kind=node.op_type,
            reads=tuple(name for name in node.input if name and name not in constants),
            gives=tuple(node.output),
            weights=tuple(name for name in node.input if name in constants),
        )
        for node in graph.node
        if node.op_type != "Constant"
    ]


def openvino_operations(model: Any) -> list[Operation]:
    """Return the operations of an OpenVINO model, of a file or as it is executed."""
    return [_openvino_operation(op) for op in model.get_ordered_ops() if op.get_type_name() != "Constant"]


def _openvino_operation(op: Any) -> Operation:
    sources = [value.get_source_output().get_node() for value in op.inputs()]
    constant = [node.get_type_name() == "Constant" for node in sources]
    names = [node.get_friendly_name() for node in sources]
    ports = [value.get_source_output().get_index() for value in op.inputs()]
    info = op.get_rt_info()
    made_of = str(info["originalLayersNames"].value) if "originalLayersNames" in info else ""
    kind = str(info["layerType"].value) if "layerType" in info else op.get_type_name()
    return Operation(
        name=op.get_friendly_name(),
        kind=kind,
        reads=tuple(f"{n}:{p}" for n, p, fixed in zip(names, ports, constant, strict=True) if not fixed),
        gives=tuple(f"{op.get_friendly_name()}:{index}" for index in range(op.get_output_size())),
        weights=tuple(name for name, fixed in zip(names, constant, strict=True) if fixed),
        sources=tuple(filter(None, made_of.split(","))),
    )


def _owners(operations: Sequence[Operation], role: str, planned: Mapping[str, str]) -> dict[str, str]:
    """Return the module of each operation that reads weights, directly or through what unpacks them."""
    unpacked: dict[str, str | None] = {}
    owners = {}
    for op in operations:
        modules = [module_of_weight(name, role, planned) for name in op.weights]
        modules += [unpacked[value] for value in op.reads if value in unpacked]
        module = next((m for m in modules if m is not None), None)
        if op.kind != "Parameter" and all(value in unpacked for value in op.reads):
            unpacked.update(dict.fromkeys(op.gives, module))
        elif module is not None:
            owners[op.name] = module
    return owners
