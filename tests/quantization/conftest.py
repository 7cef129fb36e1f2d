"""A small quantized student, made once a session."""

import pytest

from restorect_edge.media.photos import photos


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
