"""What the CPU is called and which 8-bit instructions it has."""

import os
import platform
from pathlib import Path

from restorect_edge.errors import UsageError

__all__ = ["CPUINFO", "SWITCH", "cpu_name", "has_vnni"]

CPUINFO = Path("/proc/cpuinfo")
MODEL = "proc/device-tree/model"
VNNI = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Linux's names of instructions that add 8-bit products into 32 bits; AVX2's vpmaddubsw saturates at 16."""
SWITCH = "RESTORECT_EDGE_VNNI"
"""Environment variable that says for the CPU whether it has VNNI, ``0`` or ``1``."""


def cpu_name(root: Path | None = None) -> str:
    """Return the CPU's or the board's name as the system gives it.

    Args:
        root: where its ``proc`` lies, if not at the top.
    """
    described = (CPUINFO if root is None else root / "proc/cpuinfo"), (root or Path("/")) / MODEL
    for file in described:
        for line in file.read_text(errors="replace").splitlines() if file.is_file() else []:
            if file.name == "model":
                return line.strip("\0 ")
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def has_vnni() -> bool | None:
    """Say whether an x86 CPU adds 8-bit products without saturating; None where that cannot be read.

    Only Linux says so in a file, and only x86 CPUs have the question. `SWITCH` overrides what is found.

    Raises:
        UsageError: `SWITCH` is set to something else than 0 or 1.
    """
    said = os.environ.get(SWITCH)
    if said:
        if said not in ("0", "1"):
            raise UsageError(
                f"{SWITCH} says whether the CPU has VNNI, 0 or 1, got '{said}'; unset it to look"
            )
        return said == "1"
    lines = CPUINFO.read_text(errors="replace").splitlines() if CPUINFO.is_file() else []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    return None if flags is None else not VNNI.isdisjoint(flags)
