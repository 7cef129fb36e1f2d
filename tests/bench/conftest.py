"""What the tests of this folder share: an INT8 artifact, and ONNX models that nobody else made."""

import numpy as np
import pytest

from restorect_edge.bench import rows


@pytest.fixture
def model(tmp_path):
    """Save a ``.onnx`` file that brightens what it takes, in any layout and type; return its path."""
    onnx = pytest.importorskip("onnx")

    def save(shape, dtype="FLOAT", name="theirs", inputs=1, opset=17):
        kind = onnx.TensorProto.DataType.Value(dtype)
        made = [onnx.helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
        two = onnx.helper.make_tensor("two", kind, [1], [2])
        node = onnx.helper.make_node("Mul", ["x0", "two"], ["y"])
        given = onnx.helper.make_tensor_value_info("y", kind, shape)
        graph = onnx.helper.make_graph([node], "theirs", made, [given], [two])
        opsets = [onnx.helper.make_opsetid("", opset)]
        path = tmp_path / f"{name}.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
        return path

    return save


@pytest.fixture(scope="session")
def bright() -> np.ndarray:
    """(8, 12, 3) uint8, no value of which clips when it is doubled."""
    return np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3) // 3


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl+C comes when the second row is to be measured."""
    measured, real = [], rows.measure

    def measure(*args, **options):
        if measured:
            raise KeyboardInterrupt
        measured.append(real(*args, **options))
        return measured[0]

    monkeypatch.setattr(rows, "measure", measure)
