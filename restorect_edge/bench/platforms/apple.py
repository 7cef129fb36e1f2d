"""How hot a Mac is: macOS's thermal pressure. Not run on device; other systems tell nothing."""

import ctypes
import sys
from typing import Any

__all__ = ["THERMAL_STATES", "thermal_state", "warn_hot"]

THERMAL_STATES = ("nominal", "moderate", "heavy", "trapping", "sleeping")
"""Thermal pressure levels of macOS, from 0 (``OSThermalNotification.h``)."""
HOT = 2
"""Level from which on macOS slows the machine down."""
PRESSURE = b"com.apple.system.thermalpressurelevel"


def thermal_state(system: Any = None) -> str | None:
    """Return macOS's thermal pressure, one of `THERMAL_STATES`; None where it is not told.

    Args:
        system: macOS's C library; None opens it, and gives None on other systems.
    """
    level = _pressure(system)
    return THERMAL_STATES[level] if level is not None and level < len(THERMAL_STATES) else None


def warn_hot(before: str | None, after: str | None) -> str:
    """Return what the thermal states `before` and `after` a run spoil, empty where they spoil nothing."""
    states = [state for state in (before, after) if state is not None]
    if not any(THERMAL_STATES.index(state) >= HOT for state in states):
        return ""
    return f"thermal pressure {before or 'not known'} before and {after or 'not known'} after the run"


def _pressure(system: Any) -> int | None:
    if system is None:
        if sys.platform != "darwin":
            return None
        system = ctypes.CDLL("/usr/lib/libSystem.dylib")
    token, level = ctypes.c_int(), ctypes.c_uint64()
    if system.notify_register_check(PRESSURE, ctypes.byref(token)) != 0:
        return None
    try:
        failed = system.notify_get_state(token, ctypes.byref(level))
        return None if failed else level.value
    finally:
        system.notify_cancel(token)
