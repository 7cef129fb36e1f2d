"""Core ML's plans, on made-up plans of the right shape; none is recorded on a Mac."""

import sys
from types import SimpleNamespace

import pytest

from restorect_edge.errors import BackendError
from restorect_edge.targets.coreml import units
from restorect_edge.targets.coreml.units import COMPUTE_UNITS, Placement, placement, plan_of

MLCPUComputeDevice = type("MLCPUComputeDevice", (), {})
MLNeuralEngineComputeDevice = type("MLNeuralEngineComputeDevice", (), {})
DEVICES = {"cpu": MLCPUComputeDevice, "neuralEngine": MLNeuralEngineComputeDevice}
PLANNED = [
    ("const", None, None),
    ("conv", "neuralEngine", 0.6),
    ("relu", "neuralEngine", 0.1),
    ("exp", "cpu", 0.3),
]


class Plan:
    """Device and estimated cost by operation, as an `MLComputePlan` gives them."""

    def __init__(self, planned, *, nested=()):
        self.operations = [self.operation(*row) for row in planned]
        for row in nested:
            self.operations[-1].blocks.append(SimpleNamespace(operations=[self.operation(*row)]))
        block = SimpleNamespace(operations=self.operations)
        program = SimpleNamespace(functions={"main": SimpleNamespace(block=block)})
        self.model_structure = SimpleNamespace(program=program)

    def operation(self, name, device, cost):
        return SimpleNamespace(operator_name=name, blocks=[], device=device, cost=cost)

    def get_compute_device_usage_for_mlprogram_operation(self, operation):
        if operation.device is None:
            return None
        return SimpleNamespace(preferred_compute_device=DEVICES[operation.device]())

    def get_estimated_cost_for_mlprogram_operation(self, operation):
        return None if operation.cost is None else SimpleNamespace(weight=operation.cost)


def test_shares_of_operations_and_cost():
    found = placement(Plan(PLANNED))
    assert found.operations == {"neuralEngine": 2, "cpu": 1}
    assert found.cost == pytest.approx({"neuralEngine": 0.7, "cpu": 0.3})
    assert found.summary() == (
        "planned: neuralEngine 67 % of operations, 70 % of estimated cost; "
        "cpu 33 % of operations, 30 % of estimated cost"
    )


def test_operations_inside_of_others_count():
    found = placement(Plan(PLANNED, nested=[("add", "cpu", 0.0)]))
    assert found.operations == {"neuralEngine": 2, "cpu": 2}


def test_a_plan_without_estimates():
    assert placement(Plan([("conv", "cpu", None)])) == Placement(operations={"cpu": 1}, cost={})


def test_only_programs_are_planned():
    with pytest.raises(BackendError, match="export it again"):
        placement(SimpleNamespace(model_structure=SimpleNamespace(program=None)))


def test_the_interface_is_that_of_coremltools():
    pytest.importorskip("coremltools")
    from coremltools import ComputeUnit
    from coremltools.models.compute_plan import MLComputePlan, MLModelStructureProgramOperation
    from coremltools.models.model import MLModel

    assert all(hasattr(ComputeUnit, name) for name in COMPUTE_UNITS.values())
    for name in ("load_from_path", "model_structure", *(n for n in vars(Plan) if n.startswith("get_"))):
        assert hasattr(MLComputePlan, name), name
    assert hasattr(MLModel, "get_compiled_model_path")
    assert {"operator_name", "blocks"} <= MLModelStructureProgramOperation.__dataclass_fields__.keys()


@pytest.mark.skipif(sys.platform == "darwin", reason="says what other systems need")
def test_other_systems_say_what_they_need(tmp_path):
    with pytest.raises(BackendError, match=r"macOS only, this is \w+; .*restorect-edge\[coreml\]"):
        plan_of(tmp_path / "model.mlpackage", "all")


def test_a_mac_needs_nothing():
    assert units.absent(system="darwin") is None
    assert "this is linux" in str(units.absent(system="linux"))


def test_each_compute_unit_is_a_device_of_the_runtime():
    assert units.DEVICES == {
        "cpuOnly": "cpu",
        "cpuAndGPU": "gpu",
        "cpuAndNeuralEngine": "npu",
        "all": "all",
    }
