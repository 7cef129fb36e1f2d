"""Pairs and options for runs that take seconds."""

from pathlib import Path

import numpy as np
import pytest

from restorect_edge.media.photos import photos
from restorect_edge.training.config import StudentTraining, TeacherTraining


@pytest.fixture(scope="session")
def pairs(saved_pairs) -> Path:
    """Dark photographs and the same, brightened: a task that a few steps improve."""
    dark = photos((96, 128))
    bright = {name: np.minimum(p.astype(np.int64) * 5, 255).astype(np.uint8) for name, p in dark.items()}
    return saved_pairs(dark, bright)


TINY = {
    "batch": 4,
    "patch": 64,
    "warmup": 5,
    "threads": 1,
    "ema": 0.8,
    "learning_rate": 2e-3,
    "iterations": 30,
    "validate_every": 15,
}


@pytest.fixture
def student_options():
    """Return options of a student's tiny run, with changes."""
    return lambda **changes: StudentTraining(**{"preset": "nano", **TINY, **changes})


@pytest.fixture
def teacher_options():
    """Return options of a teacher's tiny run, with changes."""
    return lambda **changes: TeacherTraining(**{"preset": "small", **TINY, "batch": 2, **changes})
