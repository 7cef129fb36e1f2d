"""A small quantized student, made once a session."""

import pytest

from restorect_edge.media.photos import photos
from restorect_edge.quantization.data.dataset import CalibrationSet
from restorect_edge.quantization.options import Calibration


@pytest.fixture(scope="session")
def student():
    """A nano student with fresh weights and one Euler step."""
    pytest.importorskip("nncf")
    from restorect_edge.models import build

    network = build("nano").deploy()
    network.set_steps(1)
    return network


@pytest.fixture(scope="session")
def images():
    """Two dark photographs of 64x96."""
    return list(photos((64, 96)).values())[:2]


@pytest.fixture(scope="session")
def quantized(student, images):
    """The student in INT8."""
    from restorect_edge.quantization.quantize import quantize_student

    return quantize_student(student, images)


@pytest.fixture(scope="session")
def origin():
    """What `QuantPlan.of` is told of a quantized network: two photographs, and weights by name."""
    chosen = CalibrationSet(
        images=(None, None),
        names=("a", "b"),
        sha256="ab" * 32,
        source="two photographs",
        requested=2,
        available=2,
    )
    calibration = Calibration(photographs=chosen, seed=7)
    return {"calibration": calibration, "weights": "tiny", "weights_sha256": "cd" * 32}
