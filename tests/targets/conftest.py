"""What the tests of several targets share."""

from collections.abc import Callable

import pytest
import torch

from restorect_edge.models.student import Student, StudentConfig


@pytest.fixture(scope="session")
def tiny() -> Callable[[int], Student]:
    """`tiny(steps)` returns a small student, always with the same weights, as it is deployed."""

    def build(steps: int) -> Student:
        sizes = {"latent": 8, "thumbnail": 32, "decomposition": 8, "encoder": 16}
        config = StudentConfig(widths=(8, 8, 8), blocks=(1, 0, 1, 0, 1), steps=steps, **sizes)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Student(config).deploy()

    return build
