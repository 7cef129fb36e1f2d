"""The thermal pressure of macOS, by a made-up C library; none is recorded on a Mac."""

import ctypes
import sys
from types import SimpleNamespace

import pytest

from restorect_edge.bench.platforms import apple


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac tells its pressure")
def test_other_systems_tell_no_pressure():
    assert apple.thermal_state() is None


@pytest.mark.parametrize(
    ("level", "failures", "state"),
    [(0, (0, 0), "nominal"), (2, (0, 0), "heavy"), (9, (0, 0), None), (0, (1, 0), None), (0, (0, 1), None)],
)
def test_thermal_pressure(level, failures, state):
    cancelled = []

    def get_state(token, place):
        ctypes.cast(place, ctypes.POINTER(ctypes.c_uint64))[0] = level
        return failures[1]

    system = SimpleNamespace(
        notify_register_check=lambda name, token: failures[0],
        notify_get_state=get_state,
        notify_cancel=cancelled.append,
    )
    assert apple.thermal_state(system) == state
    assert len(cancelled) == (not failures[0])


@pytest.mark.parametrize(
    ("before", "after", "spoils"),
    [
        ("nominal", "moderate", False),
        ("nominal", "heavy", True),
        (None, None, False),
        (None, "trapping", True),
    ],
)
def test_heat_spoils_a_run(before, after, spoils):
    assert bool(apple.warn_hot(before, after)) is spoils
